"""All metrics by the names of their results, in the order in which they are told."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module

from zerosum.errors import UserError, nearest
from zerosum.metrics.core import Metric
from zerosum.metrics.statistics import FeatureNetwork

MODULES = (
    "score",
    "frechet",
    "kernel",
    "manifold",
    "structure",
    "path_length",
    "equivariance",
    "bins",
    "birthday",
    "memorisation",
    "modes",
    "labels",
    "spectrum",
)
"""Where the metrics are; each module has one `METRIC` or several `METRICS`."""
STANDARD = {"score": "is", "fd": "fid", "kid": "kid"}
"""Results -> what they are called with the standard weights of Inception, and never otherwise."""
PAIRWISE = frozenset({"manifold", "memorisation", "birthday", "labels"})
"""Modules whose time grows with the square of the number of samples; that of the others grows with the number."""


@cache
def metrics() -> tuple[Metric, ...]:
    """Every metric once."""
    return tuple(metric for module in MODULES for metric in _of(module))


@cache
def results() -> Mapping[str, Metric]:
    """The name of every result -> the metric that gives it."""
    return {name: metric for metric in metrics() for name in metric.results}


def listed() -> dict[str, str]:
    """For a list: names of results -> the metric's summary and source."""
    return {", ".join(metric.results): f"{metric.summary} ({metric.source})" for metric in metrics()}


def chosen(names: Sequence[str], network: FeatureNetwork) -> list[tuple[Metric, tuple[str, ...]]]:
    """Which results of which metrics are meant, in the order of the list of all.

    Args:
        names: of results, plain (`fd`) or in full (`fd[classifier]`, `fid`).
        network: the feature network.

    Raises:
        UserError: there is no such metric, or it needs another feature network.
    """
    wanted = {plain(name.strip(), network) for name in names}
    found = [(metric, tuple(name for name in metric.results if name in wanted)) for metric in metrics()]
    return [(metric, asked) for metric, asked in found if asked]


def plain(name: str, network: FeatureNetwork) -> str:
    """The name of a result without its feature network, which must be the one that is used."""
    from zerosum.metrics.networks.inception import SOURCE

    named = {standard: result for result, standard in STANDARD.items() if standard != result}
    if name in named:
        if not is_standard(network):
            raise UserError(
                f"{name} needs the standard Inception weights; the features here are {network.name!r}. Take --features "
                f"inception (weights: {SOURCE}, see --weights), or ask for {named[name]}, which takes any features."
            )
        return named[name]
    result, _, of = name.partition("[")
    if result not in results():
        known = [*results(), *named]
        raise UserError(f"Unknown metric {name!r}.{nearest(result, known)} Allowed: {', '.join(known)}.")
    if of and name != full(result, network):
        raise UserError(f"{name!r} is asked for, but with these features it is {full(result, network)!r}.")
    return result


def full(result: str, network: FeatureNetwork) -> str:
    """The name of a result as a record gives it.

    Only figures of the standard Inception network are called `fid`, `is` and `kid`; other networks stand in brackets.
    """
    if not results()[result].featured:
        return result
    if is_standard(network) and result in STANDARD:
        return STANDARD[result]
    return f"{result}[{network.name}]"


def growth(metric: Metric) -> int:
    """The power of the number of samples that a metric's time grows with, at most."""
    return 2 if metric.compute.__module__.rpartition(".")[2] in PAIRWISE else 1


def is_standard(network: FeatureNetwork) -> bool:
    """Whether a network is Inception with the weights that FID is defined by."""
    return bool(getattr(network, "standard", False))


def _of(module: str) -> Iterator[Metric]:
    found = import_module(f"zerosum.metrics.{module}")
    yield from found.METRICS if hasattr(found, "METRICS") else (found.METRIC,)
