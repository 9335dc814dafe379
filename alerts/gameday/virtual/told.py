"""Who would be told: the alerts of all cases on a live Alertmanager, with the generated routes.

Each case is a cluster of its own there, as Prometheus' external label makes it: alerts are
grouped and held back within a cluster only, so that all cases can be told at once.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.gameday import ask
from alerts.gameday.runner import Tally
from alerts.gameday.tree import Tree, hurried
from alerts.gameday.webhook import Page, Webhooks
from alerts.routing.count import Opened, Stretch, opened, plain
from alerts.routing.insert import read
from alerts.routing.tree import Routing
from slo import names, servers
from slo.model import Severity
from slo.replay import Firing

_SETTLE_SECONDS: Final = 4.0
_MOST_SECONDS: Final = 30.0
_TIMEOUT_SECONDS: Final = 30.0
_CLUSTER: Final = "cluster"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the alerts of one case.

    Attributes:
        pages: What arrived at webhooks.
        held: What Alertmanager holds, and whom it would tell.
        opened: The notifications as time passed: here all alerts are told at once.
    """

    pages: tuple[Page, ...]
    held: tuple[ask.Held, ...]
    opened: tuple[Opened, ...] = ()

    def twice(self) -> tuple[str, ...]:
        """The root causes for which one team was woken by more than one notification."""
        seen: dict[tuple[str, str], set[float]] = {}
        for page in self.pages:
            if page.labels.get("severity") != Severity.PAGE.value:
                continue
            seen.setdefault((page.team, page.group.get("root_cause", "")), set()).add(page.at)
        return tuple(f"{cause} to {team}" for (team, cause), at in seen.items() if len(at) > 1)

    def tally(self) -> Tally:
        """The notifications counted, beside what routing by severity alone would send."""
        kinds = {kind.value for kind in Severity}
        alerts = [each.labels for each in self.held if each.labels.get("severity") in kinds]
        called = sum(all(map(names.is_escalation, each.alerts)) for each in self.opened)
        causes = {each.cause for each in self.opened}
        return Tally(len(causes), len(self.opened), called, plain(alerts))

    def twice_told(self) -> tuple[str, ...]:
        """The root causes that are told of more than once, escalations left out."""
        told = Counter(
            each.cause for each in self.opened if not all(map(names.is_escalation, each.alerts))
        )
        return tuple(cause for cause, count in sorted(told.items()) if count > 1)


@dataclass(frozen=True, slots=True)
class Desk:
    """A live Alertmanager and the webhooks that stand for the teams."""

    url: str
    webhooks: Webhooks
    routing: Routing

    def tell(self, fired: Mapping[str, Sequence[Firing]]) -> dict[str, Told]:
        """Post what fired in each case, wait until all is told; by case.

        Raises:
            OSError: Alertmanager does not take it.
        """
        for case, firings in fired.items():
            alerts = [
                {"labels": {**firing.labels, _CLUSTER: case}, "annotations": {}}
                for firing in firings
            ]
            request = urllib.request.Request(  # noqa: S310 - http on loopback
                f"{self.url}/api/v2/alerts",
                json.dumps(alerts).encode(),
                {"Content-Type": "application/json"},
            )
            urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS).close()  # noqa: S310 - as above
        self._settle()
        pages, held = self.webhooks.received(), ask.held(self.url)
        return {
            case: Told(
                tuple(page for page in pages if page.labels.get(_CLUSTER) == case),
                tuple(each for each in held if each.labels.get(_CLUSTER) == case),
                opened(self.routing, [Stretch(one.labels, one.start, one.end) for one in firings]),
            )
            for case, firings in fired.items()
        }

    def _settle(self) -> None:
        """Wait until nothing has arrived for some seconds."""
        deadline = time.monotonic() + _MOST_SECONDS
        seen = -1
        while seen != (now := len(self.webhooks.received())) and time.monotonic() < deadline:
            seen = now
            self.webhooks.wait(lambda _: False, _SETTLE_SECONDS)


@contextmanager
def desk(tree: Tree, webhooks: Webhooks) -> Generator[Desk]:
    """An Alertmanager on the generated configuration of `tree`, that gathers for a second.

    Raises:
        MissingToolError: There is none.
        ServerError: It did not come up.
    """
    text = tree.alertmanager.read_text("utf-8")
    routing = read(text)
    tree.alertmanager.write_text(hurried(text), "utf-8")
    with ExitStack() as running:
        server = running.enter_context(servers.alertmanager(Path(tree.folder), tree.alertmanager))
        yield Desk(server.url, webhooks, routing)
