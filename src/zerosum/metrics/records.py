"""A figure with everything it depends on, as JSON that explains itself.

A score without its feature network, counts and reference is no score, and two scores that differ in one of these say
nothing about which samples are better. `why_not_comparable` tells them apart.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from PIL import Image

from zerosum.errors import UserError

FORMAT = 1
"""Version of a record's JSON that is written and understood."""
ARROWS = {"lower": "↓", "higher": "↑", "as-real": "≈"}


@dataclass(frozen=True, kw_only=True)
class Network:
    """The feature network behind a figure.

    Attributes:
        name: `inception`, `classifier` …
        digest: hash of all that shapes the features.
        preparation: what is done to samples first, in words.
    """

    name: str
    digest: str
    preparation: str


@dataclass(frozen=True, kw_only=True)
class Range:
    """A confidence interval.

    Attributes:
        low, high: the bounds.
        level: the confidence, 0 to 1.
        by: how the bounds were found.
    """

    low: float | None
    high: float | None
    level: float
    by: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """One result of an evaluation.

    Attributes:
        metric: its full name: `kid[classifier]`; without brackets where no network is used, and for `fid`, `is` and
            `kid` with the standard weights of Inception.
        value: the figure; None where it is not finite.
        interval: where it may lie; None where that was not asked for or is not known.
        better: `lower`, `higher`, or `as-real`: like real samples.
        n_real, n_generated: how many samples it was computed from.
        network: of the features; None where none are used.
        reference: `data`, `split` and `fingerprint` of the real samples.
        generated: what was judged, with a `fingerprint` of the samples.
        settings: what else the figure depends on (k, subset size, scales).
        details: what explains the figure (values a class, bins …).
        warnings: what a reader must know.
        seed: of all that was drawn.
        seconds: how long the metric took; the look at the samples is shared and not counted.
        zerosum: version that wrote the record.
        pictures: name -> path of a picture that explains the figure, seen from the folder of the record's file.
        images: the same pictures as long as they are in memory; not written.
    """

    metric: str
    value: float | None
    better: str
    n_real: int
    n_generated: int
    reference: Mapping[str, Any]
    generated: Mapping[str, Any]
    seed: int
    seconds: float
    zerosum: str
    interval: Range | None = None
    network: Network | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, Image.Image] = field(default_factory=dict, compare=False, repr=False)

    @property
    def arrow(self) -> str:
        """Which way is better, in a sign."""
        return ARROWS.get(self.better, self.better)

    def to_json(self) -> dict[str, Any]:
        """As JSON, of finite numbers only."""
        document = asdict(replace(self, images={}))
        del document["images"]
        return {"format": FORMAT, **cleaned(document)}

    @classmethod
    def from_json(cls, document: Any) -> "Record":
        """Read what `to_json` gave.

        Raises:
            UserError: it is no record, or one of another format.
        """
        if not isinstance(document, Mapping) or "format" not in document or "metric" not in document:
            raise UserError("This is no record of a metric: it has no format or no metric.")
        if document["format"] != FORMAT:
            raise UserError(f"The record has format {document['format']!r}; this zerosum reads format {FORMAT}.")
        names = {f.name for f in fields(cls)} - {"images"}
        values = {name: value for name, value in document.items() if name in names}
        try:
            values["interval"] = None if values.get("interval") is None else Range(**values["interval"])
            values["network"] = None if values.get("network") is None else Network(**values["network"])
            return cls(**values | {"warnings": tuple(values.get("warnings", ()))})
        except TypeError as error:
            raise UserError(f"The record of {document['metric']!r} is not whole: {error}.") from error


def finite(record: Record) -> Record:
    """The same record, with None and a warning where the value is not a finite number."""
    if record.value is not None and math.isfinite(record.value):
        return record
    return replace(record, value=None, warnings=(*record.warnings, f"The value is not finite ({record.value})."))


def cleaned(value: Any) -> Any:
    """A value as JSON gives it back, numbers that are not finite as None.

    >>> cleaned({"a": (1.0, float("nan")), 2: "b"})
    {'a': [1.0, None], '2': 'b'}
    """
    if isinstance(value, Mapping):
        return {str(key): cleaned(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def to_text(records: Iterable[Record]) -> str:
    """Records as a JSON array."""
    return json.dumps([record.to_json() for record in records], indent=2, allow_nan=False)


def read_text(text: str) -> list[Record]:
    """Records from a JSON array, or from one record.

    Raises:
        UserError: it is no JSON, or holds something else.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UserError(f"This is no JSON: {error}.") from error
    return [Record.from_json(entry) for entry in (found if isinstance(found, list) else [found])]


def why_not_comparable(a: Record, b: Record) -> str | None:
    """The first thing that two figures differ in and must not, in words; None where they may be compared."""
    for what, of_a, of_b in _conditions(a, b):
        if of_a != of_b:
            return f"{what}: {of_a} and {of_b}"
    return None


def _conditions(a: Record, b: Record) -> list[tuple[str, Any, Any]]:
    """What must be equal: (in words, of `a`, of `b`)."""
    networks = [(r.network or Network(name="none", digest="", preparation="none")) for r in (a, b)]
    settings = [cleaned(dict(r.settings)) for r in (a, b)]
    return [
        ("other metrics", a.metric, b.metric),
        ("other feature networks", *(f"{n.name} {n.digest[:12]}".strip() for n in networks)),
        ("other preparation of the samples", *(n.preparation for n in networks)),
        ("other splits of the reference", a.reference.get("split"), b.reference.get("split")),
        ("other numbers of real samples", a.n_real, b.n_real),
        ("other numbers of generated samples", a.n_generated, b.n_generated),
        *((f"other {cut}", *(r.generated.get(cut, "none") for r in (a, b))) for cut in ("psi", "threshold")),
        ("other references", *(_reference(r.reference) for r in (a, b))),
        *((f"other setting {name}", *(s.get(name) for s in settings)) for name in sorted({*settings[0], *settings[1]})),
    ]


def _reference(reference: Mapping[str, Any]) -> str:
    return f"{reference.get('data')} ({str(reference.get('fingerprint'))[:12]})"
