"""Groups of options that recipes share. A recipe's own defaults stand in its signature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from torch import nn

from zerosum.data.differentiable import PolicyName
from zerosum.errors import choose
from zerosum.games import CONSENSUS, PLAYS, Game
from zerosum.networks import NetworkName, family
from zerosum.networks.minibatch import MinibatchName
from zerosum.optimizers import Optimizer, OptimizerName
from zerosum.priors import Prior, PriorName, prior
from zerosum.recipes.options import Opt
from zerosum.schedules import Decay, DecayName, Steps, words
from zerosum.spaces import Space
from zerosum.training.lookahead import Pace
from zerosum.training.plan import Plan

BETAS = "Decay of Adam's first and second moment; the first, which may be negative, is also the momentum of SGD."


BALANCED = Annotated[bool, Opt("Deal every class as often as the others, however many samples it has.")]
"""An option of recipes whose players are told the class."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a game is played, whichever game it is and whoever optimises its players."""

    batch_size: Annotated[int, Opt("Real samples a round, over all devices.", 1, 65536)] = 64
    length_samples: Annotated[int, Opt("Real samples seen when the training ends.", 1, 10**12)] = 200_000
    lookahead: Annotated[int, Opt("Rounds after which all weights go part of the way back; 0: never.", 0, 10**9)] = 0
    lookahead_rate: Annotated[float, Opt("Share of the way that is kept.", 0, 1)] = 0.5
    lr_decay: Annotated[DecayName, Opt("How the learning rate falls to 0.")] = "none"
    decay_begin: Annotated[float, Opt("Share of the length at which it begins to fall.", 0, 1)] = 0.5
    decay_to: Annotated[float, Opt("Share of the learning rate that is left at the end.", 0, 1)] = 0.0
    gradient_clip: Annotated[float, Opt("Longest gradient that a player steps along; 0: any length.", 0)] = 0.0
    ema_half_life_samples: Annotated[float, Opt("Half-life of the averaged generator; 0 averages nothing.", 0)] = 5e3
    report_every_samples: Annotated[int | None, Opt("Between two lines of the log; by default length / 200.", 1)] = None
    snapshot_every_samples: Annotated[int | None, Opt("Between two pictures; by default length / 20.", 1)] = None
    checkpoint_every_samples: Annotated[int | None, Opt("Between checkpoints; by default length / 10.", 1)] = None

    def plan(
        self,
        game: Game,
        order: Steps[str] = Steps(("critic-first",)),
        pace: Mapping[str, Callable[[int], float]] | None = None,
    ) -> Plan:
        """The plan that plays `game` in this way; `order` and `pace` as in `Plan`."""
        if self.gradient_clip:
            game = replace(game, controls=game.controls | {f"{name}/clip": self.gradient_clip for name in game.players})

        def every(given: int | None, share: int) -> int:
            return max(self.batch_size, given or self.length_samples // share)

        return Plan(
            game=game,
            batch_size=self.batch_size,
            length_samples=self.length_samples,
            learning_rate=Decay(self.lr_decay, self.decay_begin, self.length_samples, self.decay_to),
            pace=pace or {},
            order=order,
            lookahead=Pace(self.lookahead, self.lookahead_rate),
            ema_half_life_samples=self.ema_half_life_samples,
            report_every_samples=every(self.report_every_samples, 200),
            snapshot_every_samples=every(self.snapshot_every_samples, 20),
            checkpoint_every_samples=every(self.checkpoint_every_samples, 10),
        )


@dataclass(frozen=True, kw_only=True)
class Play(Course):
    """How a game is played whose players all have one kind of optimizer."""

    lr: Annotated[float, Opt("Learning rate.", 0, 10)] = 2e-4
    optimizer: Annotated[OptimizerName, Opt("Of every player.")] = "adam"
    betas: Annotated[tuple[float, float], Opt(BETAS, -1, 1)] = (0.5, 0.999)
    weight_decay: Annotated[float, Opt("Decoupled for adamw, added to the gradient elsewhere.", 0, 10)] = 0.0
    optimistic: Annotated[bool, Opt("Steps of twice the new update minus the last one.")] = False

    def optimizer_at(self, lr: float | None = None) -> Optimizer:
        """The optimizer, with another learning rate where one is given."""
        lr = self.lr if lr is None else lr
        return Optimizer(
            name=self.optimizer,
            lr=lr,
            betas=self.betas,
            weight_decay=self.weight_decay,
            optimistic=self.optimistic,
        )


@dataclass(frozen=True, kw_only=True)
class Rivalry:
    """What is particular to one generator against one critic."""

    critic_lr: Annotated[float | None, Opt("Learning rate of the critic (two time scales); by default lr.", 0, 10)] = (
        None
    )
    critic_steps: Annotated[str, Opt("Steps of the critic to one of the generator, or a schedule: '100, 5@1600'.")] = (
        "1"
    )
    order: Annotated[str, Opt(f"How a round is played, or a schedule of: {', '.join(PLAYS)}.")] = "critic-first"
    consensus_weight: Annotated[float, Opt("Gamma, how hard 'consensus' pulls to where nobody wants to move.", 0)] = (
        10.0
    )

    def order_schedule(self) -> Steps[str]:
        """The way a round is played, as a schedule.

        Raises:
            UserError: an unknown order.
        """
        schedule = words(self.order)
        for value in schedule.values:
            choose("order", value, PLAYS)
        return schedule

    def controls(self) -> dict[str, float]:
        """What the ways of playing read."""
        return {CONSENSUS: self.consensus_weight} if "consensus" in self.order_schedule().values else {}


@dataclass(frozen=True, kw_only=True)
class Networks:
    """Which networks play; from Python, also one's own."""

    network: Annotated[NetworkName, Opt("Family; auto takes points for points and dcgan for images.")] = "auto"
    width: Annotated[int | None, Opt("Channels at the finest level (mlp: units a layer).", 1, 4096)] = None
    latent_size: Annotated[int | None, Opt("Dimensions of the latent z; by default the family's.", 1, 65536)] = None
    prior: Annotated[PriorName, Opt("Distribution of z; auto: normal, and coins for points.")] = "auto"
    generator: nn.Module | None = None
    critic: nn.Module | None = None

    def latents(self, space: Space) -> Prior:
        """The distribution of latents."""
        usual = family(self.network, space)
        return prior(usual.prior if self.prior == "auto" else self.prior, self.latent_size or usual.latent)

    def preferring(self, name: NetworkName) -> "Networks":
        """The same with `auto` settled."""
        return replace(self, network=name) if self.network == "auto" else self


@dataclass(frozen=True, kw_only=True)
class Tricks:
    """Tricks that any pair can be played with. Numbers that are weights, shares or deviations are controls."""

    instance_noise: Annotated[float, Opt("Deviation of noise on all that the critic sees; falls to 0.", 0, 100)] = 0.0
    label_smoothing: Annotated[float, Opt("Real samples have the target 1 minus this.", 0, 0.5)] = 0.0
    feature_matching: Annotated[float, Opt("Weight of matching the critic's mean features.", 0, 1e6)] = 0.0
    mode_seeking: Annotated[float, Opt("Weight of unlike samples for unlike latents.", 0, 1e6)] = 0.0
    historical_averaging: Annotated[float, Opt("Weight of nearness to a player's own past.", 0, 1e6)] = 0.0
    top_k: Annotated[float, Opt("Share of generated samples that teach G, those D takes for most real.", 0.01, 1)] = 1.0
    anneal: Annotated[float, Opt("Share of the length over which noise and top-k's share fall.", 1e-6, 1)] = 1.0
    unrolled: Annotated[int, Opt("Steps of the critic that the generator looks ahead.", 0, 100)] = 0
    unrolled_lr: Annotated[float, Opt("Size of these steps, which are plain gradient steps.", 0, 100)] = 1e-3
    pac: Annotated[int, Opt("Samples that the critic is shown as one.", 1, 64)] = 1
    minibatch: Annotated[MinibatchName, Opt("Layer of the critic that looks at the whole batch.")] = "none"
    augment: Annotated[float, Opt("Probability of varying what the critic sees; at first, with a target.", 0, 1)] = 0.0
    augment_policy: Annotated[PolicyName, Opt("How it is varied.")] = "diffaugment"
    augment_target: Annotated[
        float | None, Opt("Mean sign of real scores that the probability is led by; none: it stays.", 0, 1)
    ] = None
    augment_rise_samples: Annotated[
        int | None, Opt("Samples in which it may rise by 1; by default half the length, at most 500,000.", 1)
    ] = None


@dataclass(frozen=True, kw_only=True)
class SlopeTricks(Tricks):
    """The same for recipes whose own loss has neither R1 nor R2."""

    r1: Annotated[float, Opt("Weight of the squared slope at real samples (gamma / 2).", 0, 1e6)] = 0.0
    r2: Annotated[float, Opt("Weight of the squared slope at generated samples (gamma / 2).", 0, 1e6)] = 0.0
    slope_begin: Annotated[
        float, Opt("Times their weight that R1 and R2 fall from; `anneal` says how long.", 1, 1e6)
    ] = 1.0
