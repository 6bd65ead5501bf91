"""Records as a person reads them: figures with their intervals, in tables."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from zerosum.metrics.records import Record

HEAD = ("metric", "value", "interval", "", "generated/real", "features")


def figure(value: float | None) -> str:
    """A figure in four digits.

    >>> figure(12.34567), figure(0.00001234), figure(None), figure(8.0)
    ('12.35', '1.234e-05', 'not finite', '8')
    """
    return "not finite" if value is None else f"{value:.4g}"


def interval(record: Record) -> str:
    """The interval of a record, or a dash."""
    return "–" if record.interval is None else f"{figure(record.interval.low)} … {figure(record.interval.high)}"


def features(record: Record) -> str:
    """The feature network of a record, or a dash."""
    return "–" if record.network is None else f"{record.network.name} {record.network.digest[:8]}"


def records_table(records: Sequence[Record]) -> RenderableType:
    """What `zerosum evaluate` prints."""
    rows = [
        (r.metric, figure(r.value), interval(r), r.arrow, f"{r.n_generated:,}/{r.n_real:,}", features(r))
        for r in records
    ]
    warnings = dict.fromkeys(f"{text}" for record in records for text in record.warnings)
    named = {text: ", ".join(r.metric for r in records if text in r.warnings) for text in warnings}
    told = [Text.assemble(("! ", "yellow"), f"{names}: {text}") for text, names in named.items()]
    reference = records[0].reference if records else {}
    against = f"against {reference.get('data')}, {reference.get('split')}"
    return Group(aligned([HEAD, *rows]), *([""] if told else []), *told, "", Text(against, style="dim"))


def aligned(rows: Sequence[Sequence[str]], marked: frozenset[tuple[int, int]] = frozenset()) -> RenderableType:
    """Rows of cells in columns, the first of them the head; lines are not folded.

    Args:
        rows: as many cells in each.
        marked: (row, column) of cells that stand out.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        styles = ["bold" if number == 0 else "bold green" if (number, c) in marked else "" for c in range(len(row))]
        cells = [(cell.ljust(width), style) for cell, width, style in zip(row, widths, styles, strict=True)]
        lines.append(Text("  ").join(Text(*cell) for cell in cells))
        lines[-1].rstrip()
    return Group(*lines)
