"""A move's loss, forward and backward pass with penalties included, as one flat graph of operations.

The move is played once before the eyes of `make_fx`, below autograd: what comes out holds the gradients themselves (of
second order, too, where a penalty differentiates), so that nobody has to understand how they came about. Everything the
graph works on is handed in anew with every move: samples, the numbers that the loss drew, controls, weights and
buffers. What a loss decides by a control (a trick of strength 0 is dormant) is noted, and another graph is made when it
would decide otherwise.

What cannot be handed in cannot be traced: a loss that keeps tensors of its own from move to move, or looks into them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games import Controls, Game, Replicated
from zerosum.training.moves import Compute, Computed
from zerosum.training.tally import Entry

CLOSE = 0.2
"""How far compiled gradients may be from the others, over the length of these: bfloat16 is rounded elsewhere."""
SAME = 1e-3
"""How far a recording's may be from what was recorded: sums in another order, no more."""


class NotCompilableError(Exception):
    """A loss does something that a graph cannot hold; the message says what."""


def flat(gradients: Sequence[Tensor | None]) -> Tensor:
    """All gradients in one row, float32."""
    return torch.cat([g.detach().reshape(-1).float() for g in gradients if g is not None])


def first_line(error: Exception) -> str:
    """What an error says, without the rest of it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


@dataclass
class Graph:
    """What a move computes, as a graph, and what that is to be handed.

    Attributes:
        run: the graph: all that is handed to it -> gradients that are there, and values in a row.
        script: what the loss draws.
        names: of the controls that it calculates with.
        held: weights and buffers.
        present: which gradients there are.
        values: names of what is written down.
        plain: gradients that the loss itself came to when it was traced.
    """

    run: Callable[..., Sequence[Tensor]]
    script: "Script"
    names: list[str]
    held: list[Tensor]
    present: list[bool]
    values: tuple[str, ...]
    plain: list[Tensor | None]
    numbers: dict[str, tuple[float, Tensor]] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, batch: Batch, draw: Draw, controls: Controls) -> Computed:
        """Run it."""
        return self.told(self.run(*self.handed(batch, draw, controls), *self.held))

    def handed(self, batch: Batch, draw: Draw, controls: Controls) -> list[Tensor]:
        """What is handed to the graph in front of weights and buffers."""
        numbers = [self._number(name, controls[name], draw.device) for name in self.names]
        return [*tensors_in(batch), *numbers, *self.script.numbers(draw)]

    def told(self, found: Sequence[Tensor]) -> Computed:
        """What the graph came to."""
        *gradients, values = found
        rest = iter(gradients)
        return [next(rest) if present else None for present in self.present], Entry(self.values, values)

    def _number(self, name: str, value: float, device: torch.device) -> Tensor:
        """A control on the device, sent there only when it has changed."""
        known = self.numbers.get(name)
        if known is None or known[0] != value:
            known = self.numbers[name] = (value, torch.tensor(value, dtype=torch.float32, device=device))
        return known[1]


def traced(
    compute: Compute,
    game: Game,
    batch: Batch,
    draw: Draw,
    controls: Controls,
    forks: "list[Fork]",
    simpler: Mapping[Any, Callable[..., Any]] | None = None,
) -> Graph:
    """The graph of a move; nothing of the game changes.

    The move is played to see what it draws, then to see what it computes. `forks` are filled on the way; operations in
    `simpler` are made of others.

    Raises:
        NotCompilableError: there can be no such graph.
    """
    script, shape, buffers = Script(), list[Any](), buffers_of(game)

    def play(*tensors: Tensor) -> list[Tensor]:
        parts = iter(tensors)
        handed = with_tensors(batch, parts)
        handles = {name: Handle(name, value, next(parts), forks) for name, value in controls.items()}
        gradients, entry = compute(handed, Replaying(draw, parts), handles)  # type: ignore[arg-type]
        shape[:] = [[gradient is not None for gradient in gradients], entry.names]
        return [*(gradient for gradient in gradients if gradient is not None), entry.values]

    with refusing():
        with unchanged(game):
            plain, _ = compute(batch, Recording(draw.sub(), script), controls)  # type: ignore[arg-type]
        numbers = [torch.tensor(value, device=draw.device) for value in controls.values()]
        with unchanged(game):
            handed = [*tensors_in(batch), *numbers, *script.numbers(draw.sub())]
            module = make_fx(play, decomposition_table=simpler)(*handed)
            if any(owner.get_buffer(name) is not buffer for owner, name, buffer in buffers):
                raise NotCompilableError("it puts a tensor into the place of another")
        names = only_used(module, list(controls), len(tensors_in(batch)))
        held = lift(module, {id(tensor) for tensor in tensors_of(game)})
        present, values = shape
        return Graph(module, script, names, held, present, values, plain)


def code_of(module: Any, handed: Sequence[Tensor]) -> Callable[..., Sequence[Tensor]]:
    """A graph as compiled code for tensors of such shapes.

    Inductor is given the graph itself: nothing is left for Dynamo to trace, nor to guard in every call.
    """
    from torch._inductor import compile as inductor  # takes a second; most trainings compile nothing

    with torch.no_grad():
        run: Callable[..., Sequence[Tensor]] = inductor(module, list(handed), {"fallback_random": True})
    return run


@contextmanager
def refusing() -> Iterator[None]:
    """What goes wrong while a graph is made, as a NotCompilableError."""
    try:
        yield
    except (RuntimeError, TypeError, AttributeError) as error:
        raise NotCompilableError(first_line(error)) from error


def refuse_apart(plain: Sequence[Tensor | None], found: Sequence[Tensor | None], close: float = CLOSE) -> None:
    """Raise a NotCompilableError where gradients are not those that are wanted."""
    wanted, got = flat(plain), flat(found)
    apart = float((got - wanted).norm() / wanted.norm().clamp_min(1e-30))
    if not apart <= close:
        raise NotCompilableError(f"its gradients come out {apart:.2g} apart")


def only_used(module: fx.GraphModule, names: Sequence[str], first: int) -> list[str]:
    """Take the controls that a graph does not calculate with from its arguments, which begin at the place `first`.

    Returns:
        The names of those that are left.
    """
    arguments = [node for node in module.graph.nodes if node.op == "placeholder"]
    numbers = dict(zip(names, arguments[first:], strict=False))
    for node in numbers.values():
        if not node.users:
            module.graph.erase_node(node)
    module.recompile()
    return [name for name, node in numbers.items() if node.users]


def lift(module: fx.GraphModule, known: set[int]) -> list[Tensor]:
    """Turn the tensors that a graph reads from outside into further arguments of it; the tensors.

    Raises:
        NotCompilableError: one of them belongs to nobody: it would stay for ever what it is now.
    """
    places: dict[int, fx.Node] = {}
    held: list[Tensor] = []
    last = [node for node in module.graph.nodes if node.op == "placeholder"][-1]
    for node in [node for node in module.graph.nodes if node.op == "get_attr"]:
        tensor = getattr(module, node.target)
        if id(tensor) not in known:
            if all(user.target is torch.ops.aten.lift_fresh_copy.default for user in node.users):
                continue  # a constant that the loss wrote down itself
            raise NotCompilableError(f"it keeps a tensor of shape {tuple(tensor.shape)} of its own")
        if id(tensor) not in places:
            with module.graph.inserting_after(last):
                last = places[id(tensor)] = module.graph.placeholder(f"held_{len(held)}")
            held.append(tensor)
        node.replace_all_uses_with(places[id(tensor)])
        module.graph.erase_node(node)
    module.recompile()
    return held


@contextmanager
def unchanged(game: Game) -> Iterator[None]:
    """Buffers of the game, and torch's own random numbers, are afterwards what they were before."""
    before = [(owner, name, buffer, buffer.clone()) for owner, name, buffer in buffers_of(game)]
    devices = {buffer.device for buffer in tensors_of(game) if buffer.device.type == "cuda"}
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            for owner, name, buffer, value in before:
                setattr(owner, name, buffer)
                buffer.detach().copy_(value)


