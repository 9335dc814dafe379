"""The graph's way into the outbox: one group on its way while the next is being made.

Outputs enter in the order of their identities and none is passed over: where the disk
fails, the same group is offered again until it is taken.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from collectors.log import Entry, Log, LogFailed

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5


class Abandoned(BaseException):
    """The daemon is told to stop and the disk does not take what is left: replay will.

    Not an `Exception`: no component failed, and none may catch it.
    """


class Press:
    """Appends groups in order; made for one thread."""

    def __init__(self, log: Log, abandon: threading.Event) -> None:
        """Append to `log`, giving up only once `abandon` is set."""
        self._log = log
        self._abandon = abandon
        self._entries: Sequence[Entry] = ()
        self._finished = threading.Event()
        self._durable = 0
        self._failure: LogFailed | None = None
        self._told = ""

    @property
    def is_idle(self) -> bool:
        """Whether everything handed over is durable; from any thread, and soon out of date."""
        return not self._entries or (self._finished.is_set() and self._failure is None)

    def put(self, entries: Sequence[Entry]) -> None:
        """Hand over a group; waits for the one before.

        Raises:
            Abandoned: The one before could not be appended.
        """
        self.flush()
        if entries:
            self._entries = entries
            self._submit()

    def flush(self) -> None:
        """Wait until everything handed over is durable; raises Abandoned."""
        while self._entries:
            self._finished.wait()
            self._entries = self._entries[self._durable :]
            if not self._entries:
                self._tell("")
                return
            self._tell(str(self._failure))
            if self._abandon.wait(_RETRY_SECONDS):
                raise Abandoned
            self._submit()

    def _tell(self, reason: str) -> None:
        """One line when it begins, when the reason changes, and when it is over."""
        if reason == self._told:
            return
        self._told = reason
        what = f"does not take records: {reason}" if reason else "takes records again"
        _log.warning("the %s log %s", self._log.name, what)

    def _submit(self) -> None:
        self._finished.clear()
        self._log.submit(self._entries, self._done)

    def _done(self, durable: int, failure: LogFailed | None) -> None:
        self._durable = durable
        self._failure = failure
        self._finished.set()
