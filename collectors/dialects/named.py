"""Names of dialects as configurations mention them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator

from collectors.dialects.model import SCOPE, Matcher, dialects


def unknown(word: str, known: Iterable[str]) -> str:
    """What is said of a word that is none of `known`, with the nearest that is."""
    choices = sorted(set(known))
    close = get_close_matches(word, choices, 1)
    hint = f"did you mean {close[0]}?" if close else f"must be one of {', '.join(choices)}"
    return f"{word!r} is not known: {hint}"


def counted_scopes(but: Iterable[str] = ()) -> tuple[str, ...]:
    """Patterns of the instrumentation scopes of dialects that count everything themselves.

    Args:
        but: Dialects whose agents are known to send no metrics.
    """
    return tuple(
        pattern
        for dialect in dialects().dialects
        if dialect.measures_itself and dialect.name not in but
        for sign in dialect.recognise
        for pattern in _patterns(sign.get(SCOPE, ()))
    )


def _patterns(matcher: Matcher) -> tuple[str, ...]:
    return matcher if isinstance(matcher, tuple) else ()


def _dialect(name: str) -> str:
    if name not in dialects().names():
        raise ValueError(unknown(name, dialects().names()))
    return name


DialectName = Annotated[str, AfterValidator(_dialect)]
"""One of the dialects that are understood."""
