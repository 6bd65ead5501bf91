"""The critic's score has an inner product of label and features in it; the label chooses the generator's norms.

D(x, y) = head(φ(x)) + ⟨v(y), φ(x)⟩ (Miyato & Koyama 2018, equation 3), every layer of D spectrally normalised, hinge
loss (Miyato 2018, equations 16 and 17), and a residual generator with conditional BatchNorm.
"""

from zerosum.recipes.groups import BALANCED, Networks, Play, Rivalry, Tricks
from zerosum.recipes.pairs import pair_plan
from zerosum.spaces import Space
from zerosum.training.plan import Plan


def projection(
    space: Space,
    *,
    balanced: BALANCED = False,
    networks: Networks = Networks(width=16),
    play: Play = Play(batch_size=16, length_samples=30_000, lr=5e-4, betas=(0.0, 0.9)),
    rivalry: Rivalry = Rivalry(critic_lr=1e-3, critic_steps="2"),
    tricks: Tricks = Tricks(),
) -> Plan:
    """Hinge loss, spectral normalisation, inner products with the label (Miyato & Koyama 2018).

    The paper plays 64 samples a round, Adam(2e-4, 0, 0.9) and five critic steps; by default small data are played with
    more and faster rounds.
    """
    return pair_plan(
        space,
        networks=networks.preferring("resnet"),
        play=play,
        rivalry=rivalry,
        tricks=tricks,
        loss="hinge",
        critic_norm="none",
        spectral=True,
        judging="projection",
        conditioning="batch-norm",
        evenly=balanced,
    )
