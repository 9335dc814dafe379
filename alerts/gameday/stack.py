"""The real thing on loopback: collector, Prometheus, Alertmanager, and who listens to them.

Everything is started on free ports with its data below one folder, and is stopped in the
reverse order whatever happens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.gameday.fleet.charge import Charge
from alerts.gameday.fleet.reach import unreachable
from alerts.gameday.fleet.topology import Topology
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.library import Library
from alerts.gameday.tree import NOTHING, PUSH_SECONDS, Also, Ports, Tree, write
from alerts.gameday.webhook import Webhooks
from slo import servers

_LISTEN_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05

COMPACT: Final = Topology()
COMPACT_TRAFFIC: Final = Traffic(latency_scale=0.2, rare_scale=60.0, long=0.0)
"""A fleet for a laptop: three workers per team instead of ten, so models and tools answer
five times as fast to keep them as busy; what happens a few times a day happens sixty times
as often, so that a fleet of two minutes has seen it. Arrivals and error rates are lifelike."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack.

    Attributes:
        generated: What `sloctl generate` said of its work.
        library: Serves the runbooks, and pages that are made on demand.
    """

    generated: str
    tree: Tree
    ports: Ports
    webhooks: Webhooks
    library: Library
    collector: servers.Server
    prometheus: servers.Server
    alertmanager: servers.Server

    @property
    def runbooks(self) -> str:
        """Base address of the runbook pages."""
        return self.library.url

    def charge(
        self,
        topology: Topology,
        traffic: Traffic,
        dialect: str = "",
        push_seconds: float = PUSH_SECONDS,
    ) -> Charge:
        """What a fleet that reports here must know; see `Charge`."""
        return Charge(
            name="",
            grpc=f"127.0.0.1:{self.ports.grpc}",
            http=f"http://127.0.0.1:{self.ports.http}",
            traffic=traffic,
            topology=topology,
            push_seconds=push_seconds,
            dialect=dialect,
        )


@contextmanager
def stack(
    folder: Path, tell: Callable[[str], None] = lambda _: None, also: Also = NOTHING
) -> Generator[Stack]:
    """Generate everything into `folder`, start it, and stop it in the end.

    Args:
        folder: Must exist and be empty.
        tell: Told what comes next, for whoever watches.
        also: What the collector does beside what the starter files say.

    Raises:
        MissingToolError: Prometheus or Alertmanager is not to be had.
        TreeError: `sloctl` refused.
        ServerError: Something did not come up; the message ends with its own last words.
    """
    for tool in ("prometheus", "alertmanager"):
        servers.require(tool)
    tree, ports = Tree(folder), Ports.pick()
    with ExitStack() as running:
        webhooks = running.enter_context(Webhooks())
        library = running.enter_context(Library(tree.runbooks))
        tell("files")
        generated = write(tree, ports, webhooks.address, library.url, also)
        tell("collector")
        collector = running.enter_context(start_collector(tree, ports))
        tell("alertmanager")
        alertmanager = running.enter_context(
            servers.alertmanager(folder, tree.alertmanager, port=ports.alertmanager)
        )
        tell("prometheus")
        prometheus = running.enter_context(
            servers.prometheus(folder, tree.prometheus, port=ports.prometheus)
        )
        yield Stack(generated, tree, ports, webhooks, library, collector, prometheus, alertmanager)


def start_collector(tree: Tree, ports: Ports) -> servers.Server:
    """The collector as a process of its own, on the generated configuration.

    Returning means that it is healthy and that both of its OTLP addresses can be reached.

    Raises:
        ServerError: It did not come up.
    """
    code = "from collectors.cli import main; main()"
    server = servers.Server.start(
        "collector",
        [sys.executable, "-c", code, "run", "--config", tree.collector],
        url=f"http://127.0.0.1:{ports.health}",
        ready="/",
        folder=tree.folder,
    )
    deadline = time.monotonic() + _LISTEN_SECONDS
    while reason := "".join(unreachable(f"127.0.0.1:{port}") for port in (ports.grpc, ports.http)):
        if time.monotonic() > deadline or server.process.poll() is not None:
            server.stop()
            msg = f"the collector does not listen: {reason}: {server.last_words()}"
            raise servers.ServerError(msg)
        time.sleep(_POLL_SECONDS)
    return server
