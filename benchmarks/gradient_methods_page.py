"""Writes `docs/gradient-methods.md` and its pictures: games of two numbers, played by the engine, and mixtures.

The games are played anew (seconds); figures on mixtures are those on record of `gradient_methods.py`.
"""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes

import gradient_methods
from records import RESULTS
from results import cell, circumstances, grouped, load
from zerosum.data import open_data
from zerosum.games import CONSENSUS, Game
from zerosum.games.known import bilinear, dirac
from zerosum.losses import ADVERSARIAL
from zerosum.optimizers import Optimizer
from zerosum.schedules import Steps
from zerosum.training.devices import make_fabric
from zerosum.training.engine import Engine
from zerosum.training.lookahead import Pace
from zerosum.training.plan import Plan
from zerosum.training.progress import Progress

DOCS = RESULTS.parents[1] / "docs"
PICTURES = DOCS / "pictures" / "gradient-methods"
RATE, ROUNDS = 0.1, 300
NEAR = (1e-5, 1e-5)
"""Close enough to the equilibrium of the Dirac-GAN for what is of second order not to count."""


SGD = Optimizer(name="sgd", lr=RATE)
MOMENTUM = replace(SGD, name="momentum", betas=(-0.3, 0.999))


@dataclass(frozen=True, kw_only=True)
class Way:
    """How the games are played.

    Attributes:
        said: in words.
        flags: on the command line.
        rate: of the bilinear game in closed form, how many times farther from the equilibrium a round leads.
        formula: the same as it is written.
        cost: gradients a round; products with J count as one each.
        order, optimizer, lookahead: see `Plan`.
        memory: rounds that the next one depends on.
    """

    said: str
    flags: str
    rate: float
    formula: str
    cost: int
    order: str = "simultaneous"
    optimizer: Optimizer = SGD
    lookahead: int = 0
    memory: int = 1


def with_momentum() -> float:
    """Of alternating play with negative momentum: the spectral radius of a round (Gidel 2019, equation 9)."""
    beta = MOMENTUM.betas[0]
    roots = np.roots([1, RATE**2 - 2 - 2 * beta, 1 + 4 * beta + beta**2, -2 * beta * (1 + beta), beta**2])
    return float(max(abs(roots)))


WAYS = [
    Way(said="simultaneous", flags="--order simultaneous", rate=math.hypot(1, RATE), formula="√(1 + η²)", cost=1),
    Way(said="alternating", flags="", order="critic-first", rate=1.0, formula="1", cost=1),
    Way(
        said="negative momentum, alternating, β = -0.3",
        flags="--optimizer momentum --betas -0.3 0.999",
        order="critic-first",
        optimizer=MOMENTUM,
        rate=with_momentum(),
        formula="a root of a quartic",
        cost=1,
        memory=2,
    ),
    Way(
        said="lookahead, k = 5, α = ½",
        flags="--order simultaneous --lookahead 5",
        lookahead=5,
        rate=abs(0.5 + 0.5 * (1 - 1j * RATE) ** 5) ** 0.2,
        formula="abs(1 - α + α (1 - ηi)^k)^(1/k)",
        cost=1,
    ),
    Way(
        said="optimistic",
        flags="--order simultaneous --optimistic",
        optimizer=replace(SGD, optimistic=True),
        rate=math.sqrt((1 + math.sqrt(1 - 4 * RATE**2)) / 2),
        formula="√((1 + √(1 - 4η²)) / 2)",
        cost=1,
        memory=2,
    ),
    Way(
        said="extragradient",
        flags="--order extragradient",
        order="extragradient",
        rate=math.sqrt(1 - RATE**2 + RATE**4),
        formula="√(1 - η² + η⁴)",
        cost=2,
    ),
    Way(
        said="consensus, γ = 1",
        flags="--order consensus --consensus-weight 1",
        order="consensus",
        rate=math.hypot(1 - RATE, RATE),
        formula="√((1 - ηγ)² + η²)",
        cost=2,
    ),
    Way(
        said="symplectic",
        flags="--order symplectic",
        order="symplectic",
        rate=math.hypot(1 - RATE, RATE),
        formula="√((1 - η)² + η²)",
        cost=3,
    ),
]
DIRAC = ADVERSARIAL["non-saturating"]
Made = Callable[[Optimizer, tuple[float, float]], Game]
GAMES: dict[str, Made] = {
    "bilinear": lambda optimizer, start: bilinear(optimizer, start),
    "dirac": lambda optimizer, start: dirac(DIRAC, optimizer, start=start),
    "dirac-r1": lambda optimizer, start: dirac(DIRAC, optimizer, start=start, gamma=0.5),
}

