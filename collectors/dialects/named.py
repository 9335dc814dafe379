"""Names of dialects as configurations mention them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator

from collectors.dialects.model import dialects


def unknown(word: str, known: Iterable[str]) -> str:
    """What is said of a word that is none of `known`, with the nearest that is."""
    choices = sorted(set(known))
    close = get_close_matches(word, choices, 1)
    hint = f"did you mean {close[0]}?" if close else f"must be one of {', '.join(choices)}"
    return f"{word!r} is not known: {hint}"


def _dialect(name: str) -> str:
    if name not in dialects().names():
        raise ValueError(unknown(name, dialects().names()))
    return name


DialectName = Annotated[str, AfterValidator(_dialect)]
"""One of the dialects that are understood."""
