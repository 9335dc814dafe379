"""What a component also is if its items wait on disk: a part of the seam, beside `component.py`.

A sampler that decides after half a minute keeps no spans in memory. It remembers places:
where, in the inbox or in the held log beside it, the bytes stand, and reads them again when
it has decided. What is pinned is not trimmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType, Protocol, runtime_checkable

if TYPE_CHECKING:  # component.py names the shelf in `Settings`
    from collectors.component import Batch, Emit

Place = NewType("Place", int)
"""Where a payload stands: at 0 or above an offset in the inbox, below 0 (``-1 - offset``) one in
the held log. Fits into 64 bits."""


class Gone(Exception):  # noqa: N818 - says what happened to bytes
    """What stood at a place cannot be read any more: damaged, or not pinned and trimmed.

    Items that waited there are counted as ``lost``.
    """


class Shelf(Protocol):
    """Where the bytes of waiting items are. Used in the graph's thread only."""

    def place(self, batch: Batch) -> Place:
        """Where `batch.payload` can be read again, for as long as it is pinned.

        A payload that stands in the inbox as it is (`Batch.origin`) costs nothing; another
        one is appended to the held log.
        """
        ...

    def hold(self, payload: bytes) -> Place:
        """Append `payload` to the held log, on disk before any snapshot that relies on it."""
        ...

    def read(self, place: Place) -> bytes:
        """The payload at `place`, checked against its checksum; cheap when read in order.

        Raises:
            Gone: It is not there, or not what was put there.
        """
        ...

    def note(self, decision: bytes) -> None:
        """Append to the decision log, which is bounded in bytes and age.

        After a crash a decision may be noted twice.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pins:
    """The oldest of what waits; None where nothing does.

    Attributes:
        inbox: Offset in the inbox.
        held: Offset in the held log.
    """

    inbox: int | None = None
    held: int | None = None


@runtime_checkable
class Waiting(Protocol):
    """A processor whose items wait on a shelf."""

    def pins(self) -> Pins:
        """What must not be trimmed."""
        ...

    def waiting_bytes(self) -> int:
        """Bytes of the items that wait, wherever they stand."""
        ...

    def relocate(self, inbox_before: int, held_before: int) -> None:
        """Move what waits at lower offsets to the end of the held log.

        Called between two steps, when a segment is nearly all dead; the places change, and
        nothing that is put out or counted does: what is gone stays where it is.
        """
        ...

    def decide_early(self, most_bytes: int, steady_ns: int, out: Emit) -> None:
        """Decide on the oldest until at most `most_bytes` wait: the disk fills with them.

        A part of the inbox's order, like a tick.
        """
        ...
