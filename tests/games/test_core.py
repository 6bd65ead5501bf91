from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

from zerosum.games import PLAYS, Game, Phase, Player, Result
from zerosum.optimizers import Optimizer


@dataclass
class Move:
    """Writes down what is done to it."""

    phase: Phase
    repeat: int
    story: list[str] = field(repr=False)

    def gradients(self) -> None:
        self.story.append(f"look {self.phase.name}{self.repeat}")

    def step(self) -> None:
        self.story.append(f"move {self.phase.name}{self.repeat}")


def played(order: str, *phases: tuple[str, int]) -> list[str]:
    """What happens when phases (named after their player, then anything) are played so often."""
    story: list[str] = []
    PLAYS[order](
        [
            Move(Phase(name, (name[0],), lambda batch, draw, controls: Result({})), repeat, story)
            for name, repeats in phases
            for repeat in range(repeats)
        ],
        {},
    )
    return story


def test_critic_first_answers_move_by_move():
    assert played("critic-first", ("D", 2), ("G", 1)) == [
        "look D0",
        "move D0",
        "look D1",
        "move D1",
        "look G0",
        "move G0",
    ]


def test_generator_first_turns_the_phases_round_but_not_their_repeats():
    moves = ["G0", "D_lazy0", "D0", "D1"]
    story = [word for move in moves for word in (f"look {move}", f"move {move}")]
    assert played("generator-first", ("D", 2), ("D_lazy", 1), ("G", 1)) == story


def test_in_simultaneous_play_everyone_looks_before_anyone_moves():
    assert played("simultaneous", ("D", 1), ("G", 1)) == ["look D0", "look G0", "move D0", "move G0"]


def test_in_simultaneous_play_further_phases_of_a_player_wait_for_the_next_turn():
    story = played("simultaneous", ("D", 2), ("D_lazy", 1), ("G", 1))
    assert story[:4] == ["look D0", "look G0", "move D0", "move G0"]
    assert story[4:] == ["look D1", "move D1", "look D_lazy0", "move D_lazy0"]


@pytest.mark.parametrize("order", ["critic-first", "generator-first", "simultaneous"])
@pytest.mark.parametrize("phases", [(), (("D", 1),), (("D", 5), ("G", 1)), (("D", 3), ("D_a", 1), ("G", 2), ("E", 1))])
def test_every_order_makes_every_move_once_and_looks_first(order, phases):
    story = played(order, *phases)
    moves = [f"{name}{repeat}" for name, repeats in phases for repeat in range(repeats)]
    assert sorted(story) == sorted([f"look {m}" for m in moves] + [f"move {m}" for m in moves])
    assert all(story.index(f"look {move}") < story.index(f"move {move}") for move in moves)


def test_a_game_knows_its_networks_and_which_are_averaged():
    def player(**networks: nn.Module) -> Player:
        return Player(nn.ModuleDict(networks), Optimizer(), averaged="G" in networks)

    a, b, c = (nn.Linear(1, 1) for _ in range(3))
    game = Game(players={"D": player(D=a), "G": player(G=b, E=c)}, phases=(), samplers={})
    assert game.networks == {"D": a, "G": b, "E": c}
    assert game.averaged == ("G", "E")


def test_a_phase_is_played_once_a_round_unless_it_says_otherwise():
    phase = Phase("D", ("D",), lambda batch, draw, controls: Result({"a": torch.zeros(())}))
    assert (phase.every, phase.repeats(0), phase.repeats(10**9), phase.stream) == (1, 1, 1, None)
