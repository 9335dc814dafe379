"""Columns of what spans say, in the catalogue's words: each distinct value is read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collectors.dialects.atoms import Mask
from collectors.dialects.model import Dialect
from collectors.dialects.words import cost, count, meant
from collectors.wire.kernel import Longs
from collectors.wire.scan import Coded, Scan
from collectors.wire.spans import span_attributes
from collectors.wire.values import as_text


@dataclass(frozen=True, slots=True)
class Column:
    """One field over all spans: `codes[span]` indexes `values`, -1 where nothing is said."""

    codes: Longs
    values: tuple[str, ...]

    def at(self, row: int) -> str:
        """The value of one span, empty where nothing is said."""
        code = int(self.codes[row])
        return self.values[code] if code >= 0 else ""


class Builder:
    """A column in the making: values are numbered as they come."""

    def __init__(self, size: int) -> None:
        self.codes: Longs = np.full(size, -1, np.int64)
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of a value; -1 of an empty one."""
        return self._numbers.setdefault(text, len(self._numbers)) if text else -1

    def put(self, where: Mask, text: str) -> None:
        """Say `text` at `where`."""
        self.codes[where] = self.number(text)

    def fill(self, where: Mask, coded: Coded, read: Callable[[bytes], str]) -> None:
        """Say what `coded` says at `where`, as far as it says anything."""
        if not len(coded.values):
            return
        numbers = np.array([*(self.number(read(value)) for value in coded.values), -1], np.int64)
        found = numbers[coded.codes]
        self.codes = np.where(where & (found >= 0), found, self.codes)

    def column(self) -> Column:
        """What was said."""
        return Column(self.codes, tuple(self._numbers))


@dataclass(frozen=True, slots=True)
class Spoken:
    """Recognised spans, and which of them speak which dialect.

    Attributes:
        scanned: The request with these spans alone.
        masks: Dialects that occur, and their spans.
    """

    scanned: Scan
    masks: Sequence[tuple[Dialect, Mask]]

    def __len__(self) -> int:
        """How many spans."""
        return len(self.scanned.entries)


class Sources:
    """The attributes that the dialects of some spans keep their words in."""

    def __init__(
        self,
        spoken: Spoken,
        fields: Sequence[str],
        aliases: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Read what is needed for `fields` and for tokens."""
        self._spoken = spoken
        self._aliases = aliases
        keys = {
            spec.partition("#")[0]
            for dialect, _ in spoken.masks
            for specs in (
                *(dialect.fields[field] for field in fields),
                *dialect.tokens.values(),
                dialect.beside_input,
                dialect.beside_output,
            )
            for spec in specs
        }
        self._attributes = span_attributes(spoken.scanned, sorted(keys))

    def field(self, name: str) -> Builder:
        """What the spans say of `name`."""
        built = Builder(len(self._spoken))

        def read(value: bytes) -> str:
            return meant(name, as_text(value), self._aliases)

        for dialect, mask in self._spoken.masks:
            for key in dialect.fields[name]:
                still = mask & (built.codes < 0)
                if still.any():
                    built.fill(still, self._attributes[key], read)
        return built

    def amounts(self, name: str) -> tuple[Longs, Mask]:
        """Whole numbers for one of `TOKENS`, and which spans say any."""
        found: Longs = np.zeros(len(self._spoken), np.int64)
        said: Mask = np.zeros(len(self._spoken), np.bool_)
        for dialect, mask in self._spoken.masks:
            for spec in dialect.tokens[name]:
                still = mask & ~said
                if still.any():
                    numbers, present = self._numbers(spec, is_cost=name == "cost")
                    found = np.where(still & present, numbers, found)
                    said |= still & present
            beside = {"input": dialect.beside_input, "output": dialect.beside_output}
            for spec in beside.get(name, ()):
                numbers, present = self._numbers(spec, is_cost=False)
                found = np.where(mask & present, found + numbers, found)
        return found, said

    def _numbers(self, spec: str, *, is_cost: bool) -> tuple[Longs, Mask]:
        key, _, member = spec.partition("#")
        coded = self._attributes[key]
        read = cost if is_cost else count
        numbers = np.array([*(read(value, member) for value in coded.values), 0], np.int64)
        present: Mask = coded.codes >= 0
        return numbers[coded.codes], present
