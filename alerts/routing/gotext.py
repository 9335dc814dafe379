"""A Go template read as far as it can fail: its form, the names that it calls, its first fields.

Alertmanager finds out when it renders, and then drops the notification. What stands inside of
`range` and `with` depends on the data and is left to the proof, which renders it.

Source: Go, text/template; Alertmanager, template/template.go (`DefaultFuncs`, `Data`), and
`amtool template render` of 0.25, 0.28 and 0.33.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from alerts.routing.kinds import Version

_STRING: Final = r'"(?:\\.|[^"\\\n])*"|`[^`]*`'
_ACTION: Final = re.compile(rf"\{{\{{((?:{_STRING}|[^\"`}}]|\}}(?!\}}))*)\}}\}}")
_COMMENT: Final = re.compile(r"\{\{(?:-\s+)?/\*.*?\*/(?:\s+-)?\}\}", re.DOTALL)
_TRIM: Final = re.compile(r"^-\s|\s-$")
_WORD: Final = re.compile(
    rf"\s*({_STRING}|'(?:\\.|[^'])'|:=|[|(),=]|\$?\w*(?:\.\w+)+|\$\w*|-?\d[\w.]*|\w+|\.)"
)
_NAMED: Final = frozenset({"template", "define", "block"})
_NESTS: Final = frozenset({"range", "with", "define", "block"})
_OPENS: Final = _NESTS | {"if"}
_ALONE: Final = frozenset({"break", "continue"})
_LITERALS: Final = frozenset({"true", "false", "nil"})
_EVER: Final = (
    *("and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "call"),
    *("print", "printf", "println", "html", "js", "urlquery"),
    *("toUpper", "toLower", "title", "join", "match", "safeHtml", "reReplaceAll", "stringSlice"),
)
_LATER: Final = (
    *("safeUrl", "urlUnescape", "since", "humanizeDuration"),
    *("toJson", "list", "append", "dict"),
)
_FUNCTIONS: Final[dict[str, Version]] = {
    **dict.fromkeys(_EVER, (0, 25)),
    **dict.fromkeys(("trimSpace", "date", "tz"), (0, 28)),
    **dict.fromkeys(_LATER, (0, 33)),
}
"""Each with the first of the versions that were tried that has it."""
_DATA: Final = frozenset(
    {
        *("Receiver", "Status", "Alerts", "ExternalURL"),
        *("GroupLabels", "CommonLabels", "CommonAnnotations"),
    }
)
_ALERTS: Final = frozenset({"Firing", "Resolved"})
_DEFAULTS: Final = re.compile(r"__\w+|\w+\.default\.\w+")
"""Templates that Alertmanager brings."""


def problems(text: str, templates: Collection[str] | None, version: Version) -> Iterator[str]:
    """Why `text` would not render.

    Args:
        text: What a user wrote.
        templates: The names of those that exist; None where the user has further ones.
        version: Of the Alertmanager that will render it.
    """
    text = _COMMENT.sub("", text)
    if "{{" in _ACTION.sub("", text):
        yield "an action is opened with {{ and not closed with }}"
        return
    reading = _Reading(templates, version)
    for found in _ACTION.finditer(text):
        yield from reading.action(_TRIM.sub(" ", found[1]).strip())
    if reading.opened:
        yield f"{reading.opened[-1]} is not closed by {{{{ end }}}}"


@dataclass(slots=True)
class _Reading:
    """What has been opened and not closed so far."""

    templates: Collection[str] | None
    version: Version
    opened: list[str] = field(default_factory=list[str])

    def action(self, inside: str) -> Iterator[str]:
        """What is wrong with one action."""
        words = _words(inside)
        if words is None:
            yield f"not a template action: {{{{ {inside} }}}}"
        elif not words:
            yield "an action is empty"
        elif words[0] in {"end", "else"}:
            yield from self._closing(words)
        elif words[0] in _NAMED:
            yield from self._named(words)
        elif words[0] in _OPENS:
            if len(words) == 1:
                yield f"{words[0]} needs something to look at"
            yield from self._pipeline(words[1:])
            self.opened.append(words[0])
        elif words[0] not in _ALONE:
            yield from self._pipeline(words)

    def _closing(self, words: list[str]) -> Iterator[str]:
        if not self.opened:
            yield f"{words[0]} closes nothing"
        elif words[0] == "end":
            self.opened.pop()
        elif words[1:2] and words[1] in {"if", "with"}:
            yield from self._pipeline(words[2:])

    def _named(self, words: list[str]) -> Iterator[str]:
        what, *rest = words
        name = rest[0][1:-1] if rest and rest[0][0] in '"`' else ""
        if not name:
            yield f"{what} needs the name of a template in quotes"
        elif what == "template" and not self._exists(name):
            yield f"no template is called {name}{_near(name, self.templates or ())}"
        yield from self._pipeline(rest[1:])
        if what != "template":
            self.opened.append(what)

    def _exists(self, name: str) -> bool:
        return self.templates is None or name in self.templates or bool(_DEFAULTS.fullmatch(name))

    def _pipeline(self, words: list[str]) -> Iterator[str]:
        if words.count("(") != words.count(")"):
            yield "a parenthesis is not closed"
        outermost = not _NESTS & set(self.opened)
        for place, (before, word) in enumerate(zip(["", *words], words, strict=False)):
            if word == "|" and (place == 0 or place + 1 == len(words)):
                yield "a pipe leads nowhere"
            elif word[0] == "." and len(word) > 1 and outermost and before != ")":
                yield from _field(word[1:].split("."))
            elif re.fullmatch(r"[A-Za-z_]\w*", word) and word not in _LITERALS:
                yield from _function(word, self.version)


def _words(inside: str) -> list[str] | None:
    """The parts of an action; None where something is none."""
    found: list[str] = []
    at = 0
    while at < len(inside):
        match = _WORD.match(inside, at)
        if match is None:
            return None
        found.append(match[1])
        at = match.end()
    return found


def _field(path: list[str]) -> Iterator[str]:
    """What the data of a notification has at the top."""
    if path[0] not in _DATA:
        yield f"a notification has no .{path[0]}{_near(path[0], _DATA)}"
    elif path[0] == "Alerts" and path[1:] and path[1] not in _ALERTS:
        yield f"a notification has no .Alerts.{path[1]}{_near(path[1], _ALERTS)}"


def _function(name: str, version: Version) -> Iterator[str]:
    since = _FUNCTIONS.get(name)
    if since is None:
        yield f"no function is called {name}{_near(name, _FUNCTIONS)}"
    elif since > version:
        yield f"the function {name} needs Alertmanager {since[0]}.{since[1]}"


def _near(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f", did you mean {near[0]}?" if near else ""