def modules_of(game: Game) -> list[nn.Module]:
    """All modules that a game's losses may use."""
    whole = nn.ModuleList([*game.networks.values(), game.state])
    return list(whole.modules())


def buffers_of(game: Game) -> list[tuple[nn.Module, str, Tensor]]:
    """All buffers, with the module and the name that each has."""
    return [(m, name, buffer) for m in modules_of(game) for name, buffer in m.named_buffers(recurse=False)]


def tensors_of(game: Game) -> list[Tensor]:
    """Weights and buffers that stay in their place while a game is played."""
    lasting = [module for module in modules_of(game) if not isinstance(module, Replicated)]
    return [tensor for m in lasting for tensor in (*m.parameters(recurse=False), *m.buffers(recurse=False))]


def tensors_in(batch: Batch) -> list[Tensor]:
    """The tensors of a batch."""
    return [value for entry in fields(batch) if (value := getattr(batch, entry.name)) is not None]


def with_tensors(batch: Batch, tensors: Iterator[Tensor]) -> Batch:
    """The same batch of other tensors."""
    names = [entry.name for entry in fields(batch) if getattr(batch, entry.name) is not None]
    return replace(batch, **{name: next(tensors) for name in names})


# --- controls ---


@dataclass(frozen=True)
class Fork:
    """Something that a loss decided by the value of a control."""

    control: str
    test: Callable[[float], object]
    outcome: object


