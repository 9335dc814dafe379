"""What the demo says, and how: rich on a terminal, plain lines everywhere else.

On a terminal the present stands in one line that renews itself; what has happened scrolls
up and stays. Without a terminal, or with NO_COLOR, nothing moves and nothing is coloured.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.status import Status
from rich.table import Table
from rich.text import Text

_WIDTH: Final = 100
_INDENT: Final = 2
_SPINNER: Final = 2
"""Columns before the line that renews itself."""


class Narrator:
    """Tells a story, from top to bottom."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or plain_or_rich()
        self._alive = self.console.is_terminal and not self.console.no_color
        self._status: Status | None = None

    def title(self, name: str, words: str) -> None:
        """The name of it all, and what one is about to see."""
        self.console.print()
        self.console.print(Text(name, style="bold"))
        self.console.print(Text(words), width=min(_WIDTH, self.console.width))

    def chapter(self, name: str) -> None:
        """What follows belongs together."""
        self.console.print()
        self.console.print(Text(name, style="bold cyan"))

    def line(self, name: str, words: str, aside: str = "") -> None:
        """One thing, what it is, and a remark."""
        row = Text.assemble(
            " " * _INDENT,
            (f"{name:<16}", "bold"),
            (words, ""),
            (f"  {aside}" if aside else "", "dim"),
        )
        self.console.print(row, soft_wrap=True)

    def links(self, addresses: Mapping[str, str]) -> None:
        """Where to look, in a browser."""
        table = Table.grid(padding=(0, 2))
        for name, address in addresses.items():
            table.add_row(
                Text(name, style="bold"), Text.assemble((address, f"underline link {address}"))
            )
        if self._alive:
            self.console.print(Padding(table, (0, 0, 0, _INDENT)))
            return
        for name, address in addresses.items():
            self.line(name, address)

    @contextmanager
    def waiting(self, words: str) -> Generator[None]:
        """Something takes a while; on a terminal the line is alive, and gone in the end."""
        if not self._alive:
            yield
            return
        with self.console.status(self._present(words), spinner="dots") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def now(self, words: str) -> None:
        """The present, on a terminal only."""
        if self._status is not None:
            self._status.update(self._present(words))

    def _present(self, words: str) -> Text:
        """The line that renews itself: cut where the terminal ends, so that it stays one."""
        text = Text(words, style="dim")
        text.truncate(max(1, self.console.width - _SPINNER), overflow="ellipsis")
        return text

    def fault(self, words: str) -> None:
        """Something was broken on purpose."""
        self.console.print(
            Text.assemble(" " * _INDENT, ("broken  ", "bold red"), words), soft_wrap=True
        )

    def page(self, title: str, lines: Mapping[str, str]) -> None:
        """A page that arrived: a card on a terminal, lines elsewhere."""
        body = Table.grid(padding=(0, 2))
        body.add_column(style="bold")
        body.add_column(overflow="fold")
        for name, words in lines.items():
            body.add_row(name, Text(words))
        if self._alive:
            panel = Panel(
                body,
                title=Text(title, style="bold red"),
                title_align="left",
                border_style="red",
                padding=(0, 1),
                width=min(_WIDTH, self.console.width),
            )
            self.console.print(Padding(panel, (0, 0, 0, _INDENT)))
            return
        self.console.print(Text(f"{'':>{_INDENT}}{title}"))
        for name, words in lines.items():
            self.line(f"  {name}", words)

    def verdict(self, words: str, *, good: bool) -> None:
        """How it ended."""
        self.console.print()
        self.console.print(
            Text.assemble(
                ("it works  " if good else "it failed  ", "bold green" if good else "bold red"),
                words,
            ),
            soft_wrap=True,
        )

    def complaint(self, words: str) -> None:
        """Something is not as it should be."""
        self.console.print(Text(f"{'':>{_INDENT}}{words}", style="yellow"), soft_wrap=True)


def plain_or_rich() -> Console:
    """A console that keeps lines whole where nobody looks at them on a terminal."""
    plain = Console(highlight=False, no_color=bool(os.environ.get("NO_COLOR")))
    return plain if plain.is_terminal else Console(highlight=False, width=_WIDTH, no_color=True)
