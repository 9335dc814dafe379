"""Who would be told: the alerts of all cases on a live Alertmanager, with the generated routes.

Each case is a cluster of its own there, as Prometheus' external label makes it: alerts are
grouped and held back within a cluster only, so that all cases can be told at once.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.gameday import ask
from alerts.gameday.tree import Tree, hurried
from alerts.gameday.webhook import Page, Webhooks
from slo import servers
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
    """

    pages: tuple[Page, ...]
    held: tuple[ask.Held, ...]

    def twice(self) -> tuple[str, ...]:
        """The root causes for which one team was woken by more than one notification."""
        seen: dict[tuple[str, str], set[float]] = {}
        for page in self.pages:
            if page.labels.get("severity") != Severity.PAGE.value:
                continue
            seen.setdefault((page.team, page.group.get("root_cause", "")), set()).add(page.at)
        return tuple(f"{cause} to {team}" for (team, cause), at in seen.items() if len(at) > 1)


@dataclass(frozen=True, slots=True)
class Desk:
    """A live Alertmanager and the webhooks that stand for the teams."""

    url: str
    webhooks: Webhooks

    def tell(self, fired: Mapping[str, Iterable[Firing]]) -> dict[str, Told]:
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
            )
            for case in fired
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
    tree.alertmanager.write_text(hurried(text), "utf-8")
    with ExitStack() as running:
        server = running.enter_context(servers.alertmanager(Path(tree.folder), tree.alertmanager))
        yield Desk(server.url, webhooks)
