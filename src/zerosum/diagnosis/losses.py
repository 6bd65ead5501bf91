"""What losses alone tell, of a training by another program whose players and samples are out of sight.

Little: a loss is a moving target, and that it falls says nothing of the samples. What holds for every pair is used,
with the thresholds of the clinic for the same thing:

- Scores that grow without bound take their losses along, as these are about linear in them.
- Where the critic's loss never was negative (log loss, least squares, hinge), it is near 0 only when the critic is sure
  of both. For the log loss -E log D(x) - E log(1 - D(G(z))) = L, Jensen's inequality gives
  E D(x) - E D(G(z)) ≥ 2 exp(-L / 2) - 1, and the AUC is at least that difference. A Wasserstein critic has no such 0.

- Values that leap out of the course of their own series do so whatever the loss.
- Losses move, if only with the batches: where they stand still, nobody learns; see `zerosum.diagnosis.standing`.

How far samples are from the data remains unknown, so that a critic that is sure is told as such, and no more.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from zerosum.diagnosis.course import Column, Course
from zerosum.diagnosis.detectors import DETECTORS, Detector, find
from zerosum.diagnosis.findings import Finding
from zerosum.diagnosis.standing import STANDING, find_standing

CRITIC, GENERATOR, GRADIENT, REAL, FAKE = "D/loss", "G/loss", "G/grad_norm", "d_real", "d_fake"
"""What is looked for: both losses, the gradient norm of the generator, D(x) and D(G(z))."""


def growing(course: Course) -> Column:
    """Orders of magnitude of the larger loss."""
    sizes = np.fmax(np.abs(course[CRITIC]), np.abs(course[GENERATOR]))
    return np.log10(np.maximum(sizes, 1e-30))


def sure_by_loss(course: Course) -> Column:
    """How far apart D(x) and D(G(z)) must be for so small a loss of the critic."""
    loss = course[CRITIC]
    return 2 * np.exp(-loss / 2) - 1 if bool((loss[np.isfinite(loss)] >= 0).all()) else np.full(len(course), np.nan)


def sure(course: Course) -> Column:
    """How far apart D(x) and D(G(z)) are: as logged, else as the loss tells."""
    said = course[REAL] - course[FAKE]
    return np.where(np.isfinite(said), said, sure_by_loss(course))


OF_LOSSES: Mapping[str, Detector] = {
    "strong": Detector("strong", sure, (CRITIC, GENERATOR, REAL, FAKE), label="D(x) − D(G(z))"),
    "vanishing": replace(DETECTORS["vanishing"], evidence=(GRADIENT,)),
    "diverging": Detector("diverging", growing, (CRITIC, GENERATOR), grace=0, label="log10 of the larger loss"),
    "outlier": DETECTORS["outlier"],
    "drop": DETECTORS["drop"],
}
"""By the name of the threshold."""
UNSEEN = "of the losses alone: how near the samples are is not known"
SEEN_IN_LOSSES: Mapping[str, Detector] = {**OF_LOSSES, **{name: one.detector for name, one in STANDING.items()}}
"""All that look at losses, by the name that findings have of them."""


def find_in_losses(course: Course) -> list[Finding]:
    """All findings in a course that has only what other programs log, and how still it stands; the earliest first."""
    standing = [replace(finding, detail=f"{finding.detail}; {UNSEEN}") for finding in find_standing(course)]
    found = [*(replace(finding, detail=UNSEEN) for finding in find(course, OF_LOSSES)), *standing]
    return sorted(found, key=lambda finding: (finding.began or 0, -finding.confidence))
