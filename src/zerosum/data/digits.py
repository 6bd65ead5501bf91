"""scikit-learn's 1,797 handwritten digits, 8 x 8, from 43 people (Alpaydin and Kaynak, 1998): the embedded default."""

from importlib import metadata

import numpy as np

from zerosum.data.options import DataOptions
from zerosum.data.packing import Cache
from zerosum.data.pictures import Form, Pictures
from zerosum.data.samples import Samples

SIDES = (32, 32)


def digits(options: DataOptions, cache: Cache) -> Samples:
    """The digits, white on black, 32 x 32 unless the options say otherwise; 10 classes."""
    return cache.samples(("digits", metadata.version("scikit-learn")), _pictures, options)


def _pictures() -> Pictures:
    from sklearn.datasets import load_digits  # slow to import

    stored = load_digits()
    levels = np.rint(stored.images * (255 / 16)).astype(np.uint8)[:, :, :, None]
    return Pictures(
        count=len(levels),
        describe=lambda item: f"digits[{item}]",
        probe=lambda item: Form.of(levels[item]),
        read=lambda item, side: levels[item],
        labels=stored.target.astype(np.int64),
        classes=tuple("0123456789"),
        sides=SIDES,
    )
