"""A case: a scenario of virtual time, and the words in which the matrix is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from alerts.gameday.faults import Fault
from alerts.gameday.fleet.traffic import Traffic
from alerts.gameday.scenarios import Detection, Expected, Scenario, after
from alerts.gameday.virtual.play import FULL, FULL_TRAFFIC, Script
from alerts.gameday.virtual.trouble import Act, Change, Trouble
from slo.model import Severity

MINUTE: Final = 60.0
HOURS: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Case:
    """What happens, and what must come of it.

    Attributes:
        also: Alerts that may fire as well, since they are consequences; they are not timed.
            Everything else must stay silent.
        held_back: Pages that must fire and wake nobody, since the page on their cause does;
            the name, and the values of `Expected.where`.
    """

    scenario: Scenario
    script: Script
    also: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """How it is asked for."""
        return self.scenario.id


def page(
    alert: str, team: str, detection: float | Detection, *, escalates: bool = False, **where: str
) -> Expected:
    """A page that must come, once its condition has held for its `for`."""
    return _expected(alert, team, Severity.PAGE, detection, where, escalates=escalates)


def ticket(alert: str, team: str, detection: float | Detection, **where: str) -> Expected:
    """A ticket that must come."""
    return _expected(alert, team, Severity.TICKET, detection, where, escalates=False)


def case(  # noqa: PLR0913 - a row of the matrix has so many columns
    identity: str,
    title: str,
    injection: str,
    acts: Change | tuple[Act, ...],
    *expected: Expected,
    also: tuple[str, ...] = (),
    held_back: tuple[str, ...] = (),
    lasts: float = 15 * MINUTE,
    baseline: float = 15 * MINUTE,
    traffic: Traffic = FULL_TRAFFIC,
) -> Case:
    """One row; `acts` alone is what happens at once and stays."""
    script = acts if isinstance(acts, tuple) else (Act(0.0, acts),)
    fault = Fault(identity, title, injection, ())
    return Case(
        Scenario(fault, expected), Script(script, lasts, baseline, traffic), also, held_back
    )


def workers(count: int, team: str) -> set[str]:
    """The keys of the first workers of a team."""
    return {f"worker-{team}-{number}" for number in range(1, count + 1)}


def everybody() -> set[str]:
    """The keys of all agents."""
    return {spec.key for spec in FULL.agents()}


def one_by_one(
    keys: set[str], seconds: float, change: Callable[[Trouble, str], None]
) -> tuple[Act, ...]:
    """`change` one agent after the other, sorted by number, so that classes take turns."""
    ordered = sorted(keys, key=lambda key: (int(key.rpartition("-")[2]), key))
    return tuple(_acts(ordered, seconds, change))


def _acts(keys: list[str], seconds: float, change: Callable[[Trouble, str], None]) -> Iterator[Act]:
    for number, key in enumerate(keys):
        yield Act(number * seconds, partial(_changed, change, key))


def _changed(change: Callable[[Trouble, str], None], key: str, wrong: Trouble) -> None:
    change(wrong, key)


def _expected(
    alert: str,
    team: str,
    severity: Severity,
    detection: float | Detection,
    where: dict[str, str],
    *,
    escalates: bool,
) -> Expected:
    holds = detection if callable(detection) else after(detection)
    labels = tuple(sorted(where.items()))
    return Expected(alert, team, severity, holds, None, escalates, labels)
