"""Markdown, numbers and durations as a person who was just woken reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from slo.exact import Duration, Ratio, decimal
from slo.promql import pretty

SECTIONS: Final = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation")
"""What every page of an alert has, in this order."""

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Page:
    """One runbook page, before it is Markdown.

    Attributes:
        alert: The alert's name, which is also the page's.
        lead: One sentence below the title.
        facts: Name and value pairs that stand before the sections.
        sections: The blocks of each of `SECTIONS`, in that order.
        links: Text and address.
        notes: What people wrote beside the specs, and no section takes.
    """

    alert: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    meaning: tuple[str, ...]
    impact: tuple[str, ...]
    diagnosis: tuple[str, ...]
    mitigation: tuple[str, ...]
    escalation: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The whole page."""
        bodies = (self.meaning, self.impact, self.diagnosis, self.mitigation, self.escalation)
        blocks = [
            f"# {self.alert}",
            self.lead,
            table(("", ""), [fact for fact in self.facts if fact[1]]),
        ]
        for title, body in zip(SECTIONS, bodies, strict=True):
            blocks += [f"## {title}", *body]
        if any(note.strip() for note in self.notes):
            blocks += ["## Notes", *self.notes]
        if self.links:
            blocks += ["## Links", bullets(f"[{text}]({url})" for text, url in self.links)]
        blocks.append("[All runbooks](index.md)")
        return document(blocks)


def document(blocks: Iterable[str]) -> str:
    """`blocks` with a blank line between them, empty ones left out."""
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip()) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is escaped. Empty without rows."""
    lines = ["| " + " | ".join(_cell(each) for each in row) + " |" for row in rows]
    if not lines:
        return ""
    titles = "| " + " | ".join(head) + " |"
    return "\n".join((titles, "|" + "---|" * len(head), *lines))


def bullets(items: Iterable[str]) -> str:
    """An unordered list."""
    return "\n".join(f"- {item}" for item in items)


def steps(items: Iterable[str]) -> str:
    """A numbered list, one line each."""
    return "\n".join(f"{place}. {' '.join(item.split())}" for place, item in enumerate(items, 1))


def query(expr: str) -> str:
    """A PromQL block, laid out to be read.

    Raises:
        PromqlError: `expr` does not parse: nobody could ask it.
    """
    return f"```promql\n{pretty(expr)}\n```"


def command(line: str) -> str:
    """A shell block."""
    return f"```sh\n{line}\n```"


def percent(share: Ratio) -> str:
    """``0.1 %``."""
    return f"{share.percent()} %"


def number(value: Fraction) -> str:
    """Three significant digits, thousands parted: ``311,040`` stays whole."""
    if value.denominator == 1 or value >= 1000:
        return f"{round(value):,}"
    return decimal(Fraction(f"{float(value):.3g}"))


def span(value: Duration) -> str:
    """``5m``; ``at once`` for zero."""
    return value.promql() if value.ms else "at once"


def clock(seconds: Fraction | None) -> str:
    """Seconds rounded to what matters to a person: ``58 s``, ``12 min``, ``3.5 h``."""
    if seconds is None:
        return "never"
    if seconds < 2 * _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    unit, name = (_HOUR, "h") if seconds < 2 * _DAY else (_DAY, "d")
    return f"{decimal(Fraction(round(seconds / unit * 10), 10))} {name}"


def share(value: Fraction | None) -> str:
    """A share in percent with two significant digits: ``2.1 %``."""
    if value is None:
        return "-"
    return f"{decimal(Fraction(f'{float(value * 100):.2g}'))} %"


def words(names: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
