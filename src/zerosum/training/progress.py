"""How far a training is, on the screen: a bar on a terminal, plain lines elsewhere, or nothing.

`Progress` is told what happens and knows nothing of the engine. `update` may be called every few milliseconds: it only
keeps the newest figures, and the screen is drawn a few times a second at most.
"""

import sys
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress

BELIEFS = {"d_real": "D(x)", "d_fake": "D(G(z))"}
BESIDES = ("control/", "learning_rate/", "update/", "signal/", "finding/", "metric/")
"""How names in the log begin that are no losses."""


class Progress:
    """Keeps the newest figures and shows nothing. The subclasses show them.

    Args:
        total_samples: samples seen when the training ends.

    Attributes:
        words: what is found of the training, shown behind the figures; set by whoever watches it, empty for nothing.
    """

    every_seconds = float("inf")
    """Between two drawings."""

    def __init__(self, total_samples: int) -> None:
        self.total_samples = total_samples
        self.samples_seen = 0
        self.values: Mapping[str, float] = {}
        self.words = ""
        self.speed = Speed()
        self._drawn = time.monotonic()

    def __enter__(self) -> Self:
        """Prepare the screen."""
        self._drawn = time.monotonic()
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the last figures and leave the screen in order."""
        self._draw(time.monotonic())
        self.end()

    def update(self, samples_seen: int, values: Mapping[str, float]) -> None:
        """Tell how many samples were seen and the newest figures, by the names they have in the log."""
        self.samples_seen = samples_seen
        self.values = values
        now = time.monotonic()
        if not self.speed.seen:  # a resumed training does not begin at 0
            self.speed.add(now, samples_seen)
        if now - self._drawn >= self.every_seconds:
            self._draw(now)

    def message(self, text: str) -> None:
        """Tell something once, above the bar."""

    def begin(self) -> None:
        """What the screen needs before the first drawing."""

    def draw(self) -> None:
        """Show the state."""

    def end(self) -> None:
        """What the screen needs after the last drawing."""

    def _draw(self, now: float) -> None:
        self._drawn = now
        self.speed.add(now, self.samples_seen)
        self.draw()

    @property
    def figures(self) -> list[str]:
        """The newest figures, and the words behind them."""
        return [*compact(self.values), *([self.words] if self.words else [])]

    @property
    def remaining(self) -> str:
        """Time left at the present speed."""
        speed = self.speed.samples_per_second
        return clock((self.total_samples - self.samples_seen) / speed) if speed else "–:––"

    @property
    def rate(self) -> str:
        """Present speed."""
        speed = self.speed.samples_per_second
        return f"{speed:,.0f} samples/s" if speed else "– samples/s"


class Lines(Progress):
    """A plain line every ten seconds and at the end, for files and pipes.

    Args:
        total_samples: samples seen when the training ends.
        stream: where the lines go.
    """

    every_seconds = 10.0

    def __init__(self, total_samples: int, *, stream: TextIO) -> None:
        super().__init__(total_samples)
        self.stream = stream

    def message(self, text: str) -> None:
        """Print `text` on a line of its own."""
        print(text, file=self.stream, flush=True)

    def draw(self) -> None:
        """Print one line."""
        share = min(1.0, self.samples_seen / max(1, self.total_samples))
        head = f"{self.samples_seen:,} of {self.total_samples:,} samples ({share:.0%})"
        self.message("  ".join([head, self.rate, f"{self.remaining} left", *self.figures]))


class Bar(Progress):
    """A bar that stays at the foot of a terminal.

    Args:
        total_samples: samples seen when the training ends.
        console: the terminal.
    """

    every_seconds = 0.2

    def __init__(self, total_samples: int, *, console: Console) -> None:
        super().__init__(total_samples)
        self.screen = RichProgress(
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[seen]}"),
            TextColumn("[dim]{task.fields[pace]}"),
            TextColumn("{task.fields[figures]}"),
            console=console,
            auto_refresh=False,  # drawn by `update`: no thread competes with the training
        )
        self.task = self.screen.add_task("", total=total_samples, seen="", pace="", figures="")

    def message(self, text: str) -> None:
        """Print `text` above the bar."""
        self.screen.console.print(text, markup=False, highlight=False)

    def begin(self) -> None:
        """Take the foot of the terminal."""
        self.screen.start()
        self.draw()

    def draw(self) -> None:
        """Draw the bar anew."""
        self.screen.update(
            self.task,
            completed=self.samples_seen,
            seen=f"{abbreviated(self.samples_seen)}/{abbreviated(self.total_samples)}",
            pace=f"{self.rate} · {self.remaining} left",
            figures="  ".join(self.figures),
            refresh=True,
        )

    def end(self) -> None:
        """Give the terminal back."""
        self.screen.stop()


class Speed:
    """Samples a second over the last drawings.

    Args:
        memory: how many drawings count.
    """

    def __init__(self, memory: int = 50) -> None:
        self.seen: deque[tuple[float, int]] = deque(maxlen=memory)

    def add(self, now: float, samples_seen: int) -> None:
        """At `now` seconds so many samples had been seen."""
        self.seen.append((now, samples_seen))

    @property
    def samples_per_second(self) -> float:
        """0 as long as it is unknown."""
        if len(self.seen) < 2:
            return 0.0
        (then, before), (now, after) = self.seen[0], self.seen[-1]
        return (after - before) / (now - then) if now > then else 0.0


def follow(total_samples: int, *, show: bool = True, stream: TextIO | None = None) -> Progress:
    """The display that suits `stream` (stderr when None): a bar on a terminal, else lines; nothing unless `show`."""
    stream = stream or sys.stderr
    if not show:
        return Progress(total_samples)
    console = Console(file=stream)
    if console.is_terminal and not console.is_dumb_terminal:
        return Bar(total_samples, console=console)
    return Lines(total_samples, stream=stream)


def compact(values: Mapping[str, float]) -> list[str]:
    """The few figures that tell how the game goes: the loss of each player, and what the critic believes.

    >>> compact({"D/adversarial": 1.0, "D/r1": 0.25, "D/grad_norm": 3.0, "G/adversarial": 0.9, "d_real": 0.7})
    ['D 1.25', 'G 0.90', 'D(x) 0.70']
    """
    losses: dict[str, float] = {}
    for key, value in values.items():
        phase, _, term = key.rpartition("/")
        if phase and not key.startswith(BESIDES) and not term.startswith("grad_norm"):
            losses[phase] = losses.get(phase, 0.0) + value
    beliefs = {label: values[key] for key, label in BELIEFS.items() if key in values}
    return [f"{name} {value:.2f}" for name, value in (losses | beliefs).items()]


def abbreviated(count: int) -> str:
    """A count in three digits.

    >>> abbreviated(950), abbreviated(12_345), abbreviated(2_500_000)
    ('950', '12.3k', '2.5M')
    """
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def clock(seconds: float) -> str:
    """Seconds as a clock shows them.

    >>> clock(75), clock(3_675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
