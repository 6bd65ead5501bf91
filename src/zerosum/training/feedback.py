"""A control that a recipe leaves to a rule: it rises while a signal of the log is above its target, else it falls."""

from dataclasses import dataclass

from zerosum.training.observers import Report, SetControl, State


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """p <- p ± Δ towards where the signal is at its target, with p in [0, high] (Karras 2020, section 3.2).

    There r_t = E sign D(x) is led to 0.6 by p, the probability of augmentation, every fourth batch; here at every line
    of the log, which has the signal's mean since the line before, with a Δ that is as much larger.

    Args:
        control: p.
        signal: its name in the log.
        target: where it is led.
        rise_samples: samples in which p can rise by 1.
        high: largest p.
        every_samples: between two lines of the log.
        batch_size: real samples a round.
    """

    control: str
    signal: str
    target: float
    rise_samples: int
    high: float
    every_samples: int
    batch_size: int

    def __call__(self, state: State) -> Report:
        """Ask for another value of the control."""
        # at the end everyone is called, and a training that goes on later is to be as one that never ended
        last = (state.samples_seen - self.batch_size) // self.every_samples
        if state.samples_seen // self.every_samples == last:
            return Report()
        above = state.values[self.signal] - self.target
        step = self.every_samples / self.rise_samples * ((above > 0) - (above < 0))
        p = min(self.high, max(0.0, state.controls[self.control] + step))
        return Report(requests=(SetControl(self.control, p),))
