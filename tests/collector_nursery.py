"""Daemons at the cost of a fork: a process that has everything imported and forks on demand.

Each line of its input is a JSON list, configuration file and log file; each line of its
output the id of a process that is `collector run` from there on. Hundreds of daemons can be
started and killed so in a minute. It ends, and they with it, when its input ends.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class Nursery:
    """The other end: asks for daemons."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def start(self, config: Path, log: Path) -> int:
        """Start a daemon; returns its process id."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            stdin.write(json.dumps([str(config), str(log)]) + "\n")
            stdin.flush()
            return int(stdout.readline())

    def end(self, pid: int, how: signal.Signals) -> int:
        """Send a signal and wait for the end; returns the exit code, or less the signal."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            os.kill(pid, how)
            stdin.write(json.dumps(pid) + "\n")
            stdin.flush()
            return int(stdout.readline())


@contextmanager
def nursery() -> Generator[Nursery]:
    """A nursery, and its end."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.collector_nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        yield Nursery(process)


def main() -> None:
    """Fork a daemon for each request, and wait for those that are to end."""
    from collectors.cli import main as collector  # noqa: PLC0415 - what is imported before the forks
    from collectors.config.registry import Registry  # noqa: PLC0415

    Registry.installed()
    importlib.import_module("collectors.cli.run")
    children: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if isinstance(request, int):
            _, status = os.waitpid(request, 0)
            children.discard(request)
            answer = os.waitstatus_to_exitcode(status)
        elif (answer := os.fork()) == 0:
            config, log = request
            os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            collector(["run", "--config", config])
        else:
            children.add(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for child in children:
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