HEAD = """# Gradient methods for games

Everyone lowers a loss of their own, but all losses depend on all weights. Where plain steps then lead is the field

$$\\xi(w) = \\bigl(\\nabla_{w_1} L_1(w), \\dots, \\nabla_{w_n} L_n(w)\\bigr), \\qquad J = \\nabla \\xi,$$

and near an equilibrium it may turn round: eigenvalues of $J$ are imaginary, steps circle, or leave. Here are the ways of
playing that were published against this, each of which any pair can be played with. They differ in nothing else, and
they compose: optimism and momentum belong to the optimizer, lookahead to the plan, the rest is the order of play, which
may change in the course of a training (`--order "critic-first, extragradient@100000"`).

| option | a round | source |
| --- | --- | --- |
| `--order critic-first`, `generator-first` | each answers the move before | Goodfellow 2014 |
| `--order simultaneous` | $w \\leftarrow w - \\eta\\, \\xi(w)$ | |
| `--order extragradient` | $w' = w - \\eta\\, \\xi(w)$, then $w \\leftarrow w - \\eta\\, \\xi(w')$ | Korpelevich 1976, Gidel 2019 |
| `--order consensus` | $w \\leftarrow w - \\eta\\, (\\xi + \\gamma J^\\top \\xi)$, with `--consensus-weight` $\\gamma$ | Mescheder 2017 |
| `--order symplectic` | $w \\leftarrow w - \\eta\\, (\\xi + \\lambda A^\\top \\xi)$, $A = (J - J^\\top)/2$, $\\lambda = \\pm 1$ | Balduzzi 2018 |
| `--optimistic` | $w \\leftarrow w + 2 u_t - u_{t-1}$, $u_t$ the optimizer's update | Daskalakis 2018 |
| `--betas` $\\beta_1 < 0$ | momentum against the last step, in Adam or `--optimizer momentum` | Gidel 2019 (negative momentum) |
| `--lookahead` $k$ | every $k$ rounds $w \\leftarrow s \\leftarrow s + \\alpha (w - s)$, with `--lookahead-rate` $\\alpha$ | Chavdarova 2021 |

- *Steps are the optimizer's.* With Adam, extragradient is ExtraAdam (Gidel 2019, algorithm 4), and optimism is Optimistic
  Adam (Daskalakis 2018, algorithm 1). Extragradient looks twice at the same samples, not at new ones (Mishchenko 2020).
- *Joint ways are simultaneous.* Extragradient, consensus and symplectic play have all players look at the same weights;
  where the critic has several steps a round, or penalties of its own phases, those that are left wait for the next turn.
- *Consensus and symplectic play differentiate gradients once more*, twice or three times the work and memory. Losses are
  then not compiled, and the batch is not worked on in pieces. Where a penalty takes samples as given (the points between
  real and generated ones of WGAN-GP), so does $J$. $\\gamma$ is a control, and can be changed while a training goes on.
- *Everything resumes exactly*: last updates are kept with the optimizer's state, slow weights beside it.

```sh
zerosum train gan --data ring --order extragradient
zerosum train wgan --data digits --order simultaneous --optimistic
zerosum train dcgan --data digits --lookahead 5
```

A way is a function of the moves of a round in `games/plays/`, and a line in its `PLAYS`; `Field` there has $\\xi$ and
products with $J$ and $J^\\top$, over several processes too.
"""  # noqa: E501  # a row of a table is one line

GAMES_TEXT = """## Games whose course is known

The *bilinear game*: one raises $\\psi\\theta$, the other lowers it. The *Dirac-GAN* (Mescheder 2018): all real samples
are 0, all generated ones $\\theta$, and $D(x) = \\psi x$, here with the non-saturating loss. Both have their equilibrium
at (0, 0). They are `zerosum.games.known.bilinear` and `dirac`, and are played by the engine.

![The bilinear game](pictures/gradient-methods/bilinear.png)

![The Dirac-GAN](pictures/gradient-methods/dirac.png)

The same Dirac-GAN with R1, $\\gamma = \\tfrac12$: penalties change the game, where the ways above change how it is played.

![The Dirac-GAN with R1](pictures/gradient-methods/dirac-r1.png)

How many times farther from the equilibrium a round leads in the long run, with gradient steps of size $\\eta = 0.1$; below 1
it converges. *Proved* is in closed form, *found* is the spectral radius of the map from one round to the next, by least squares
from the places that were visited. Near the equilibrium of the Dirac-GAN $J$ is $f'(0) = \\tfrac12$ times that of the bilinear
game.
"""  # noqa: E501


def played(game: Game, way: Way, rounds: int) -> np.ndarray:
    """Weights (ψ, θ) before and after each round, `(rounds + 1, 2)`."""
    game.controls[CONSENSUS] = 1.0
    plan = Plan(
        game=game, batch_size=1, length_samples=rounds, order=Steps((way.order,)), lookahead=Pace(way.lookahead, 0.5)
    )
    data, fabric = open_data("ring", progress=False), make_fabric("cpu", 1, "float32")
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(plan, data, run=Path(folder), fabric=fabric, seed=0, identity={}, listener=Progress(rounds))
        weights = [mover.parameters[0] for mover in engine.position.movers.values()]
        places = [[weight.item() for weight in weights]]
        for _ in range(rounds):
            engine.round()
            places.append([weight.item() for weight in weights])
    return np.array(places)


