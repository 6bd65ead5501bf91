"""What can be found wrong with a training or its data: the words for it, its likely causes, and what helps.

A finding is evidence first: figures that anybody can check, since when, and how sure the doctor is. What it means
stands once, in `CATALOGUE`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["good", "note", "serious"]


@dataclass(frozen=True)
class Advice:
    """Something that may help.

    Attributes:
        what: to do, in words, with the option that does it.
        source: who found that it helps.
    """

    what: str
    source: str


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        name: in words, as the progress line shows it.
        severity: `serious` where a training should not go on like this.
        what: it means, in a sentence.
        causes: the likely ones, the likeliest first.
        advice: what helps, the mildest first.
    """

    name: str
    severity: Severity
    what: str
    causes: tuple[str, ...] = ()
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that was found.

    Attributes:
        kind: a key of `CATALOGUE`.
        evidence: figures by name: what was measured, and what it was held against.
        detail: in words, which class, which layer, which term; may be empty.
        began: samples seen when it was first so; None where that has no meaning (data).
        ended: samples seen when it was over; None: it is still so.
        confidence: in [0, 1], how far the figure lies beyond its threshold as calibrated; 1 for what was counted.
        detector: name of what saw it in the course of a training; empty for what was found otherwise.
        worst: samples seen when it was worst; None where that has no meaning.
    """

    kind: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""
    began: int | None = None
    ended: int | None = None
    confidence: float = 1.0
    detector: str = ""
    worst: int | None = None
    sampler: str = ""

    @property
    def about(self) -> Kind:
        """What this kind of finding means."""
        return CATALOGUE[self.kind]

    @property
    def name(self) -> str:
        """In words."""
        return self.about.name

    @property
    def serious(self) -> bool:
        """Whether the training, or what comes of it, is in danger."""
        return self.about.severity == "serious"

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Finding":
        """A finding from its `document`."""
        own = ("evidence", "detail", "began", "ended", "confidence", "detector", "worst", "sampler")
        return cls(kind=document["finding"], **{name: document[name] for name in own if name in document})

    def document(self) -> dict[str, Any]:
        """As JSON, with the words of the catalogue."""
        about = self.about
        return {
            "finding": self.kind,
            "name": about.name,
            "severity": about.severity,
            "began": self.began,
            "ended": self.ended,
            "worst": self.worst,
            "detector": self.detector,
            **({"sampler": self.sampler} if self.sampler else {}),
            "confidence": round(self.confidence, 3),
            "evidence": {name: float(f"{value:.4g}") for name, value in self.evidence.items()},
            "detail": self.detail,
            "what": about.what,
            "causes": list(about.causes),
            "remedies": [{"what": advice.what, "source": advice.source} for advice in about.advice],
        }


def kind(
    name: str, severity: Severity, what: str, causes: tuple[str, ...] = (), advice: tuple[tuple[str, str], ...] = ()
) -> Kind:
    """A kind, its advice as pairs."""
    return Kind(name, severity, what, causes, tuple(Advice(*pair) for pair in advice))


RELATIVISTIC = ("a loss that pairs samples, with R1 and R2: zerosum train r3gan", "Huang 2024, arXiv 2501.05441")
PENALTY = ("a gradient penalty on the critic: wgan-gp, dragan or r3gan", "Gulrajani 2017, arXiv 1704.00028")
SLOWER_CRITIC = ("a smaller learning rate of the critic: --critic-lr", "Heusel 2017 (TTUR), arXiv 1706.08500")
SLOWER = ("smaller learning rates of both: --lr", "Mescheder 2018, arXiv 1801.04406")
MORE_DATA = ("more samples; nothing takes their place", "Karras 2020, arXiv 2006.06676")
EARLY = ("the best checkpoint instead of the last: --patience, zerosum sample --checkpoint best", "Karras 2020")

CATALOGUE: Mapping[str, Kind] = {
    "healthy": kind(
        "near equilibrium",
        "good",
        "The critic tells samples from real ones no better than by chance, they are near the data, and hardly change.",
    ),
    "nothing serious": kind(
        "nothing serious found",
        "good",
        "No detector of a failure is past its threshold; how good the samples are it does not say: metrics do.",
    ),
    "collapse": kind(
        "mode collapse",
        "serious",
        "The samples are nearly all the same, however varied the latents are.",
        ("the generator followed the critic to one point", "learning rates too large", "a critic without memory"),
        (SLOWER, PENALTY, ("samples judged in groups (packing): --pac 2", "Lin 2018, arXiv 1712.04086"), RELATIVISTIC),
    ),
    "partial": kind(
        "partial mode collapse",
        "serious",
        "The samples are varied, but whole neighbourhoods of the data have none, and get none.",
        ("the critic judges samples one by one and does not see what is missing", "a critic too weak to see details"),
        (RELATIVISTIC, PENALTY, ("more critic steps: --critic-steps", "Arjovsky 2017, arXiv 1701.07875")),
    ),
    "strong": kind(
        "critic too strong",
        "serious",
        "The critic tells every real sample from every generated one, and the generator no longer gets nearer.",
        ("the critic learns faster than the generator", "a critic without a penalty", "a saturating loss"),
        (SLOWER_CRITIC, PENALTY, RELATIVISTIC),
    ),
    "vanishing": kind(
        "vanishing generator gradient",
        "serious",
        "What the critic says no longer tells the generator where to go: its gradient has all but vanished.",
        ("a saturating loss with a sure critic", "a clip of weights that is too tight", "dead units"),
        (("the non-saturating loss: --loss non-saturating", "Goodfellow 2014, section 3"), PENALTY, RELATIVISTIC),
    ),
    "blind": kind(
        "critic blind",
        "serious",
        "The critic cannot tell samples from real ones, though they are far apart: the generator learns from noise.",
        ("a critic too small", "the generator learns faster than the critic", "a penalty or clip that is too strong"),
        (
            ("a larger critic: --width, --network", "Brock 2019, arXiv 1809.11096"),
            ("more critic steps: --critic-steps", "Arjovsky 2017, arXiv 1701.07875"),
            ("a faster critic: --critic-lr", "Heusel 2017 (TTUR), arXiv 1706.08500"),
        ),
    ),
    "diverging": kind(
        "divergence",
        "serious",
        "Scores, losses or gradients grow without bound.",
        ("no penalty where the loss has no bound", "learning rates too large", "numbers too coarse (bfloat16)"),
        (PENALTY, SLOWER, ("float32: --precision float32", "zerosum's clinic")),
    ),
    "nan": kind(
        "not a number",
        "serious",
        "A loss or gradient was NaN or infinite; nothing after it means anything.",
        ("learning rates too large", "numbers too coarse", "a term without a lower bound"),
        (("float32: --precision float32", "StudioGAN #175"), SLOWER, PENALTY),
    ),
    "oscillating": kind(
        "oscillation without progress",
        "serious",
        "Samples of the same latents keep changing and come no nearer to the data: the players run in circles.",
        ("too much momentum", "learning rates too large", "no penalty on the critic"),
        (("less momentum: --betas 0 0.99", "Gidel 2019, arXiv 1807.04740"), SLOWER, RELATIVISTIC),
    ),
    "overfitting": kind(
        "critic overfitting",
        "serious",
        "The critic knows its training samples by heart: it takes held-out real ones for generated.",
        ("too little data for this critic",),
        (
            ("augmentation of what the critic sees (ADA, DiffAugment)", "Karras 2020, arXiv 2006.06676"),
            ("a stronger R1", "Mescheder 2018, arXiv 1801.04406"),
            EARLY,
            MORE_DATA,
        ),
    ),
    "memorising": kind(
        "memorisation",
        "serious",
        "Generated samples lie at single training samples, nearer than held-out ones do.",
        ("too little data", "a training far too long"),
        (EARLY, MORE_DATA),
    ),
    "stagnation": kind(
        "stagnation",
        "serious",
        "Samples are far from the data and no longer change.",
        ("a player that does not move (learning rate 0, frozen, dead)", "a critic that says nothing"),
        (
            (
                "a look at learning_rate/ and update/ in the log, which tell whether each player moves",
                "zerosum's clinic",
            ),
            ("another network or loss: zerosum train with no recipe takes one that suits the data", "zerosum's clinic"),
        ),
    ),
    "dead": kind(
        "dead units",
        "serious",
        "Most units of a layer answer 0 to every sample, and so will never learn.",
        ("bad initial weights", "a learning rate that threw them out"),
        (("a fresh start with a smaller --lr", "He 2015, arXiv 1502.01852"), ("normalisation between layers", "DCGAN")),
    ),
    "range": kind(
        "wrong value range",
        "serious",
        "Real samples lie where the generator cannot go, or fill only a corner of where it can.",
        ("values from 0 to 255 given to a network that ends in tanh", "data divided twice"),
        (("uint8, or floats in [0, 1] or [-1, 1]", "zerosum data"),),
    ),
    "duplicates": kind(
        "duplicated data",
        "serious",
        "Many training samples are exact copies of others.",
        ("the same files twice", "a video's still frames", "data copied to make it more"),
        (("each sample once", "zerosum check"),),
    ),
    "imbalance": kind(
        "unbalanced classes",
        "serious",
        "One class has nearly all samples; a generator without labels will forget the others.",
        ("how the data were gathered",),
        (("more samples of the rare classes", "zerosum check"), ("labels: zerosum train cgan", "Mirza 2014")),
    ),
    "few": kind(
        "too few samples",
        "serious",
        "There are too few samples to learn a distribution from.",
        ("a small collection",),
        (MORE_DATA, ("augmentation of what the critic sees", "Karras 2020, arXiv 2006.06676"), EARLY),
    ),
    "constant": kind(
        "constant samples",
        "serious",
        "Samples have no content: all values of a sample are equal.",
        ("empty or damaged files",),
        (("the named files removed", "zerosum check"),),
    ),
    "label noise": kind(
        "doubtful labels",
        "serious",
        "Nearest neighbours carry other labels far more often than classes explain.",
        ("labels in another order than samples", "careless labelling"),
        (("a look at the named samples", "zerosum check"),),
    ),
    "leakage": kind(
        "leakage between splits",
        "serious",
        "Held-out samples stand in the training split, too: what is measured against them flatters.",
        ("the same samples twice", "crops of the same picture in both splits"),
        (("each sample once; near-copies in the same split", "zerosum check"),),
    ),
    "outlier": kind(
        "loss outliers",
        "note",
        "The critic's loss leapt out of its course, or the generator's dropped out of its own.",
        ("a few odd samples", "a step that went too far", "a critic so sure that the few samples it misses weigh all"),
        (
            ("a look at what else began there: alone it is no fault", "zerosum's clinic"),
            SLOWER,
            ("odd samples found and removed", "zerosum check"),
        ),
    ),
    "starved": kind(
        "starved input",
        "note",
        "The training waits for data.",
        ("slow decoding", "a slow disk"),
        (("packed data, which zerosum keeps after the first pass", "zerosum data"),),
    ),
}
