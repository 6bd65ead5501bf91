"""Records survive JSON, and tell what must not be compared."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zerosum.errors import UserError
from zerosum.metrics.records import Network, Range, Record, finite, read_text, to_text, why_not_comparable

RECORD = Record(
    metric="kid[classifier]",
    value=0.25,
    better="lower",
    n_real=100,
    n_generated=200,
    reference={"data": "digits", "split": "held-out", "fingerprint": "abc"},
    generated={"run": "first", "samples_seen": 640, "fingerprint": "def"},
    seed=3,
    seconds=1.5,
    zerosum="0.1.0",
    interval=Range(low=0.2, high=0.3, level=0.95, by="standard error"),
    network=Network(name="classifier", digest="0123", preparation="divided by 255"),
    settings={"k": 3},
    details={"classes": [1, 2]},
    warnings=("few samples",),
    pictures={"pairs": "evaluations/pairs.png"},
)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
JSON = st.recursive(NUMBERS | st.text() | st.booleans() | st.none(), lambda inner: st.lists(inner), max_leaves=5)


def test_json_gives_the_record_back() -> None:
    assert read_text(to_text([RECORD, RECORD])) == [RECORD, RECORD]


def test_pictures_in_memory_are_not_written() -> None:
    shown = replace(RECORD, images={"pairs": Image.new("L", (2, 2))})
    assert shown.to_json() == RECORD.to_json()


@given(value=NUMBERS, low=NUMBERS, high=NUMBERS, details=st.dictionaries(st.text(), JSON))
def test_json_has_finite_numbers_only(value: float, low: float, high: float, details: dict[str, Any]) -> None:
    interval = Range(low=low, high=high, level=0.95, by="jackknife")
    record = finite(replace(RECORD, value=value, interval=interval, details=details))
    text = json.dumps(record.to_json(), allow_nan=False)
    again = Record.from_json(json.loads(text))
    assert again.value == (value if math.isfinite(value) else None)
    assert (len(again.warnings) > len(RECORD.warnings)) == (not math.isfinite(value))
    assert again.to_json() == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no JSON", "no JSON"),
        ("3", "no record"),
        ('[{"a": 1}]', "no record"),
        ('{"format": 99, "metric": "kid"}', "format 99"),
        ('{"format": 1, "metric": "kid"}', "not whole"),
        ('{"format": 1, "metric": "kid", "interval": {"low": 1}}', "not whole"),
    ],
)
def test_what_is_no_record_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_text(text)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"metric": "fid"}, "other metrics"),
        ({"network": replace(RECORD.network, digest="4567")}, "other feature networks"),
        ({"network": replace(RECORD.network, preparation="resized")}, "other preparation"),
        ({"network": None}, "other feature networks"),
        ({"reference": {**RECORD.reference, "split": "train"}}, "other splits"),
        ({"reference": {**RECORD.reference, "fingerprint": "xyz"}}, "other references"),
        ({"n_real": 99}, "other numbers of real samples: 100 and 99"),
        ({"n_generated": 99}, "other numbers of generated samples: 200 and 99"),
        ({"settings": {"k": 5}}, "other setting k: 3 and 5"),
        ({"settings": {}}, "other setting k"),
    ],
)
def test_what_must_not_be_compared_is_told(change: dict[str, Any], reason: str) -> None:
    other = replace(RECORD, **change)
    assert reason in (why_not_comparable(RECORD, other) or "")
    assert why_not_comparable(other, RECORD) is not None


def test_seed_samples_time_and_version_do_not_matter() -> None:
    other = replace(RECORD, value=9.0, generated={"run": "second"}, seed=9, seconds=9.0, zerosum="9", details={})
    assert why_not_comparable(RECORD, other) is None


def test_settings_are_compared_as_json_has_them() -> None:
    pair = replace(RECORD, settings={"scales": (1, 2)})
    assert why_not_comparable(pair, read_text(to_text([pair]))[0]) is None
