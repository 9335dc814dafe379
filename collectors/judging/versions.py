"""Which of two versions is the newer one, where their text tells."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 64
_VERSION: Final = re.compile(
    r"(?:v|r|rev|revision|version|release)?[ ._-]?(\d{1,15}(?:[._]\d{1,15})*)([-+].*)?",
    re.IGNORECASE,
)
_END: Final = -1
"""Below every number, so that 1.2 is older than 1.2.1."""


def ordered(text: str) -> tuple[int, ...]:
    """The numbers by which a version is compared: ``v1.10`` is (1, 10).

    Empty for what has no order: a hash, a name, nothing. What follows the numbers counts as
    older than none, as a pre-release is, and what follows a ``+`` counts for nothing.

    Source: Semantic Versioning 2.0.0, section 11, without the order among pre-releases.
    """
    found = _VERSION.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        return ()
    numbers = tuple(int(part) for part in re.split(r"[._]", found.group(1)))
    while len(numbers) > 1 and not numbers[-1]:
        numbers = numbers[:-1]
    rest = found.group(2) or ""
    is_final = not rest.startswith("-")
    return (*numbers, _END, int(is_final))
