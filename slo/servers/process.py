"""A child process that serves HTTP on loopback, from start to certain stop."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_POLL_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 10.0
_TAIL_BYTES: Final = 4_000


class ServerError(RuntimeError):
    """A server did not come up, or died; the message ends with its own last words."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Server:
    """A running server. Use it as a context manager: leaving the block stops it.

    Attributes:
        name: For messages.
        url: Its base address, without trailing slash.
        log: Where its output goes.
    """

    name: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls, name: str, command: Sequence[str | Path], *, url: str, ready: str, folder: Path
    ) -> Self:
        """Start `command` in `folder`, its output in ``<name>.log`` there.

        Args:
            name: For messages and the log file.
            command: Program and arguments.
            url: Base address that it will serve.
            ready: Path below `url` that answers 2xx once it is ready.
            folder: Working directory; must exist.
        """
        log = folder / f"{name}.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = cls(name, url, log, process)
        try:
            server.wait_ready(ready)
        except BaseException:
            server.stop()
            raise
        return server

    def wait_ready(self, path: str, timeout_seconds: float = 60.0) -> None:
        """Wait until `path` answers 2xx.

        Raises:
            ServerError: The process ended first, or the time is over.
        """
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                msg = f"{self.name} ended with code {self.process.returncode}: {self.last_words()}"
                raise ServerError(msg)
            if _answers(self.url + path):
                return
            time.sleep(_POLL_SECONDS)
        msg = f"{self.name} was not ready after {timeout_seconds:.0f} s: {self.last_words()}"
        raise ServerError(msg)

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace").strip()

    def reload(self) -> None:
        """Have it read its configuration again, by SIGHUP."""
        self.process.send_signal(1)

    def stop(self) -> None:
        """Terminate, then kill. Safe twice."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:  # noqa: S310 - loopback http
            status: int = answer.status
            return 200 <= status < 300
    except (urllib.error.URLError, OSError, ValueError):
        return False
