"""What a process of the fleet is told, and what it tells: JSON lines.

The first line on its standard input is its charge; every further line is a command, and
the end of the input is the order to stop, so that no process outlives the one that
started it. What it has to say goes to its standard output.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Self

from alerts.gameday.fleet import frames
from alerts.gameday.fleet.frames import Body
from alerts.gameday.fleet.topology import ProcessSpec, Topology
from alerts.gameday.fleet.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """All that a process needs to know.

    Attributes:
        name: Of the process; says which agents of the topology live in it.
        grpc: ``host:port`` of the collector's OTLP receiver.
        http: Base URL of the collector's OTLP receiver.
        broker_port: 0 for the process that is the broker.
        push_seconds: Between two exports of metrics; 0 sends none, and agents write down in
            log records what others must know of them.
        dialect: In whose words the agents tell of their work; empty is in their own.
    """

    name: str
    grpc: str
    http: str
    traffic: Traffic
    topology: Topology
    broker_port: int = 0
    push_seconds: float = 15.0
    dialect: str = ""

    def process(self) -> ProcessSpec | None:
        """The agents of this process; None for one that has none."""
        named = (spec for spec in self.topology.processes() if spec.name == self.name)
        return next(named, None)

    def frame(self) -> Body:
        """As the first line of standard input says it."""
        return {
            "name": self.name,
            "grpc": self.grpc,
            "http": self.http,
            "seed": self.traffic.seed,
            "tasks_per_second": self.traffic.tasks_per_second,
            "latency_scale": self.traffic.latency_scale,
            "rare_scale": self.traffic.rare_scale,
            "swing": self.traffic.swing,
            "weekend": self.traffic.weekend,
            "long": self.traffic.long,
            "pace": self.traffic.pace,
            "workers_per_team": self.topology.workers_per_team,
            "worker_processes": self.topology.worker_processes,
            "broker_port": self.broker_port,
            "push_seconds": self.push_seconds,
            "dialect": self.dialect,
        }

    @classmethod
    def read(cls, frame: Body) -> Self:
        """The inverse of `frame`."""
        return cls(
            name=frames.text(frame, "name"),
            grpc=frames.text(frame, "grpc"),
            http=frames.text(frame, "http"),
            traffic=Traffic(
                seed=int(frames.number(frame, "seed")),
                tasks_per_second=frames.number(frame, "tasks_per_second"),
                latency_scale=frames.number(frame, "latency_scale"),
                rare_scale=frames.number(frame, "rare_scale"),
                swing=frames.number(frame, "swing"),
                weekend=frames.number(frame, "weekend"),
                long=frames.number(frame, "long"),
                pace=frames.number(frame, "pace"),
            ),
            topology=Topology(
                workers_per_team=int(frames.number(frame, "workers_per_team")),
                worker_processes=int(frames.number(frame, "worker_processes")),
            ),
            broker_port=int(frames.number(frame, "broker_port")),
            push_seconds=frames.number(frame, "push_seconds"),
            dialect=frames.text(frame, "dialect"),
        )


class Orders:
    """Standard input, line by line."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    async def open(cls) -> Self:
        """Read standard input from this event loop."""
        reader = asyncio.StreamReader(limit=frames.LINE_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
        )
        return cls(reader)

    async def charge(self) -> Charge | None:
        """The first line; None when there is none."""
        frame = await frames.read(self._reader)
        return None if frame is None else Charge.read(frame)

    async def obey(self, obey: frames.Obey) -> None:
        """Obey every further line; returns at the end of the input."""
        while (command := await frames.read(self._reader)) is not None:
            obey(command)
            say("obeyed", do=frames.text(command, "do"))


def say(event: str, **words: frames.Json) -> None:
    """Tell the one who started us."""
    sys.stdout.buffer.write(frames.encode({"event": event, **words}))
    sys.stdout.buffer.flush()
