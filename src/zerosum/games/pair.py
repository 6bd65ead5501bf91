"""A generator G against a critic D, with or without labels.

The critic tells real samples x from generated ones G(z), the generator wants them taken for real. Which game it is
depends on the loss, the penalties on the critic and what is kept by construction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from zerosum.data.core import Batch
from zerosum.draw import Draw
from zerosum.games.core import Controls, Game, Networks, Phase, Player, Result, Sampler
from zerosum.losses import Adversarial
from zerosum.optimizers import Optimizer
from zerosum.penalties import Penalty, Remember
from zerosum.priors import Prior
from zerosum.schedules import Steps


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
) -> Game:
    """The game of one generator and one critic.

    Args:
        generator: `G(z)`, or `G(z, label)` where `conditional`.
        critic: `D(x)`, or `D(x, label)`; scores of any shape with the samples first.
        prior: of z.
        loss: of both players.
        optimizer: of the generator, and of the critic unless `critic_optimizer` is given.
        penalties: of the critic.
        constrain: a projection of the critic after each of its steps.
        critic_steps: steps of the critic to one of the generator; every step sees fresh samples.
        conditional: labels of the real batch go to both networks.
    """

    def given(batch: Batch) -> tuple[Tensor, ...]:
        if not conditional:
            return ()
        assert batch.label is not None
        return (batch.label,)

    def remembering(batch: Batch) -> Remember:
        return Remember(lambda x: critic(x, *given(batch)))

    def belief(scores: Tensor) -> Tensor:
        return scores.float().sigmoid() if loss.probability else scores

    def penalise(term: Weighted, D: Remember, real: Tensor, fake: Tensor, draw: Draw, weight: float) -> Tensor:
        return weight * term.penalty(D, real, fake, draw.sub(term.name)).mean()

    def critic_loss(batch: Batch, draw: Draw, controls: Controls) -> Result:
        real, fake = batch.real, generator(prior(len(batch), draw), *given(batch))
        if every_round:  # gradients with respect to samples share the scores' own pass
            real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
        D = remembering(batch)
        scores_real, scores_fake = D(real), D(fake)
        adversarial = loss.critic(scores_real, scores_fake).mean()
        terms = {"adversarial": adversarial}
        terms |= {t.name: penalise(t, D, real, fake, draw, controls[t.name]) for t in every_round}
        watch = {"d_real": belief(scores_real), "d_fake": belief(scores_fake), "value": -adversarial}
        return Result(terms, watch)

    def lazy_loss(term: Weighted) -> Callable[[Batch, Draw, Controls], Result]:
        def loss_of_term(batch: Batch, draw: Draw, controls: Controls) -> Result:
            fake = generator(prior(len(batch), draw), *given(batch))
            weight = term.every * controls[term.name]
            return Result({term.name: penalise(term, remembering(batch), batch.real, fake, draw, weight)})

        return loss_of_term

    def generator_loss(batch: Batch, draw: Draw, controls: Controls) -> Result:
        scores_fake = critic(generator(prior(len(batch), draw), *given(batch)), *given(batch))
        scores_real = critic(batch.real, *given(batch)) if loss.paired else scores_fake
        return Result({"adversarial": loss.generator(scores_fake, scores_real).mean()})

    def sample(networks: Networks, batch: Batch, draw: Draw) -> Tensor:
        samples: Tensor = networks["G"](prior(len(batch), draw), *given(batch))
        return samples

    every_round = [term for term in penalties if term.every == 1]
    lazy = [term for term in penalties if term.every > 1]
    critic_optimizer = (critic_optimizer or optimizer).lazily(*(term.every for term in lazy))
    return Game(
        players={
            "D": Player(nn.ModuleDict({"D": critic}), critic_optimizer, constrain=constrain),
            "G": Player(nn.ModuleDict({"G": generator}), optimizer, averaged=True),
        },
        phases=(
            Phase("D", ("D",), critic_loss, repeats=critic_steps),
            *(Phase(f"D_{term.name}", ("D",), lazy_loss(term), every=term.every) for term in lazy),
            Phase("G", ("G",), generator_loss),
        ),
        samplers={"samples": Sampler(sample, "label" if conditional else "number")},
        controls={term.name: term.weight for term in penalties},
    )
