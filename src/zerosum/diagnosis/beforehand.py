"""What is found in a run's data: examined once, at the doctor's first look, and kept in the run."""

import json
from pathlib import Path

from zerosum.data import Data
from zerosum.diagnosis.dataset import examine
from zerosum.diagnosis.findings import Finding
from zerosum.errors import UserError
from zerosum.training.checkpoints import write_atomically

NAME = "data.json"


def of_data(run: Path, data: Data) -> list[Finding]:
    """Findings in data, as kept in the run, or else examined now and kept there.

    Data that cannot be examined (values that are not finite) have none here: the training will meet them soon enough.
    """
    if not (run / NAME).is_file():
        try:
            document = examine(data).document()
        except UserError as error:
            document = {"findings": [], "notes": [str(error)]}
        write_atomically(run / NAME, json.dumps(document, indent=1) + "\n")
    return kept(run)


def kept(run: Path) -> list[Finding]:
    """Findings as kept in a run; none where its data were not examined."""
    try:
        document = json.loads((run / NAME).read_text())
        return [Finding.read(entry) for entry in document["findings"]]
    except (OSError, ValueError, KeyError):
        return []
