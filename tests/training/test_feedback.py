from types import SimpleNamespace

import pytest

from zerosum.training.feedback import Feedback
from zerosum.training.observers import SetControl

RULE = Feedback(
    control="augment", signal="r", target=0.6, rise_samples=1000, high=0.8, every_samples=100, batch_size=50
)


def asked(r: float, p: float, samples_seen: int = 200):
    state = SimpleNamespace(samples_seen=samples_seen, values={"r": r}, controls={"augment": p})
    return RULE(state).requests


@pytest.mark.parametrize(
    ("r", "p", "then"), [(0.9, 0.2, 0.3), (0.1, 0.2, 0.1), (0.6, 0.2, 0.2), (0.9, 0.75, 0.8), (0.1, 0.05, 0.0)]
)
def test_p_moves_by_the_samples_seen_and_stays_where_it_does_not_leak(r, p, then):
    (request,) = asked(r, p)
    assert isinstance(request, SetControl)
    assert (request.name, request.value) == ("augment", pytest.approx(then))


@pytest.mark.parametrize(("samples_seen", "due"), [(100, True), (150, False), (250, False), (300, True)])
def test_it_asks_only_when_a_line_is_due(samples_seen, due):
    """At the end of a training everybody is called; one that goes on later is to be as one that never ended."""
    assert bool(asked(0.9, 0.2, samples_seen)) == due
