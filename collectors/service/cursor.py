"""Where a destination stands in the outbox: a low-water mark, and what is done above it."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class Cursor:
    """The place of one destination.

    Records are taken in order and finished in any. Everything below `low` is done with.
    """

    MOST_DONE = 4096
    """Finished records above the mark, before no more are taken: bounds what is saved."""

    def __init__(
        self, low: int, done: Iterable[int] = (), moved: Callable[[], None] = lambda: None
    ) -> None:
        """Begin at `low` with `done` above it; `moved` is called whenever it changes."""
        self._moved = moved
        self._low = low
        self._taken = low
        self._pending: dict[int, None] = {}
        self._done = {offset for offset in done if offset >= low}
        self.version = 0

    @property
    def low(self) -> int:
        """Everything below this offset is done with."""
        return self._low

    @property
    def is_wide(self) -> bool:
        """Too much is done above the mark: wait for what holds it up."""
        return len(self._done) >= self.MOST_DONE

    def was_done(self, offset: int) -> bool:
        """Whether `offset` was finished before the daemon was last started."""
        return offset < self._low or offset in self._done

    def take(self, offset: int) -> None:
        """`offset`, above all taken before, is being sent."""
        self._pending[offset] = None
        self._taken = offset + 1

    def passed(self, offset: int) -> None:
        """Everything below `offset` was looked at, and what was for us was taken."""
        self._taken = max(self._taken, offset)
        self._advance()

    def finish(self, offset: int) -> None:
        """`offset` was delivered or dead-lettered."""
        del self._pending[offset]
        self._done.add(offset)
        self._advance()

    def saved(self) -> tuple[int, tuple[int, ...]]:
        """The mark, and what is done above it, sorted."""
        return self._low, tuple(sorted(self._done))

    def _advance(self) -> None:
        self.version += 1
        low = next(iter(self._pending), self._taken)
        if low > self._low:
            self._low = low
            self._done = {offset for offset in self._done if offset >= low}
        self._moved()
