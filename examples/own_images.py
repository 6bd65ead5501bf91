"""Images of your own, as an array: train on them, draw new ones, save them.

python examples/own_images.py --help
"""

from pathlib import Path

import numpy as np
import tyro

import zerosum


def discs(n: int, side: int = 32) -> np.ndarray:
    """`n` pictures of a coloured disc of random size at a random place, `(n, side, side, 3)`, uint8."""
    numbers = np.random.default_rng(0)
    radius = numbers.uniform(0.15, 0.3, (n, 1, 1))
    x, y = numbers.uniform(0.3, 0.7, (2, n, 1, 1))
    colour = numbers.uniform(0.3, 1.0, (n, 1, 1, 3))
    line = (np.arange(side) + 0.5) / side
    distance = np.hypot(line[None, None, :] - x, line[None, :, None] - y)
    inside = np.clip((radius - distance) * side, 0, 1)
    return np.rint(255 * inside[..., None] * colour).astype(np.uint8)


def main(n: int = 5_000, length_samples: int = 200_000, width: int = 32, out: Path = Path("discs")) -> None:
    """Train on an array; `out` gets a grid, an array and a folder of single pictures."""
    images = discs(n)
    run = zerosum.train("r3gan", data=images, length_samples=length_samples, width=width, flip=True)
    samples = run.samples(64, seed=1)
    samples.save(out / "grid.png")
    samples.save(out / "samples.npz")
    samples.save(out / "single")
    print(f"{run.report}\n{out / 'grid.png'}\n{tuple(samples.values.shape)} in [-1, 1]")


if __name__ == "__main__":
    tyro.cli(main)