class Handle:
    """A control in a loss that is traced: a tensor to calculate with, and a number to decide by.

    Decisions are noted in `forks`. What is neither raises a TypeError.
    """

    def __init__(self, name: str, value: float, tensor: Tensor, forks: list[Fork]) -> None:
        self.name, self.value, self.tensor, self.forks = name, value, tensor, forks

    def _decide(self, test: Callable[[float], Any]) -> Any:
        outcome = test(self.value)
        self.forks.append(Fork(self.name, test, outcome))
        return outcome

    def __bool__(self) -> bool:
        return bool(self._decide(bool))

    def __int__(self) -> int:
        return int(self._decide(int))

    def __float__(self) -> float:
        return float(self._decide(float))

    def __lt__(self, other: float) -> bool:
        return bool(self._decide(lambda value: value < other))

    def __gt__(self, other: float) -> bool:
        return bool(self._decide(lambda value: value > other))

    def __mul__(self, other: Any) -> Tensor:
        product: Tensor = self.tensor * bare(other)
        return product

    __rmul__ = __mul__

    def __neg__(self) -> Tensor:
        negative: Tensor = -self.tensor
        return negative

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Torch's operations calculate with the tensor."""
        return func(*map(bare, args), **{name: bare(value) for name, value in (kwargs or {}).items()})


def bare(value: Any) -> Any:
    """The tensor of a handle; anything else as it is."""
    return value.tensor if isinstance(value, Handle) else value


# --- randomness ---


@dataclass
class Script:
    """What a loss asks of its draw, in order.

    Attributes:
        subs: of every draw that was made of another one, the other's place and the key.
        calls: the place of the draw that was asked, the method and its arguments.
    """

    subs: list[tuple[int, tuple[int | str, ...]]] = field(default_factory=list)
    calls: list[tuple[int, str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def numbers(self, draw: Draw) -> list[Tensor]:
        """The numbers that a draw gives when it is asked all that."""
        draws = [draw]
        for place, key in self.subs:
            draws.append(draws[place].sub(*key))
        return [getattr(draws[place], method)(*args, **how) for place, method, args, how in self.calls]


class Scripted:
    """A draw in a loss that is traced, without a key or a generator: what they give would stay what it is."""

    def __init__(self, draw: Draw) -> None:
        self.device, self.rank, self.world = draw.device, draw.rank, draw.world

    def normal(self, *args: int, **how: Any) -> Tensor:
        """As of a `Draw`."""
        return self.ask("normal", args, how)

    def uniform(self, *args: int, **how: Any) -> Tensor:
        """As of a `Draw`."""
        return self.ask("uniform", args, how)

    def integers(self, *args: int, **how: Any) -> Tensor:
        """As of a `Draw`."""
        return self.ask("integers", args, how)

    def permutation(self, *args: int, **how: Any) -> Tensor:
        """As of a `Draw`."""
        return self.ask("permutation", args, how)

    def ask(self, method: str, args: tuple[int, ...], how: dict[str, Any]) -> Tensor:
        """Numbers."""
        raise NotImplementedError


class Recording(Scripted):
    """Gives a draw's own numbers, and writes down what it was asked."""

    def __init__(self, draw: Draw, script: Script, place: int = 0) -> None:
        super().__init__(draw)
        self.draw, self.script, self.place = draw, script, place

    def sub(self, *key: int | str) -> "Recording":
        """As of a `Draw`."""
        self.script.subs.append((self.place, key))
        return Recording(self.draw.sub(*key), self.script, len(self.script.subs))

    def ask(self, method: str, args: tuple[int, ...], how: dict[str, Any]) -> Tensor:
        """Numbers of the draw."""
        self.script.calls.append((self.place, method, args, how))
        numbers: Tensor = getattr(self.draw, method)(*args, **how)
        return numbers


class Replaying(Scripted):
    """Gives numbers that are handed to it, in order."""

    def __init__(self, draw: Draw, numbers: Iterator[Tensor]) -> None:
        super().__init__(draw)
        self.numbers = numbers

    def sub(self, *key: int | str) -> "Replaying":
        """As of a `Draw`."""
        return self

    def ask(self, method: str, args: tuple[int, ...], how: dict[str, Any]) -> Tensor:
        """The next of the numbers."""
        return next(self.numbers)
