"""SLO065: a page that nobody has written down what to do about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from slo.diagnostic import Diagnostic, Level
from slo.model import Alert, Severity

CODE: Final = "SLO065"


def runbooks(alerts: Iterable[Alert], handwritten: Collection[str]) -> Iterator[Diagnostic]:
    """A notice for each page without steps, neither in its document nor in a file beside it.

    Tickets have time, and burn alerts have a generated page that says what to look at.
    """
    for alert in alerts:
        steps = alert.runbook.triage or alert.runbook.mitigation
        if alert.severity is Severity.PAGE and not steps and alert.name not in handwritten:
            text = f"{alert.name} wakes somebody, and no step says what to do"
            hint = f"write runbook.triage, or runbooks/{alert.name}.md beside the file"
            yield Diagnostic(CODE, Level.NOTICE, text, alert.place, hint)
