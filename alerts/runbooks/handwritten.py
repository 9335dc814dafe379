"""What people wrote about an alert, put into its generated page.

A part is Markdown: what stands under a heading of ours (`## Diagnosis`) is added to that
section, everything else stands under `## Notes`. Nothing of it is changed or left out,
except the title, since the page has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from alerts.runbooks.text import SECTIONS, Page
from slo.diagnostic import Diagnostic, Level
from slo.model import Compiled

_HEADING = re.compile(r"(#{1,2})\s+(.*?)\s*#*\s*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def included(page: Page, text: str) -> Page:
    """`page` with the hand-written `text` in its sections."""
    own: dict[str, list[str]] = {section: [] for section in SECTIONS}
    notes: list[str] = []
    for title, body in _parts(text):
        section = title.capitalize()
        if section in own:
            own[section].append(body)
        else:
            notes += [f"### {title}", body] if title else [body]
    meaning, impact, diagnosis, mitigation, escalation = (own[name] for name in SECTIONS)
    return replace(
        page,
        meaning=(*page.meaning, *meaning),
        impact=(*page.impact, *impact),
        diagnosis=(*page.diagnosis, *diagnosis),
        mitigation=(*page.mitigation, *mitigation),
        escalation=(*page.escalation, *escalation),
        notes=(*page.notes, *notes),
    )


def strays(compiled: Compiled) -> Iterator[Diagnostic]:
    """Parts that belong to no alert, and so would be read by nobody."""
    known = {rule.name for rule in compiled.alert_rules()}
    for name, part in compiled.project.handwritten.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            yield Diagnostic(
                "ALM017",
                Level.WARNING,
                f"{part.path} is included nowhere: no alert is called {name!r}",
                part.place,
                f"did you mean {near[0]}?" if near else "name the file as the alert",
            )


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Each heading of the first two levels and what follows it; first what has no heading."""
    title, lines, fence = "", list[str](), ""
    for line in text.splitlines():
        heading = None if fence else _HEADING.fullmatch(line)
        fence = _fence(line, fence)
        if heading is None:
            lines.append(line)
            continue
        yield title, "\n".join(lines)
        # The page has a title of its own: what follows the part's belongs to nothing yet.
        title, lines = "" if len(heading[1]) == 1 else heading[2], []
    yield title, "\n".join(lines)


def _fence(line: str, fence: str) -> str:
    """The fence that is open after `line`, where `fence` was open before it."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if not fence:
        return found[1]
    closes = found[1][0] == fence[0] and len(found[1]) >= len(fence)
    return "" if closes and not line.strip().strip(fence[0]) else fence
