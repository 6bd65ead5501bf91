"""An observer that watches a critic and holds it back when it gets too sure, or stops when all is lost.

An observer looks and asks; the engine acts. What it asks for is a function of what it sees, so that a resumed run goes
the same way. Its figures stand in the log and in the report, and so does the control it sets.

    python examples/control_a_run.py --help
"""

from dataclasses import dataclass

import tyro

import zerosum
from zerosum.training.observers import Report, SetControl, State, Stop


@dataclass(frozen=True)
class HoldBack:
    """Keeps D(x) - D(G(z)) near a goal by the critic's learning rate.

    Args:
        every_samples: between two looks.
        goal: where the lead of the critic should be, in (0, 1).
        hopeless: a lead at which the training stops.
    """

    every_samples: int = 2_000
    goal: float = 0.4
    hopeless: float = 0.99

    def __call__(self, state: State) -> Report:
        """Halve the critic's learning rate above the goal; let it recover below."""
        lead = state.values["d_real"] - state.values["d_fake"]
        if lead > self.hopeless and state.samples_seen > 20 * self.every_samples:
            return Report({"lead": lead}, requests=(Stop(f"the critic leads by {lead:.3f}"),))
        scale = state.values["control/D/lr_scale"] * (0.5 if lead > self.goal else 1.25)
        return Report({"lead": lead}, requests=(SetControl("D/lr_scale", min(1.0, max(1 / 64, scale))),))


def main(length_samples: int = 100_000, width: int = 32, goal: float = 0.4) -> None:
    """Train DCGAN on digits under the observer's eyes."""
    observer = HoldBack(every_samples=max(64, length_samples // 50), goal=goal)
    run = zerosum.train("dcgan", data="digits", length_samples=length_samples, width=width, observers=[observer])
    for line in run.log:
        if "lead" in line:
            print(f"{line['samples_seen']:>9,.0f} samples: lead of the critic {line['lead']:.2f}")
    print(run.report)


if __name__ == "__main__":
    tyro.cli(main)
