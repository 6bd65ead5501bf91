"""Curves of the clinic for the chapter on reading a training: each kind of failure beside a healthy training.

python benchmarks/clinic_pictures.py   # writes docs/pictures/clinic/<kind>.png of the kinds that the chapter shows
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from clinic_calibrate import Patient, findings, patients
from sicknesses import KINDS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "clinic"
CHAPTER = FOLDER.parent.parent / "reading.md"
PANELS = {
    "distance to the data": ("signal/distance",),
    "P(D(x) > D(G(z)))": ("signal/auc",),
    "diversity": ("signal/diversity",),
    "coverage": ("signal/coverage",),
    "drift": ("signal/drift",),
}
SICK, WELL = "#b3402a", "#9aa5b1"


def drawn(axes: Axes, one: Patient, names: Sequence[str], colour: str) -> None:
    """A training's curves over the share of its length."""
    for name in names:
        axes.plot(one.course.share, one.course[name], color=colour, linewidth=1.4)


def picture(sick: Patient, well: Patient | None) -> Path:
    """A failure beside the same training when healthy."""
    figure, row = plt.subplots(1, len(PANELS), figsize=(11, 1.9), layout="constrained")
    for axes, (title, names) in zip(row, PANELS.items(), strict=True):
        for one, colour in ((well, WELL), (sick, SICK)):
            if one is not None:
                drawn(axes, one, names, colour)
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xlim(0, 1)
        if title.startswith("distance"):
            axes.set_yscale("symlog", linthresh=0.01)
        if title == "coverage" or title.startswith("P("):
            axes.set_ylim(-0.03, 1.03)
        for finding in findings(sick):
            if finding.began:
                axes.axvline(finding.began / sick.course.length_samples, color="black", linewidth=0.7, linestyle=":")
    figure.supxlabel("share of the training", fontsize=7)
    path = FOLDER / f"{sick.kind.replace(' ', '_')}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def main() -> None:
    """One picture a kind, of the first of its trainings that shows anything."""
    everybody, chapter = patients(), CHAPTER.read_text()
    healthy = {(one.recipe, one.data): one for one in everybody if one.kind == "healthy"}
    for kind in KINDS:
        played = [one for one in everybody if one.kind == kind and len(one.course) > 2]
        if played and f"{kind.replace(' ', '_')}.png" in chapter:
            sick = max(played, key=lambda one: np.isfinite(one.course.signal("distance")).sum())
            print(picture(sick, healthy.get((sick.recipe, sick.data))))


if __name__ == "__main__":
    main()