def growth(places: np.ndarray, memory: int = 1) -> float:
    """The spectral radius of the map from the last `memory` places to the next, by least squares."""
    rounds = len(places) - memory
    then, now = (np.hstack([places[k + d : k + d + rounds] for k in range(memory)]) for d in (0, 1))
    step, *_ = np.linalg.lstsq(then, now, rcond=None)
    return float(max(abs(np.linalg.eigvals(step))))


def found(made: Made, way: Way) -> float:
    """The rate of a way on a game."""
    every = way.lookahead or 1
    places = played(made(way.optimizer, NEAR), way, 60 * every)[::every]
    return growth(places, way.memory) ** (1 / every)


def field(made: Made, axes: Axes, size: float) -> None:
    """Where simultaneous steps go, -ξ, by arrows of one length."""
    grid = np.linspace(-size, size, 15)
    places = np.array([(psi, theta) for psi in grid for theta in grid])
    slopes = np.array([slope(made, tuple(place)) for place in places])
    lengths = np.linalg.norm(slopes, axis=1, keepdims=True).clip(1e-12)
    x, y = places.T
    u, v = (-slopes / lengths).T
    axes.quiver(x, y, u, v, color="#c3c9d0", angles="xy", scale=26, width=0.005)


def slope(made: Made, place: tuple[float, float]) -> list[float]:
    """ξ at a place."""
    game = made(SGD, place)
    values = []
    for phase, player in zip(game.phases, game.players.values(), strict=True):
        (weight,) = player.networks.parameters()
        (gradient,) = torch.autograd.grad(sum(phase.loss(None, None, {}).terms.values()), weight)
        values.append(gradient.item())
    return values


def picture(name: str, made: Made) -> Path:
    """All ways from one start, over the field."""
    size = 2.2
    figure, rows = plt.subplots(2, len(WAYS) // 2, figsize=(11, 5.8), layout="constrained")
    for axes, way in zip(rows.flat, WAYS, strict=True):
        field(made, axes, size)
        x, y = played(made(way.optimizer, (1.0, 1.0)), way, ROUNDS).T
        axes.plot(x, y, color="#1f5f8b", linewidth=0.8)
        axes.plot(x[0], y[0], "o", color="#1f5f8b", markersize=4)
        axes.plot(x[-1], y[-1], "o", color="#b3402a", markersize=4)
        axes.plot(0, 0, "+", color="black", markersize=8)
        axes.set(xlim=(-size, size), ylim=(-size, size), aspect="equal")
        axes.set_title(way.said.split(",")[0], fontsize=9)
        axes.tick_params(labelsize=7)
        axes.set_xlabel("ψ (critic)", fontsize=7)
        axes.set_ylabel("θ (generator)", fontsize=7)
    path = PICTURES / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)
    return path


def rates() -> str:
    """The table of the known games."""
    head = ["way", "flags", "bilinear, proved", "", "bilinear, found", "Dirac-GAN, found", "gradients a round"]
    body = [
        [
            way.said,
            f"`{way.flags}`" if way.flags else "(default)",
            way.formula,
            f"{way.rate:.5f}",
            *(f"{found(GAMES[game], way):.5f}" for game in ("bilinear", "dirac")),
            str(way.cost),
        ]
        for way in WAYS
    ]
    return table([head, *body])


def mixtures() -> str:
    """What is on record of mixtures."""
    records = grouped(load(RESULTS), "benchmark").get(gradient_methods.BENCHMARK, [])
    head = "## Mixtures of Gaussians\n\n" + gradient_methods.__doc__.split("\n", 1)[1].strip() + "\n\n"
    if not records:
        return head + "Nothing is on record yet: `python benchmarks/gradient_methods.py`.\n"
    names = ["modes", "hq", "reverse_kl", "seconds"]
    rows = [
        [case, str(len(own)), *(cell([r["figures"].get(name) for r in own]) for name in names)]
        for case, own in grouped(records, "case").items()
    ]
    told = "\n".join(circumstances(gradient_methods.BENCHMARK, records))
    return head + table([["case", "seeds", *(name.replace("_", " ") for name in names)], *rows]) + "\n" + told + "\n"


def table(rows: list[list[str]]) -> str:
    """Rows, the first of which is the head."""
    head, *body = rows
    return "".join("| " + " | ".join(cells) + " |\n" for cells in [head, ["---"] * len(head), *body])


def page() -> str:
    """The whole page."""
    made = "Made by `python benchmarks/gradient_methods_page.py`.\n"
    return "\n".join([HEAD, GAMES_TEXT, rates(), mixtures(), made])


def main() -> None:
    """Write the page and the pictures."""
    for name, made in GAMES.items():
        print(picture(name, made))
    path = DOCS / "gradient-methods.md"
    path.write_text(page())
    print(path)


if __name__ == "__main__":
    main()
