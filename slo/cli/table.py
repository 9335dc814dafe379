"""Tables that fit a terminal: what finds no room stands below its row, and no word is lost.

Where there is no terminal and `COLUMNS` is not set, a line may be of any length: a program
reads it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence

import click
from rich.cells import cell_len

from slo.cli.state import coloured

_GAP = 2


def show(headings: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str] = ()) -> None:
    """Print a table without lines on stdout.

    Args:
        headings: One for each column, all different.
        rows: One cell for each heading.
        below: Columns that go below their row, in this order, where the terminal is narrow.
    """
    first, *rest = lines(headings, rows, below, _columns())
    click.echo(click.style(first, bold=True) if coloured(sys.stdout) else first)
    for line in rest:
        click.echo(line)


def lines(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    below: Sequence[str] = (),
    columns: int | None = None,
) -> Iterator[str]:
    """The lines of a table, in `columns` where that can be; None: as wide as it is."""
    widths = [max(cell_len(row[at]) for row in (headings, *rows)) for at in range(len(headings))]
    beside = list(range(len(headings)))
    for heading in below:
        if columns is None or sum(widths[at] + _GAP for at in beside) - _GAP <= columns:
            break
        beside.remove(headings.index(heading))
    yield _line(headings, beside, widths)
    for row in rows:
        yield _line(row, beside, widths)
        moved = [at for at in range(len(headings)) if at not in beside and row[at]]
        yield from _packed([f"{headings[at]}: {row[at]}" for at in moved], columns or 0)


def _packed(parts: Sequence[str], columns: int) -> Iterator[str]:
    """`parts` indented, as many in a line as `columns` take."""
    line = ""
    for part in parts:
        longer = f"{line}; {part}" if line else f"  {part}"
        if line and cell_len(longer) > columns:
            yield line
            longer = f"  {part}"
        line = longer
    if line:
        yield line


def _line(cells: Sequence[str], beside: Sequence[int], widths: Sequence[int]) -> str:
    padded = (cells[at] + " " * (widths[at] - cell_len(cells[at]) + _GAP) for at in beside)
    return "".join(padded).rstrip()


def _columns() -> int | None:
    if not (sys.stdout.isatty() or os.environ.get("COLUMNS")):
        return None
    return shutil.get_terminal_size().columns
