"""Where real samples come from: sources, packing, augmentation -> `Batch`."""

from zerosum.data.catalogue import DATA, Given, open_data
from zerosum.data.core import Batch, Data, Source
from zerosum.data.options import DataOptions
from zerosum.data.points import Density, density

__all__ = ["DATA", "Batch", "Data", "DataOptions", "Density", "Given", "Source", "density", "open_data"]
