"""Precision, recall, density and coverage against Naeem's package `prdc`: same counts, less time, less memory.

Features are of low rank with noise around, as those of images are; generated ones
are a little narrower and shifted. Each side runs in a process of its own. The package is given float32, as it asks
for, and float64, which its counts are compared in; the time ratio is to the faster of both. It holds full matrices:
where memory does not suffice for them, its figures are left out and the benchmark says so.
"""

import contextlib
import io
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from records import Case, Measured, Target, run
from zerosum.draw import Draw
from zerosum.metrics.manifold import counts

K = 5
RANK = 64
SCORES = ("precision", "recall", "density", "coverage")
BYTES_A_PAIR = 32
"""Of memory that `prdc` takes in float64 at its peak: distances, the places of the nearest, and copies of both."""
Outcome = dict[str, float]


def features(n: int, dimensions: int, seed: int) -> tuple[Tensor, Tensor]:
    """Real and generated ones, `(n, dimensions)`."""
    draw = Draw(seed, "features")
    basis = draw.normal(RANK, dimensions) / torch.arange(1, RANK + 1)[:, None].sqrt()
    real, generated = (draw.normal(n, RANK) @ basis + 0.3 * draw.normal(n, dimensions) for _ in range(2))
    return real, 0.95 * generated + 0.02


def ours(n: int, dimensions: int, seed: int) -> Outcome:
    """Time, memory beyond the features, and counts of `zerosum`."""
    real, generated = features(n, dimensions, seed)
    counts(real[: 4 * K], generated[: 4 * K], k=K)  # whatever is made once is made now
    before = resident_before()
    began = time.perf_counter()
    found = counts(real, generated, k=K)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "peak_extra_mib": (peak() - before) / 2**20,
        "precision": int((found.holders > 0).sum()),
        "recall": int(found.recalled.sum()),
        "density": int(found.holders.sum()),
        "coverage": int(found.covered.sum()),
    }


def theirs(n: int, dimensions: int, seed: int, dtype: torch.dtype) -> Outcome:
    """Time and counts of `prdc`."""
    from prdc import compute_prdc

    real, generated = (each.to(dtype).numpy() for each in features(n, dimensions, seed))
    with contextlib.redirect_stdout(io.StringIO()):
        compute_prdc(real[: 4 * K], generated[: 4 * K], nearest_k=K)
        began = time.perf_counter()
        found = compute_prdc(real, generated, nearest_k=K)
    seconds = time.perf_counter() - began
    scale = {"precision": n, "recall": n, "density": K * n, "coverage": n}
    return {"seconds": seconds, **{name: round(float(found[name]) * scale[name]) for name in scale}}


def resident_before() -> int:
    """Bytes in memory now, which the peak is counted from anew (Linux; elsewhere the peak so far)."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return peak()
    reset.write_text("5")
    return status("VmRSS")


def peak() -> int:
    """The most bytes that were in memory."""
    if Path("/proc/self/status").exists():
        return status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def status(name: str) -> int:
    """A line of the kernel's account of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def available() -> float:
    """Bytes of memory that can be had; infinite where the system does not say."""
    path = Path("/proc/meminfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), float("inf"))


def apart(call: Callable[..., Outcome], *arguments: Any) -> Outcome:
    """The outcome of a call in a fresh process."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:  # no daemon: `prdc` would not use its threads in one
        return pool.submit(call, *arguments).result()


def measure(seed: int, trial: bool, *, n: int, dimensions: int) -> Measured:
    """Both sides on the same features."""
    if find_spec("prdc") is None:
        raise SystemExit("The package that is compared with is missing: pip install --no-deps prdc")
    n, dimensions = (500, 64) if trial else (n, dimensions)
    found = apart(ours, n, dimensions, seed)
    figures = {"seconds": found["seconds"], "peak_extra_mib": found["peak_extra_mib"]}
    if available() < BYTES_A_PAIR * n**2:
        gib = BYTES_A_PAIR * n**2 / 2**30
        print(
            f"prdc is left out: it needs about {gib:.0f} GiB, and {available() / 2**30:.0f} GiB are free.", flush=True
        )
        return Measured({**figures, **dict.fromkeys(("prdc_seconds", "ratio"), float("nan"))})
    single, double = (apart(theirs, n, dimensions, seed, dtype) for dtype in (torch.float32, torch.float64))
    figures |= {"prdc_seconds": single["seconds"], "prdc_float64_seconds": double["seconds"]}
    figures["ratio"] = min(single["seconds"], double["seconds"]) / found["seconds"]
    for name in SCORES:
        figures[name] = found[name] / n
        figures[f"{name}_count_off"] = abs(found[name] - double[name])
    return Measured(figures)


def case(n: int, targets: dict[str, Target]) -> Case:
    """As many real as generated samples."""
    return Case(
        name=f"{n}x2048",
        measure=partial(measure, n=n, dimensions=2048),
        options={"n": n, "dimensions": 2048, "k": K, "rank": RANK},
        targets={**targets, **{f"{name}_count_off": Target(high=0.0) for name in SCORES}},
        seeds=1,
    )


CASES = [
    case(5_000, {}),
    case(20_000, {"ratio": Target(low=3.0), "peak_extra_mib": Target(high=1024.0)}),
]

if __name__ == "__main__":
    run("manifold", __doc__, CASES)
