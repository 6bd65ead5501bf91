"""Curves of the clinic for the chapter on reading a training: each kind of failure beside a healthy training.

python benchmarks/clinic_pictures.py   # writes docs/pictures/clinic/<kind>.png of the kinds that the chapter shows
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from clinic_calibrate import Patient, findings, patients
from sicknesses import KINDS
from zerosum.diagnosis.statistics import diverging, vanishing

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "clinic"
CHAPTER = FOLDER.parent.parent / "reading.md"
PANELS = {
    "distance to the data": ("signal/distance",),
    "P(D(x) > D(G(z)))": ("signal/auc",),
    "diversity": ("signal/diversity",),
    "coverage": ("signal/coverage",),
    "drift": ("signal/drift",),
}
INSTEAD = {
    "collapse": {"drift": ("precision", ("signal/precision",))},
    "partial collapse": {"drift": ("precision", ("signal/precision",))},
    "sixty images": {"drift": ("held-out AUC", ("signal/auc_held_out",))},
    "outliers": {"drift": ("leap of D's loss, in σ", ("leap of D",))},
    "slow data": {"drift": ("waiting", ("waiting",))},
    "momentum": {"drift": ("log10 of the larger score", ("log10 score",))},
    "saturating": {"drift": ("log10 of G's gradient", ("log10 gradient",))},
    "tight clip": {"drift": ("log10 of G's gradient", ("log10 gradient",))},
}
"""By picture: a panel that shows what matters there, in the place of one that does not."""
SHOWS = {
    "collapse": ("tight clip", "wgan", "grid", "collapse"),
    "partial collapse": ("deep critic", "lsgan", "digits", "partial"),
    "batch of four": ("batch of four", "gan", "glyphs", "collapse"),
    "blind critic": ("tiny critic", "r3gan", "ring", "blind"),
    "outliers": ("batch of four", "dcgan", "digits", "outlier"),
}
"""By picture that is named after a finding, not after what was done: which training has it, and the finding."""
SICK, WELL = "#b3402a", "#9aa5b1"


def drawn(axes: Axes, one: Patient, names: Sequence[str], colour: str) -> None:
    """A training's curves over the share of its length."""
    for name in names:
        axes.plot(one.course.share, one.course[name], color=colour, linewidth=1.4)


def panels(name: str) -> dict[str, tuple[str, ...]]:
    """What a picture shows, by title."""
    changed = INSTEAD.get(name, {})
    return dict(changed.get(title, (title, names)) for title, names in PANELS.items())


def with_orders(one: Patient) -> Patient:
    """With orders of magnitude of scores and of the generator's gradient, as the doctor's detectors have them."""
    orders = {"log10 score": diverging(one.course), "log10 gradient": -vanishing(one.course)}
    return replace(one, course=replace(one.course, columns={**one.course.columns, **orders}))


def picture(name: str, sick: Patient, well: Patient | None, only: str | None = None) -> Path:
    """A failure beside the same training when healthy; of its findings all are marked, or `only` those of a kind."""
    figure, row = plt.subplots(1, len(PANELS), figsize=(11, 1.9), layout="constrained")
    for axes, (title, names) in zip(row, panels(name).items(), strict=True):
        for one, colour in ((well, WELL), (sick, SICK)):
            if one is not None:
                drawn(axes, with_orders(one), names, colour)
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xlim(0, 1)
        if title.startswith("distance"):
            axes.set_yscale("symlog", linthresh=0.01)
        if title == "coverage" or title.startswith("P("):
            axes.set_ylim(-0.03, 1.03)
        for finding in findings(sick):
            if finding.began and only in (None, finding.kind):
                axes.axvline(finding.began / sick.course.length_samples, color="black", linewidth=0.7, linestyle=":")
    figure.supxlabel("share of the training", fontsize=7)
    path = FOLDER / file_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def file_of(name: str) -> str:
    """The file of a picture."""
    return f"{name.replace(' ', '_')}.png"


def showing(everybody: Sequence[Patient], kind: str, recipe: str, data: str, finding: str) -> Patient | None:
    """The first of such trainings that has a finding."""
    ward = [one for one in everybody if (one.kind, one.recipe, one.data) == (kind, recipe, data)]
    return next((one for one in ward if finding in {found.kind for found in findings(one)}), None)


def main() -> None:
    """One picture a kind, of the first of its trainings that shows anything, and one a finding of `SHOWS`."""
    everybody, chapter = patients(), CHAPTER.read_text()
    healthy = {(one.recipe, one.data): one for one in everybody if one.kind == "healthy"}
    for kind in KINDS:
        played = [one for one in everybody if one.kind == kind and len(one.course) > 2]
        if played and kind not in SHOWS and f"/{file_of(kind)}" in chapter:
            sick = max(played, key=lambda one: np.isfinite(one.course.signal("distance")).sum())
            print(picture(kind, sick, healthy.get((sick.recipe, sick.data))))
    for name, (kind, recipe, data, finding) in SHOWS.items():
        shown = showing(everybody, kind, recipe, data, finding)
        if shown is not None and f"/{file_of(name)}" in chapter:
            print(picture(name, shown, healthy.get((recipe, data)), finding))


if __name__ == "__main__":
    main()
