"""Regular expressions whose time is bounded: RE2's, which are Go's too.

What they search comes from the network, and Python's own engine takes, for some patterns,
time exponential in the length of a text. RE2 takes linear time; it has no lookaround and no
backreferences, as the OpenTelemetry Collector's expressions have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, Protocol, cast

import re2  # type: ignore[import-untyped]  # google-re2 ships no types; `Pattern` says what we use

_ANCHORS: Final = frozenset({"^", "$", r"\b", r"\B", r"\A", r"\z"})
"""What a pattern says of the place where it stands."""


class Match(Protocol):
    """What was found."""

    def group(self, which: int | str = 0) -> str | None:
        """The text that matched, or that a group matched; IndexError where there is none."""
        ...

    def groupdict(self) -> dict[str, str | None]:
        """What the named groups matched."""
        ...


class Pattern(Protocol):
    """A compiled expression.

    Attributes:
        groupindex: Numbers of the named groups.
    """

    groupindex: Mapping[str, int]

    def fullmatch(self, text: str) -> Match | None:
        """The match of all of `text`."""
        ...

    def search(self, text: str | bytes) -> Match | None:
        """The first match in a text, or in the UTF-8 that is among other bytes."""
        ...

    def sub(self, replacement: Callable[[Match], str], text: str) -> str:
        """`text` with every match replaced."""
        ...


@cache
def pattern(text: str) -> Pattern:
    """Compile `text`.

    Raises:
        ValueError: It is no regular expression of RE2; says why.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return cast("Pattern", re2.compile(text, options))
    except re2.error as error:
        why = error.args[0] if error.args else ""
        words = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        msg = f"must be a regular expression of RE2, got {text!r}: {words}"
        raise ValueError(msg) from error


def anywhere(text: str) -> Pattern | None:
    """`text` without what it says about its surroundings: it finds at least what `text` finds.

    So it may search bytes among which the texts stand. None where no such pattern is known, or
    where it would find something everywhere.
    """
    if r"\Q" in text or "[:" in text:
        return None
    try:
        found = pattern(_unanchored(text))
    except ValueError:  # such as `^*`, of which nothing is left to repeat
        return None
    return found if found.search("") is None else None


def _unanchored(text: str) -> str:
    kept: list[str] = []
    index, class_at = 0, -1
    while index < len(text):
        piece = text[index : index + 2] if text[index] == "\\" else text[index]
        index += len(piece)
        if class_at >= 0:
            # The first character of a class is in it, even if it is its closing bracket.
            if piece == "]" and len(kept) - class_at > 1:
                class_at = -1
        elif piece in _ANCHORS:
            continue
        elif piece == "[":
            kept.append(piece)
            class_at = len(kept)
            if text[index : index + 1] == "^":
                kept.append("^")
                class_at += 1
                index += 1
            class_at -= 1
            continue
        kept.append(piece)
    return "".join(kept)
