"""The last few values of a function, each made once, whichever thread asks for it first."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A function that remembers what it gave last.

    Args:
        make: the function; what it raises is raised to all who wait for the value, and not remembered.
        most: values that are remembered, at most; beyond that the one goes that was not asked for the longest.
    """

    def __init__(self, make: Callable[[K], V], most: int) -> None:
        self.make, self.most = make, most
        self._lock = Lock()
        self._values: OrderedDict[K, Future[V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __call__(self, key: K) -> V:
        """The value of `key`."""
        with self._lock:
            known = self._values.get(key)
            value = self._values[key] = known or Future()
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self._values.popitem(last=False)
        if known is None:
            self._fill(key, value)
        return value.result()

    def _fill(self, key: K, value: "Future[V]") -> None:
        try:
            value.set_result(self.make(key))
        except BaseException as error:
            with self._lock:
                self._values.pop(key, None)
            value.set_exception(error)
