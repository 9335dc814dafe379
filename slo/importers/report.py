"""What an import has to say: located, with a code, and never in silence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from slo.diagnostic import Diagnostic, Level, Span

LOST: Final = "SLO070"
MALFORMED: Final = "SLO071"
UNRESOLVED: Final = "SLO072"
IMPOSSIBLE: Final = "SLO073"
CHANGED: Final = "SLO074"
INVERTED: Final = "SLO075"


@dataclass(slots=True)
class Report:
    """The problems of one import, in the order in which they were found."""

    problems: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def lost(self, text: str, place: Span, way_out: str = "") -> None:
        """Something that the file says has no place with us."""
        self._add(LOST, Level.WARNING, text, place, way_out)

    def malformed(self, text: str, place: Span, way_out: str = "") -> None:
        """The document breaks the rules of its own format."""
        self._add(MALFORMED, Level.ERROR, text, place, way_out)

    def unresolved(self, text: str, place: Span, way_out: str = "") -> None:
        """A name that no document has."""
        self._add(UNRESOLVED, Level.ERROR, text, place, way_out)

    def impossible(self, text: str, place: Span, way_out: str = "") -> None:
        """An SLO that cannot be measured with Prometheus."""
        self._add(IMPOSSIBLE, Level.ERROR, text, place, way_out)

    def changed(self, text: str, place: Span, way_out: str = "") -> None:
        """It is kept, in another way than it was written."""
        self._add(CHANGED, Level.NOTICE, text, place, way_out)

    def inverted(self, text: str, place: Span, way_out: str = "") -> None:
        """It says the opposite of what it means."""
        self._add(INVERTED, Level.WARNING, text, place, way_out)

    def _add(self, code: str, level: Level, text: str, place: Span, way_out: str) -> None:
        self.problems.append(Diagnostic(code, level, text, place, way_out))
