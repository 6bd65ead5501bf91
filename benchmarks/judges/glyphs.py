"""Judges of translated glyphs: which character it is, and of which domain.

Some characters differ from others by size or not at all in some fonts. Since glyphs vary in size they are merged into
groups, declared here and not after a look at what a judge confuses.
"""

from functools import cache

import torch
from torch import Tensor

from judges.classifier import Classifier, everything, train_classifier
from zerosum.data import open_data
from zerosum.data.packed import UnpairedSource
from zerosum.spaces import Images

SAME = ("Oo0", "Il1", "Ss", "Cc", "Vv", "Ww", "Xx", "Zz", "Uu", "Pp", "Kk")
"""Characters that count as one."""
DOMAINS = "glyphs:sans-serif"
VISITS = 3


def groups(classes: tuple[str, ...]) -> Tensor:
    """The group of every class, `(len(classes),)`; of the 62 characters 49 groups are left."""
    leader = {character: same[0] for same in SAME for character in same}
    names = [leader.get(character, character) for character in classes]
    number = {name: index for index, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([number[name] for name in names])


@cache
def splits(split: str) -> tuple[UnpairedSource, Images]:
    """One split of the two domains, A as `condition` and B as `real`."""
    source = getattr(open_data(DOMAINS, progress=False), split)
    assert isinstance(source, UnpairedSource)
    assert isinstance(source.space, Images)
    return source, source.space


@cache
def character_judge(steps: int = 600) -> Classifier:
    """Tells groups of characters apart, in both domains; trained on the training splits."""
    source, space = splits("train")
    group = groups(space.classes)
    images, labels = _both(source)
    return train_classifier(images, group[labels], space, classes=int(group.max()) + 1, seed=0, steps=steps)


@cache
def domain_judge(steps: int = 600) -> Classifier:
    """Tells domain A (0) from B (1); trained on the training splits."""
    source, space = splits("train")
    images, labels = _both(source)
    domain = (torch.arange(len(labels)) >= len(labels) // 2).long()
    return train_classifier(images, domain, space, classes=2, seed=0, steps=steps)


def _both(source: UnpairedSource) -> tuple[Tensor, Tensor]:
    """Images and characters of A, then as many of B."""
    assert source.condition.size == source.real.size
    a, b = (everything(domain, *range(VISITS)) for domain in (source.condition, source.real))
    return torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]])
