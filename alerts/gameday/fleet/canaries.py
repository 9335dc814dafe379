"""Personal data that nobody has: made up, seeded, and easy to find wherever they come to lie.

A share of the tasks speaks of a person. Prompts, tool arguments, log lines and messages of
errors quote what was said, as they do in life; behind the collector's `redaction` none of it
may be left, on a disk or on a wire.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

MARKS: Final = (b"canary.invalid", b"4929471147")
"""Every canary has one of these in it, and nothing else has."""

_FIRST: Final = ("jane", "amir", "li", "sofia", "tom", "ines")
_LAST: Final = ("doe", "okafor", "wang", "rossi", "meyer", "silva")
_CHUNK_BYTES: Final = 1 << 20


def person(rng: random.Random) -> str:
    """A sentence with an address and the number of a credit card."""
    name = f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}{rng.randrange(10_000)}"
    card = f"4929471147{rng.randrange(10**6):06d}"
    return f"customer {name}@canary.invalid paid with card {card} and asks for a refund"


def found_in(data: bytes) -> bool:
    """Whether a canary is in `data`."""
    return any(mark in data for mark in MARKS)


def files_with(folders: Iterable[Path]) -> Iterator[Path]:
    """Every file below `folders` that holds a canary, however large it is."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and _holds(path):
                yield path


def _holds(path: Path) -> bool:
    longest = max(map(len, MARKS))
    rest = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                if found_in(rest + chunk):
                    return True
                rest = chunk[-longest:]
    except FileNotFoundError:  # trimmed or rotated meanwhile
        return False
    return False
