"""Tables on a terminal: never narrower than their words, coloured only where it is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def console(least_columns: int) -> Console:
    """A console on stdout that is at least so wide: a terminal folds lines, words stay whole."""
    columns = shutil.get_terminal_size((least_columns, 24)).columns
    return Console(highlight=False, markup=False, width=max(columns, least_columns))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table without lines, two spaces between its columns."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        made.add_column(heading)
    for row in rows:
        made.add_row(*row)
    return made


def width(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns that the table needs to break no cell."""
    cells = [headings, *rows]
    return sum(max(len(row[at]) for row in cells) + 2 for at in range(len(headings)))
