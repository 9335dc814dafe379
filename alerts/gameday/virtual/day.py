"""A game day in virtual time: every case lived, replayed, told and judged."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.gameday.runner import Outcome
from alerts.gameday.tree import Tree, write_as_it_is
from alerts.gameday.virtual.cases import Case
from alerts.gameday.virtual.judge import judge
from alerts.gameday.virtual.play import fired, lived
from alerts.gameday.virtual.rulebook import read, rule_files
from alerts.gameday.virtual.told import Told, desk
from alerts.gameday.webhook import Webhooks
from slo import servers
from slo.model import RuleGroup
from slo.plural import plural
from slo.replay import Firing

_AT_ONCE: Final = 2
_CHECK_SECONDS: Final = 60.0


class RulesError(ValueError):
    """Rules of one's own do not load; the message is promtool's."""


@dataclass(frozen=True, slots=True)
class Day:
    """What fired in every case, and what became of it.

    Attributes:
        told: By case; None where rules were not our own and nobody was told.
    """

    cases: tuple[Case, ...]
    groups: tuple[RuleGroup, ...]
    fired: dict[str, tuple[Firing, ...]]
    told: dict[str, Told] | None


def play(
    cases: Sequence[Case],
    seed: int,
    tell: Callable[[str], None],
    against: Path | None = None,
) -> Day:
    """Live and replay `cases`; with rules of one's own `against`, nobody is told.

    Args:
        cases: At least one.
        seed: Of the traffic.
        tell: Told of every case that has been replayed, from any thread.
        against: A directory of rule files; None generates the shipped ones.

    Raises:
        MissingToolError: A server or tool is not to be had.
        RulesError: The rules in `against` do not load, or there are none.
        TreeError: `sloctl` refused.
        RefusedError: Prometheus refused a rule.
        ServerError: Alertmanager did not come up.
    """
    servers.require("alertmanager")
    if against is not None:
        _check(against)
    with tempfile.TemporaryDirectory(prefix="fleetslo-virtual-") as folder, Webhooks() as hooks:
        tree = Tree(Path(folder))
        if against is None:
            write_as_it_is(tree, hooks.address)
        groups = read(tree.out / "prometheus" / "rules" if against is None else against)

        def one(case: Case) -> tuple[str, tuple[Firing, ...]]:
            firings = fired(lived(case.script, seed).tape, case.script, groups)
            tell(f"{case.id}: {plural(len(firings) - 1, 'alert')}")
            return case.id, firings

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = dict(pool.map(one, cases))
        if against is not None:
            return Day(tuple(cases), groups, found, None)
        with desk(tree, hooks) as front:
            return Day(tuple(cases), groups, found, front.tell(found))


def _check(folder: Path) -> None:
    """Let promtool read every rule file.

    Raises:
        RulesError: It refuses one, or there is none.
    """
    files = rule_files(folder)
    if not files:
        msg = f"no rule files (*.yaml, *.yml) below {folder}"
        raise RulesError(msg)
    command = [str(servers.require("promtool")), "check", "rules", *map(str, files)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        msg = f"promtool does not load the rules: {said}"
        raise RulesError(msg)


def outcomes(day: Day) -> tuple[Outcome, ...]:
    """Every case judged, in their order."""
    return tuple(
        judge(case, day.groups, day.fired[case.id], None if day.told is None else day.told[case.id])
        for case in day.cases
    )
