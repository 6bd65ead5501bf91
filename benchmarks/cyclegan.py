"""`cyclegan` on glyphs, as it comes but shorter: do held-out glyphs keep their character and change their domain?

Both are told by classifiers trained on the real training splits (`judges/glyphs.py`), whose own accuracy on held-out
glyphs of the domain that is translated from stands beside.
"""

import torch
from PIL import Image
from torch import Tensor

from judges.glyphs import DOMAINS, character_judge, domain_judge, groups, splits
from records import Case, Measured, Target, run
from trainings import training
from zerosum import Run
from zerosum.data import Batch
from zerosum.draw import Draw
from zerosum.runs.trained import Trained
from zerosum.spaces import Space
from zerosum.training.sampling import Requests, ready

DIRECTIONS = ("A2B", "B2A")
VISITS = ("first", "second")
TRIAL = {"length_samples": 64, "width": 8}
LENGTH = {"length_samples": 24_000, "batch_size": 4}


def measure(seed: int, trial: bool) -> Measured:
    """Train, translate and judge."""
    with training("cyclegan", data=DOMAINS, seed=seed, **(TRIAL if trial else LENGTH)) as (played, took):
        translated = {direction: translate(played, direction) for direction in DIRECTIONS}
    figures: dict[str, float] = {}
    steps = 10 if trial else 600
    for target, direction in zip((1, 0), DIRECTIONS, strict=True):
        judged = judge(*translated[direction], target, steps)
        figures |= {f"{direction}_{name}": value for name, value in judged.items()}
    space = splits("held_out")[1]
    return Measured({**figures, "seconds": took}, pairs(space, [translated[name][:2] for name in DIRECTIONS]))


def translate(played: Run, direction: str) -> tuple[Tensor, Tensor, Tensor]:
    """Held-out glyphs of the first domain, what is made of them, and their characters."""
    source, _ = splits("held_out")
    domain = source.condition if direction == "A2B" else source.real
    trained = Trained(played.path)
    sampler = trained.game.samplers[direction]
    networks = ready(trained.game, trained.averaged, sampler, Requests(source=source), Draw("standing"))
    batches = [domain.batch(torch.arange(domain.size), Draw("judged", visit)) for visit in VISITS]
    with torch.no_grad():
        made = [sampler.make(networks, Batch(b.real, condition=b.real), Draw("made")).float() for b in batches]
    labels = [batch.label for batch in batches if batch.label is not None]
    return torch.cat([batch.real for batch in batches]), torch.cat(made), torch.cat(labels)


def judge(given: Tensor, made: Tensor, labels: Tensor, target: int, steps: int) -> dict[str, float]:
    """Shares of glyphs that keep their character, that change their domain, and that do both."""
    characters, domains = character_judge(steps), domain_judge(steps)
    group = groups(splits("held_out")[1].classes)[labels]
    kept, changed = characters.predict(made) == group, domains.predict(made) == target
    return {
        "kept": share(kept),
        "changed": share(changed),
        "both": share(kept & changed),
        "judge_of_characters": share(characters.predict(given) == group),
        "judge_of_domains": share(domains.predict(given) != target),
    }


def share(which: Tensor) -> float:
    """The share that is true."""
    return which.double().mean().item()


def pairs(space: Space, shown: list[tuple[Tensor, ...]], columns: int = 24, rows: int = 2) -> Image.Image:
    """Rows of glyphs, each above the row of what was made of them; first A to B, then B to A."""
    parts: list[Tensor] = []
    for given, made in shown:
        places = torch.linspace(0, len(given) // len(VISITS) - 1, rows * columns).long()
        parts += [part for row in torch.split(places, columns) for part in (given[row], made[row])]
    return space.picture(torch.cat(parts), columns=columns)


CASES = [
    Case(
        name="sans-serif",
        measure=measure,
        options={"data": DOMAINS, **LENGTH},
        targets={f"{direction}_{name}": Target(low=0.85) for direction in DIRECTIONS for name in ("kept", "changed")},
        seeds=1,
    )
]

if __name__ == "__main__":
    run("cyclegan", __doc__, CASES)
