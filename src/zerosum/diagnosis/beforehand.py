"""What is found in a run's data: examined once, and kept in the run with pictures of the samples concerned.

It is kept when the training begins, where the data have been examined by then or that costs little beside the training;
otherwise at the doctor's first look.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from zerosum.data import Data, Source
from zerosum.data.core import Ordered
from zerosum.diagnosis.dataset import Examination, examine
from zerosum.diagnosis.exemplars import strips
from zerosum.diagnosis.figure import Names
from zerosum.diagnosis.findings import Finding
from zerosum.diagnosis.glance import DRAWN, MOST, domains
from zerosum.errors import UserError
from zerosum.training.checkpoints import write_atomically

NAME, FOLDER = "data.json", "data"
"""Where findings are kept, and the pictures of the samples concerned."""
CHEAP, CHEAP_VALUES = 4, 2**27
"""So many times the samples that are looked at a training has at least; values that are looked at in seconds."""


def of_data(run: Path, data: Data, names: Mapping[str, Names] | None = None) -> list[Finding]:
    """Findings in data, as kept in the run, or else examined now and kept there.

    Data that cannot be examined (values that are not finite) have none here: the training will meet them soon enough.
    `names` are as for `examine`.
    """
    if not (run / NAME).is_file():
        try:
            keep(run, data, examine(data, names))
        except UserError as error:
            write(run, {"findings": [], "notes": [str(error)]})
    return kept(run)


def keep(run: Path, data: Data, found: Examination) -> None:
    """Write down what was found, with a picture for every finding that samples can be shown of."""
    document = found.document()
    for number, (finding, picture) in enumerate(zip(document["findings"], strips(data, found), strict=True)):
        if picture is not None:
            (run / FOLDER).mkdir(exist_ok=True)
            finding["picture"] = f"{FOLDER}/{number}.png"
            picture.save(run / finding["picture"])
    write(run, document)


def carry_over(earlier: Path, run: Path) -> None:
    """Keep in a run what was found in the same data for an earlier one."""
    if (earlier / NAME).is_file():
        if (earlier / FOLDER).is_dir():
            shutil.copytree(earlier / FOLDER, run / FOLDER, dirs_exist_ok=True)
        write_atomically(run / NAME, (earlier / NAME).read_text())


def write(run: Path, document: Mapping[str, Any]) -> None:
    """Write `data.json`."""
    write_atomically(run / NAME, json.dumps(document, indent=1) + "\n")


def kept(run: Path) -> list[Finding]:
    """Findings as kept in a run; none where its data were not examined."""
    return [finding for finding, _ in illustrated(run)]


def illustrated(run: Path) -> list[tuple[Finding, Path | None]]:
    """Findings as kept in a run, each with the picture of the samples concerned, where there is one."""
    try:
        document = json.loads((run / NAME).read_text())
        return [(Finding.read(entry), picture_of(run, entry)) for entry in document["findings"]]
    except (OSError, ValueError, KeyError):
        return []


def picture_of(run: Path, entry: Mapping[str, Any]) -> Path | None:
    """Where the picture of a finding lies."""
    return run / entry["picture"] if "picture" in entry else None


def cheap(data: Data, length_samples: int) -> bool:
    """Whether to examine data costs little beside a training of this length.

    It looks at far fewer samples than the training will, at few values, and at what can be read in any order.
    """
    sources = [source for pair in domains(data).values() for source in pair]
    samples = sum(looked_at(source) for source in sources)
    values = sum(looked_at(source) * sizes(source) for source in sources)
    in_any_order = not any(isinstance(source, Ordered) for source in sources)
    return in_any_order and CHEAP * samples <= length_samples and values <= CHEAP_VALUES


def looked_at(source: Source) -> int:
    """Samples of a split that an examination looks at, at most."""
    return min(source.size or DRAWN, MOST)


def sizes(source: Source) -> int:
    """Values of a sample."""
    return int(torch.tensor(source.space.shape).prod())
