"""Leaving cleanly: a signal to end becomes an exception, so that every block is left."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def leaving() -> Generator[None]:
    """Within the block SIGTERM and SIGHUP end as Ctrl-C does, and what was started is stopped."""

    def leave(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
