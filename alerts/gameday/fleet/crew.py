"""The processes of a fleet: started in order, commanded over their standard input, stopped.

A process that loses its standard input stops by itself, so nothing outlives its owner,
not even after a kill -9 of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.charge import Charge
from alerts.gameday.fleet.frames import Body
from alerts.gameday.fleet.reach import unreachable
from alerts.gameday.fleet.topology import LLM, PLATFORM
from alerts.gameday.fleet.truth import Truth

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 8.0
_ROOT: Final = Path(__file__).resolve().parents[3]


class FleetError(RuntimeError):
    """The fleet cannot run; one clear line that says why."""


@dataclass(slots=True)
class _Process:
    name: str
    popen: subprocess.Popen[bytes]
    said: queue.Queue[Body]


class Crew:
    """A running fleet. Use it as a context manager: leaving the block stops it."""

    def __init__(self, charge: Charge, hear: Callable[[str, str], None] | None = None) -> None:
        """A fleet that is not started yet.

        Args:
            charge: What holds for all processes; `name` and `broker_port` are ignored.
            hear: Told the name of a process and its complaint, from a thread.
        """
        self._charge = charge
        self._hear = hear
        self._processes: dict[str, _Process] = {}
        self._listeners: list[threading.Thread] = []
        self._truth = Truth()
        self._is_whole = True

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything; returning means that all processes are at work.

        Raises:
            FleetError: The collector does not answer, or a process did not come up.
        """
        reason = unreachable(self._charge.grpc) or unreachable(self._charge.http)
        if reason:
            msg = f"the fleet cannot reach the collector: {reason}"
            raise FleetError(msg)
        self._spawn(PLATFORM, 0)
        port = int(frames.number(self._ready(PLATFORM), "port"))
        self._charge = replace(self._charge, broker_port=port)
        names = (LLM, *(process.name for process in self._charge.topology.processes()))
        for name in names:
            self._spawn(name, port)
        for name in names:
            self._ready(name)

    def restart(self, name: str) -> None:
        """Start a process again that was killed.

        Raises:
            FleetError: It did not come up.
        """
        self._spawn(name, self._charge.broker_port)
        self._ready(name)

    def names(self) -> tuple[str, ...]:
        """The processes, in the order of their start."""
        return tuple(self._processes)

    def pids(self) -> dict[str, int]:
        """The process ids of those that run."""
        return {
            name: process.popen.pid
            for name, process in self._processes.items()
            if process.popen.poll() is None
        }

    def command(self, names: Iterable[str], command: Body) -> None:
        """Send `command` to the processes; one that is dead cannot obey, which is no error."""
        for name in names:
            stdin = self._processes[name].popen.stdin
            if stdin is None or self._processes[name].popen.poll() is not None:
                continue
            try:
                stdin.write(frames.encode(command))
                stdin.flush()
            except BrokenPipeError:
                continue

    def truth(self) -> Mapping[str, int] | None:
        """What the fleet did, once it has ended; None if a killed process took its part along."""
        return self._truth.counts() if self._is_whole else None

    def kill(self, name: str) -> None:
        """Kill a process without warning, as a crash would."""
        self._is_whole = False
        self._processes[name].popen.send_signal(signal.SIGKILL)
        self._processes[name].popen.wait()

    def stop(self) -> None:
        """End every process: close its input, wait, and kill what is left. Safe twice."""
        deadline = time.monotonic() + STOP_SECONDS
        agents = [process for name, process in self._processes.items() if name != PLATFORM]
        platform = [process for name, process in self._processes.items() if name == PLATFORM]
        for group in (agents, platform):  # the queue goes last, so that nobody loses it
            for process in group:
                if process.popen.stdin is not None:
                    with contextlib.suppress(BrokenPipeError):
                        process.popen.stdin.close()
            for process in group:
                self._is_whole &= _wait(process.popen, deadline - time.monotonic())
        self._processes.clear()
        for listener in self._listeners:
            listener.join(STOP_SECONDS)

    def _spawn(self, name: str, port: int) -> None:
        popen = subprocess.Popen(
            [sys.executable, "-m", "alerts.gameday.fleet.member"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the one who started us
        )
        process = _Process(name, popen, queue.Queue())
        self._processes[name] = process
        listener = threading.Thread(target=self._listen, args=(process,), daemon=True)
        listener.start()
        self._listeners.append(listener)
        charge = replace(self._charge, name=name, broker_port=port)
        self.command((name,), charge.frame())

    def _listen(self, process: _Process) -> None:
        """Hear what a process says, until it says nothing any more."""
        stdout = process.popen.stdout
        if stdout is None:
            return
        with stdout:
            for line in stdout:
                body: frames.Json = json.loads(line)
                if not isinstance(body, dict):
                    continue
                if body.get("event") in {"telemetry-lost", "failed"} and self._hear is not None:
                    self._hear(process.name, frames.text(body, "text"))
                counts = body.get("counts")
                if body.get("event") == "truth" and isinstance(counts, dict):
                    self._truth.add_all(counts)
                process.said.put(body)
        process.said.put({"event": "ended"})

    def _ready(self, name: str) -> Body:
        deadline = time.monotonic() + READY_SECONDS
        failure = ""
        while time.monotonic() < deadline:
            try:
                said = self._processes[name].said.get(timeout=deadline - time.monotonic())
            except queue.Empty:
                break
            match frames.text(said, "event"):
                case "ready":
                    return said
                case "failed":
                    failure = frames.text(said, "text")
                case "ended":
                    msg = f"{name} ended before it was ready: {failure or 'see its output above'}"
                    raise FleetError(msg)
                case _:
                    pass  # a complaint; it has been handed on
        msg = f"{name} was not ready after {READY_SECONDS:.0f} s"
        raise FleetError(msg)


def _environment() -> dict[str, str]:
    """Ours, without what would lead the telemetry elsewhere."""
    return {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}


def _wait(popen: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the end, and make it when the time is over; whether it came by itself."""
    try:
        popen.wait(max(0.1, seconds))
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
        return False
    return True
