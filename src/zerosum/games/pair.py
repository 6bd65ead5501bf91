"""A generator G against a critic D, with or without labels.

The critic tells real samples x from generated ones G(z), the generator wants them taken for real. Which game it is
depends on the loss, the penalties on the critic and what is kept by construction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Controls, Game, Given, Latent, Loss, Networks, Phase, Player, Result, Sampler
from zerosum.games.tricks import NEUTRAL, NO_TRICKS, Sight, Tricks, best, unrolled
from zerosum.losses import Adversarial
from zerosum.optimizers import Optimizer
from zerosum.penalties import REAL_ONLY, Penalty, Remember
from zerosum.priors import Prior
from zerosum.schedules import Steps

PRECISE = "float32_penalties"
"""The control: where it is not 0, slopes are taken of a critic that works in float32, whatever the autocast."""


@dataclass(frozen=True)
class Weighted:
    """A penalty of the critic with its weight.

    Args:
        name: of the term in the log and of the control that holds the weight.
        penalty: `(critic, real, fake, draw) -> (n,)`.
        weight: initial value of the control.
        every: 1 adds the term to the critic's own loss; more makes it a phase of its own, played every so many
            rounds with `every` times the weight (Karras 2020, appendix B).
    """

    name: str
    penalty: Penalty
    weight: float
    every: int = 1


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The losses of one generator and one critic.

    Args:
        generator: `G(z)`, or `G(z, label)` where `conditional`.
        critic: `D(x)`, or `D(x, label)`; scores of any shape with the samples first. Where its attribute `independent`
            is true, no score depends on other samples, and the critic's move judges all of them in one pass.
        prior: of z.
        loss: of both players.
        penalties: of the critic.
        conditional: labels of the real batch go to both networks.
        tricks: with which they play.
    """

    generator: nn.Module
    critic: nn.Module
    prior: Prior
    loss: Adversarial
    penalties: Sequence[Weighted] = ()
    conditional: bool = False
    tricks: Tricks = NO_TRICKS

    def critic_loss(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        """The adversarial loss, the penalties of every round that have a weight, and further terms."""
        sight = self._sight(batch, draw, controls)
        real, fake = sight.real, sight.fake
        terms = [term for term in self.penalties if term.every == 1 and controls[term.name]]
        if terms:  # gradients with respect to samples share the scores' own pass
            real, fake = tracked(real), tracked(fake)
        D = self._looking_at(batch, real, fake)
        adversarial = self.loss.critic(D(real), D(fake)).mean()
        penalised = self._penalised(batch, D, real, fake, controls)
        values = {term.name: _penalty(term, *penalised, draw) * controls[term.name] for term in terms}
        sight.scores_real = D(real)
        values |= self.tricks.added("D", sight, controls)
        watch = {"d_real": self._belief(D(real)), "d_fake": self._belief(D(fake)), "value": -adversarial}
        watch |= {name: told(D(real)) for name, told in self.tricks.watch.items()}
        return Result({"adversarial": adversarial} | values, watch)

    def lazy_loss(self, term: Weighted) -> Loss:
        """A penalty that is a phase of its own."""

        def loss(batch: Batch, draw: Draw, controls: Controls) -> Result:
            sight = self._sight(batch, draw, controls)
            weight = term.every * controls[term.name]
            fake = sight.real if term.penalty in REAL_ONLY else sight.fake  # nothing is made that nobody looks at
            penalised = self._penalised(batch, self._looking_at(batch), sight.real, fake, controls)
            return Result({term.name: weight * _penalty(term, *penalised, draw)})

        return loss

    def generator_loss(self, batch: Batch, draw: Draw, controls: Controls) -> Result:
        """The generator's side of the adversarial loss, and further terms."""
        sight = self._sight(batch, draw, controls)
        scores, scores_real = self._judged(sight, int(controls.get("unrolled", 0)))
        losses, share = self.loss.generator(scores, scores_real), controls.get("top_k", NEUTRAL["top_k"])
        adversarial = best(losses, scores, share) if share < NEUTRAL["top_k"] else losses.mean()
        return Result({"adversarial": adversarial} | self.tricks.added("G", sight, controls))

    def from_latent(self, networks: Networks, z: Tensor, batch: Batch) -> Tensor:
        """Samples of given latents."""
        samples: Tensor = networks["G"](z, *self._given(batch))
        return samples

    def made(self, z: Tensor, batch: Batch, draw: Draw) -> Tensor:
        """What the generator makes in a move of given latents; whatever else it draws it would draw here."""
        return self.from_latent({"G": self.generator}, z, batch)

    def sample(self, networks: Networks, batch: Batch, draw: Draw) -> Tensor:
        """Samples of latents from the prior."""
        return self.from_latent(networks, self.prior(len(batch), draw), batch)

    def score(self, networks: Networks, samples: Tensor, batch: Batch) -> Tensor:
        """What the critic says of samples; where it is shown packs, of the pack that a sample is in."""
        packing = self.tricks.packing
        scores: Tensor = networks["D"](packing.join(packing.fill(samples)), *self._given(batch))
        return packing.spread(scores, len(samples))

    def sampler(self) -> Sampler:
        """How samples are made, and judged."""
        given: Given = "label" if self.conditional else "number"
        return Sampler(self.sample, given, Latent(self.prior, self.from_latent), self.score)

    def _sight(self, batch: Batch, draw: Draw, controls: Controls) -> Sight:
        return Sight(
            batch,
            draw,
            prior=self.prior,
            make=lambda z: self.made(z, batch, draw),
            see=lambda samples, own: self.tricks.see(samples, own, controls),
            critic=self.critic,
            given=self._given(batch),
        )

    def _judged(self, sight: Sight, steps: int) -> tuple[Tensor, Tensor | None]:
        """Scores of generated and, where the loss compares, of real samples by the critic, `steps` steps ahead.

        They are judged apart: no slope is asked for at real samples, and in one pass they would have one all the same.
        """
        D = self._ahead(sight, steps) if steps else self._looking_at(sight.batch)
        return D(sight.fake), D(sight.real) if self.loss.paired else None

    def _ahead(self, sight: Sight, steps: int) -> Callable[[Tensor], Tensor]:
        """The critic after `steps` steps that lower its side of the adversarial loss on these samples."""

        def loss(judge: Callable[..., Tensor]) -> Tensor:
            scores = (judge(samples, *sight.given) for samples in (sight.real, sight.fake))
            return self.loss.critic(*scores).mean()

        judge = unrolled(self.critic, loss, steps=steps, rate=self.tricks.unrolled_rate)
        return lambda samples: judge(samples, *sight.given)

    def _given(self, batch: Batch, times: int = 1) -> tuple[Tensor, ...]:
        if not self.conditional:
            return ()
        assert batch.label is not None
        return (batch.label.repeat(times),)

    def _looking_at(self, batch: Batch, *samples: Tensor) -> Remember:
        """The critic, which has looked at `samples` already where it can look at all of them at once."""
        D = Remember(lambda x: self.critic(x, *self._given(batch, len(x) // len(batch))))
        if samples and getattr(self.critic, "independent", False):
            D.look(*samples)
        return D

    def _penalised(
        self, batch: Batch, D: Remember, real: Tensor, fake: Tensor, controls: Controls
    ) -> tuple[Remember, Tensor, Tensor]:
        """The critic and the samples that penalties look at: those of the scores, or both in float32."""
        if not controls.get(PRECISE, 0.0):
            return D, real, fake

        def precisely(samples: Tensor) -> Tensor:
            with torch.autocast(samples.device.type, enabled=False):
                scores: Tensor = self.critic(samples, *self._given(batch, len(samples) // len(batch)))
            return scores

        real, fake = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (real, fake))
        return Remember(precisely), real, fake

    def _belief(self, scores: Tensor) -> Tensor:
        return scores.float().sigmoid() if self.loss.probability else scores


def tracked(samples: Tensor) -> Tensor:
    """Samples that gradients can be taken with respect to; where their generator moves, too, they stay its samples."""
    return samples if samples.requires_grad else samples.detach().requires_grad_()


def _penalty(term: Weighted, D: Remember, real: Tensor, fake: Tensor, draw: Draw) -> Tensor:
    return term.penalty(D, real, fake, draw.sub(term.name)).mean()


def pair(
    *,
    generator: nn.Module,
    critic: nn.Module,
    prior: Prior,
    loss: Adversarial,
    optimizer: Optimizer,
    critic_optimizer: Optimizer | None = None,
    penalties: Sequence[Weighted] = (),
    constrain: Callable[[nn.Module], None] | None = None,
    critic_steps: Steps[int] = Steps((1,)),
    conditional: bool = False,
    losses: Callable[..., Pair] = Pair,
    tricks: Tricks = NO_TRICKS,
) -> Game:
    """The game of one generator and one critic.

    Args:
        generator, critic, prior, loss, penalties, conditional: see `Pair`.
        optimizer: of the generator, and of the critic unless `critic_optimizer` is given.
        critic_optimizer: of the critic.
        constrain: a projection of the critic after each of its steps.
        critic_steps: steps of the critic to one of the generator; every step sees fresh samples.
        losses: what makes the losses of these arguments: `Pair`, or a pair with further terms.
        tricks: with which they play.
    """
    played = losses(
        generator=generator,
        critic=critic,
        prior=prior,
        loss=loss,
        penalties=penalties,
        conditional=conditional,
        tricks=tricks,
    )
    lazy = [term for term in penalties if term.every > 1]
    critic_optimizer = (critic_optimizer or optimizer).lazily(*(term.every for term in lazy))
    return Game(
        players={
            "D": Player(nn.ModuleDict({"D": critic}), critic_optimizer, constrain=constrain),
            "G": Player(nn.ModuleDict({"G": generator}), optimizer, averaged=True),
        },
        phases=(
            Phase("D", ("D",), played.critic_loss, repeats=critic_steps),
            *(Phase(f"D_{term.name}", ("D",), played.lazy_loss(term), every=term.every) for term in lazy),
            Phase("G", ("G",), played.generator_loss),
        ),
        samplers={"samples": played.sampler()},
        controls={term.name: term.weight for term in penalties}
        | ({PRECISE: 0.0} if penalties else {})
        | dict(tricks.controls),
        state=nn.ModuleDict(dict(tricks.state)),
    )
