"""Texts by number: rows are flat, and what they are called stands here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from collectors.dialects import Column
from collectors.dialects.words import OTHER
from collectors.wire.kernel import Longs

_LONGEST: Final = 256
_MANY: Final = 10_000
_MOST: Final = 20_000


class Words:
    """Numbers for texts; a number stays until `keep`."""

    def __init__(self) -> None:
        """Begin with none."""
        self._numbers: dict[str, int] = {}

    @property
    def are_many(self) -> bool:
        """It is time to forget those that nothing uses."""
        return len(self._numbers) > _MANY

    def number(self, text: str) -> int:
        """The number of a text."""
        text = text[:_LONGEST] if len(self._numbers) < _MOST else OTHER
        return self._numbers.setdefault(text, len(self._numbers))

    def numbered(self, column: Column) -> Longs:
        """The number of each row's value, -1 where there is none."""
        used = np.unique(column.codes)
        numbers = np.full(len(column.values) + 1, -1, np.int64)
        for code in used[used >= 0].tolist():
            numbers[code] = self.number(column.values[code])
        return numbers[column.codes]

    def texts(self) -> list[str]:
        """All texts, in the order of their numbers."""
        return list(self._numbers)

    def take(self, texts: Iterable[str]) -> None:
        """Continue with `texts`, in the order of their numbers."""
        self._numbers = {text: number for number, text in enumerate(texts)}

    def keep(self, used: Iterable[int]) -> Longs:
        """Forget all numbers but `used`; the new number of each old one."""
        texts, kept = self.texts(), sorted({*used})
        moved = np.full(len(texts), -1, np.int64)
        moved[kept] = np.arange(len(kept))
        self.take(texts[word] for word in kept)
        return moved
