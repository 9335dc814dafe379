"""What is made from files, and made anew when they change: certificates, tokens, passwords.

A change that does not work is told once and passed over: what worked before goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from collectors.net.fields import SECOND

_log = logging.getLogger(__name__)

ValueT = TypeVar("ValueT")

_Mark = tuple[tuple[int, int, int] | None, ...]

RELOAD_NS: Final = 10 * SECOND
"""How often files are looked at unless the configuration says otherwise."""


class UnusableError(Exception):
    """The files cannot be used: one line that says which and why."""


class Watched(Generic[ValueT]):
    """A value made from files. Safe to ask from any thread.

    Attributes:
        paths: The files; a link counts as what it points to, so that an exchanged link is
            a change.
    """

    def __init__(
        self,
        name: str,
        paths: Sequence[Path],
        make: Callable[[], ValueT],
        *,
        interval_ns: int = RELOAD_NS,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Make the value.

        Args:
            name: Whose it is, for log lines.
            paths: Files that `make` reads.
            make: Makes the value, or raises UnusableError.
            interval_ns: Shortest time between two looks at the files; 0 never looks again.
            clock: Monotonic nanoseconds.

        Raises:
            UnusableError: The files cannot be used.
        """
        self._name = name
        self.paths = tuple(paths)
        self._make = make
        self._interval_ns = interval_ns
        self._clock = clock
        self._lock = threading.Lock()
        self._mark = self._look()
        self._value = make()
        self._looked_ns = clock()

    @property
    def interval_seconds(self) -> float:
        """How often a change is looked for; 0 for never."""
        return self._interval_ns / SECOND if self.paths else 0.0

    def current(self) -> ValueT:
        """The value of the files as they are, or as they last were of use."""
        now = self._clock()
        if not self._interval_ns or now - self._looked_ns < self._interval_ns:
            return self._value
        with self._lock:
            self._looked_ns = now
            self._renew()
            return self._value

    def _renew(self) -> None:
        # Looked at before it is read: what changes while it is read is read again next time.
        mark = self._look()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._value = self._make()
        except UnusableError as error:
            _log.warning("%s: what was read before stays in use: %s", self._name, error)
        else:
            _log.info("%s: read %s again", self._name, ", ".join(map(str, self.paths)))

    def _look(self) -> _Mark:
        marks: list[tuple[int, int, int] | None] = []
        for path in self.paths:
            try:
                found = path.stat()
            except OSError:
                marks.append(None)
            else:
                marks.append((found.st_mtime_ns, found.st_size, found.st_ino))
        return tuple(marks)


def read_file(path: Path) -> bytes:
    """All of a file.

    Raises:
        UnusableError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise UnusableError(msg) from error
