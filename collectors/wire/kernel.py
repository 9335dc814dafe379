"""The seam between the two scanners: the compiled one, and its twin in Python.

The twin is what the compiled one is tested against, and what runs where no C compiler was
to be had when the project was installed. Both have exactly these functions.
"""

from __future__ import annotations

import importlib
from typing import Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Longs: TypeAlias = NDArray[np.int64]
Shorts: TypeAlias = NDArray[np.int16]
Octets: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]
Codes: TypeAlias = NDArray[np.int32]


class Kernel(Protocol):
    """Functions over one payload. Arrays are C-contiguous and of the types named."""

    def validate(self, payload: bytes, table: Shorts, root: int, counts: Longs) -> int:
        """Walk everything; -1, or the offset at which the bytes stop making sense.

        `counts[kind]` grows by the number of messages of each type.
        """
        ...

    def locate(
        self,
        payload: bytes,
        resources: int,
        scopes: int,
        items: int,
        resource_at: Longs,
        scope_at: Longs,
        item_at: Longs,
    ) -> bool:
        """Fill rows of (tag, body, end, parent row); whether all of the counts were met."""
        ...

    def children(self, payload: bytes, parent_at: Longs, wanted: Shorts, child_at: Longs) -> int:
        """Fill rows of (tag, body, end, parent row, field); how many there are."""
        ...

    def columns(
        self,
        payload: bytes,
        at: Longs,
        number_of: Shorts,
        values: Words,
        slice_of: Shorts,
        spots: Longs,
    ) -> None:
        """Fields of each message; the last one of a number wins, absent ones stay as they are.

        Scalar field f goes to ``values[number_of[f] - 1]``, (start, end) of a
        length-delimited one to ``spots[slice_of[f] - 1]``.
        """
        ...

    def identifiers(self, payload: bytes, spot: Longs, out: Octets) -> None:
        """Copy ids of exactly the width of `out`; another length leaves zeros."""
        ...

    def attributes(
        self, payload: bytes, at: Longs, field_of: Shorts, keys: tuple[bytes, ...], spots: Longs
    ) -> None:
        """Where the value of each wanted key stands; the first one wins."""
        ...

    def codes(self, payload: bytes, spot: Longs, code: Codes, first: Longs) -> int:
        """Number distinct byte strings in order of appearance; how many there are."""
        ...

    def says(self, payload: bytes, spot: Longs, text: bytes, answer: Octets) -> None:
        """Whether the `AnyValue` at each spot is the string `text`.

        0 if not, 1 if so, 2 where it is not a plain string: another kind of value, or empty.
        """
        ...

    def gather(self, payload: bytes, spot: Longs, out: Octets) -> int:
        """Copy slices one after the other; the bytes written, -1 if `out` is too small."""
        ...


def compiled() -> Kernel | None:
    """The compiled scanner, or None where the project was installed without a C compiler."""
    try:
        return cast("Kernel", importlib.import_module("collectors.wire._kernel"))
    except ImportError:
        return None


def twin() -> Kernel:
    """The scanner in Python."""
    return cast("Kernel", importlib.import_module("collectors.wire.reference"))
