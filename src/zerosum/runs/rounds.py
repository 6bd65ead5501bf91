"""How long a round of a training takes, and what its time goes into."""

from collections.abc import Mapping, Sequence

from zerosum.runs.curves import BESIDES
from zerosum.runs.directory import Line


def round_times(log: Sequence[Line], batch_size: int) -> dict[str, float]:
    """Milliseconds of a round, the mean over a log, by what they go into; empty where the log does not say.

    >>> lines = [{"samples_seen": 80, "samples_per_second": 100.0, "waiting": 0.25}]
    >>> round_times(lines, batch_size=8)
    {'computing': 60.0, 'waiting for data': 20.0}
    """
    samples = total = 0.0
    besides = dict.fromkeys(BESIDES, 0.0)
    seen = 0.0
    for line in log:
        rate, now = line.get("samples_per_second"), line.get("samples_seen")
        if not rate or now is None:
            continue
        seconds = max(0.0, now - seen) / rate
        samples, total, seen = samples + max(0.0, now - seen), total + seconds, now
        for name in besides:
            besides[name] += seconds * (line.get(name) or 0.0)
    told_of = {name for line in log for name in line} & BESIDES.keys()
    if not samples or not told_of:
        return {}
    each = 1e3 * batch_size / samples
    there = {label: each * besides[name] for name, label in BESIDES.items() if name in told_of}
    return {"computing": max(0.0, each * total - sum(there.values())), **there}


def told(times: Mapping[str, float]) -> dict[str, str]:
    """The same for a reader.

    >>> told({"computing": 60.0, "waiting for data": 0.05})
    {'computing': '60.0 ms (99.9 %)', 'waiting for data': '0.05 ms (0.1 %)'}
    """
    whole = sum(times.values()) or 1.0
    return {name: f"{short(value)} ms ({value / whole:.1%})".replace("%", " %") for name, value in times.items()}


def short(milliseconds: float) -> str:
    """Milliseconds in three digits.

    >>> short(0.0512), short(3.14159), short(1234.5)
    ('0.05', '3.1', '1,234')
    """
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.{1 if milliseconds >= 1 else 2}f}"
