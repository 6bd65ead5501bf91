"""What a training leaves behind while it goes on: the log, TensorBoard events and pictures of samples."""

import contextlib
import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from zerosum.training.checkpoints import write_atomically


class Journal:
    """Writes into a run directory; only the main process has one.

    Args:
        run: the directory.
        samples_seen: what lies behind it is cut off: a resumed run writes it once more.
    """

    def __init__(self, run: Path, samples_seen: int) -> None:
        self.run = run
        self.log, self.pictures, self.events = run / "log.jsonl", run / "samples", run / "events"
        self.pictures.mkdir(parents=True, exist_ok=True)
        self._writer: SummaryWriter | None = None
        self.cut(samples_seen)

    def cut(self, samples_seen: int) -> None:
        """Forget what was written after `samples_seen`; events are written anew from what is left of the log."""
        self.close()
        lines = [line for line in read_lines(self.log) if line["samples_seen"] <= samples_seen]
        write_atomically(self.log, "".join(json.dumps(line) + "\n" for line in lines))
        for picture in self.pictures.glob("*.png"):
            if picture.stem.isdecimal() and int(picture.stem) > samples_seen:
                picture.unlink()
        shutil.rmtree(self.events, ignore_errors=True)
        self._writer = SummaryWriter(str(self.events))
        for line in lines:
            self._event(line)

    def report(self, values: Mapping[str, float]) -> None:
        """Append a line; `values` hold `samples_seen`. What is not finite is written as null."""
        line = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._event(line)

    def note(self, samples_seen: int, note: str | Mapping[str, Any]) -> None:
        """Append a line that tells what happened: words, or a `note` in words with what else a reader needs."""
        entry = {"note": note} if isinstance(note, str) else dict(note)
        with self.log.open("a") as file:
            file.write(json.dumps({"samples_seen": samples_seen, **entry}) + "\n")

    def picture(self, name: str, picture: Image.Image) -> Path:
        """Save a picture of samples as `samples/<name>.png`, whole or not at all."""
        path = self.pictures / f"{name}.png"
        temporary = path.with_suffix(".writing")
        picture.save(temporary, format="png")
        temporary.replace(path)
        return path

    def close(self) -> None:
        """Flush and close the events; what does not fit on a full disk stands in the log."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
            self._writer = None

    def _event(self, line: Mapping[str, Any]) -> None:
        assert self._writer is not None
        for name, value in line.items():
            if name != "samples_seen" and isinstance(value, int | float):
                self._writer.add_scalar(name, value, line["samples_seen"], walltime=line.get("seconds", 0.0))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; a last line that was cut short by a kill is left out."""
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


class Follower:
    """The lines of a log that grows; each look reads only what was added since the one before.

    Where what was read last no longer stands where it was (the log was cut back and written anew), all is read again.

    Args:
        path: of the log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[dict[str, Any]] = []
        self._end, self._last = 0, b""

    def lines(self) -> list[dict[str, Any]]:
        """All whole lines so far, as by `read_lines`."""
        if not self.path.exists():
            self._forget()
            return []
        with self.path.open("rb") as file:
            file.seek(self._end - len(self._last))
            if file.read(len(self._last)) != self._last:
                self._forget()
                file.seek(0)
            for text in file:
                if text.endswith(b"\n"):  # what has no end yet is still being written
                    self._lines.append(json.loads(text))
                    self._end, self._last = self._end + len(text), text
        return list(self._lines)

    def _forget(self) -> None:
        self._lines.clear()
        self._end, self._last = 0, b""
