import signal
import threading

import pytest

from zerosum.training.interruption import WATCHED, Signals


@pytest.mark.parametrize("number", WATCHED)
def test_a_signal_is_remembered_until_the_round_is_over(fabric, number):
    with Signals() as signals:
        assert signals.received(fabric) == 0
        signal.raise_signal(number)
        assert signals.received(fabric) == number


@pytest.mark.parametrize("number", WATCHED)
def test_a_second_signal_acts_as_if_nobody_watched(number):
    acted = []
    before = signal.signal(number, lambda *given: acted.append(given[0]))
    try:
        with Signals():
            signal.raise_signal(number)
            assert acted == []
            signal.raise_signal(number)
            assert acted == [number]
    finally:
        signal.signal(number, before)


def test_handlers_are_put_back_whatever_happens():
    before = [signal.getsignal(number) for number in WATCHED]
    watching = []

    def fail() -> None:
        with Signals():
            watching.extend(signal.getsignal(number) for number in WATCHED)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert watching != before
    assert [signal.getsignal(number) for number in WATCHED] == before


def test_beside_the_main_thread_nothing_is_watched(fabric):
    found = []

    def play() -> None:
        with Signals() as signals:
            found.append(signals.received(fabric))

    thread = threading.Thread(target=play)
    thread.start()
    thread.join()
    assert found == [0]
