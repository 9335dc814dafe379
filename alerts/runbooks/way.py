"""Who gets an alert and what is silent meanwhile, as the routing really says it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from alerts.routing.build import routing
from alerts.routing.inhibit import alert_labels
from alerts.routing.simulate import deliveries, silences
from alerts.routing.tree import AUDIT, Routing
from alerts.runbooks import text
from alerts.runbooks.links import page
from slo.model import AlertRule, Compiled, Severity, Team

_ENOUGH: Final = 12
"""More names than this are not read by anybody who was just woken."""


_Reasons = dict[str, dict[str, set[str]]]
"""Why; then the other alert's name; then its tiers."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The routing of a project, asked once for all pages.

    Attributes:
        silenced: For each alert name, what it silences and why.
        silencers: For each alert name, what silences it and why.
        tiers: All tiers of each alert name.
        recorded: The names of all recorded series.
    """

    compiled: Compiled
    routes: Routing
    silenced: dict[str, _Reasons]
    silencers: dict[str, _Reasons]
    tiers: dict[str, set[str]]
    recorded: frozenset[str]

    @classmethod
    def of(cls, compiled: Compiled) -> Ways:
        """Build the routing of `compiled` and find every pair that silences."""
        external = compiled.project.settings.external_labels
        rules = compiled.alert_rules()
        ways = cls(compiled, routing(compiled), {}, {}, {}, compiled.record_names())
        for rule in rules:
            ways.tiers.setdefault(rule.name, set()).add(_tier(rule))
        for pair in silences(ways.routes, [alert_labels(rule, external) for rule in rules]):
            source, target = rules[pair.source], rules[pair.target]
            _note(ways.silenced, source, pair.rule.why, target)
            _note(ways.silencers, target, pair.rule.why, source)
        return ways

    def delivery(self, rules: Sequence[AlertRule]) -> str:
        """Table: to whom, how soon, how often, for the severities among `rules`."""
        external = self.compiled.project.settings.external_labels
        rows: dict[tuple[str, ...], None] = {}
        for rule in rules:
            for way in deliveries(self.routes, alert_labels(rule, external)):
                if way.receiver != AUDIT:
                    waits = way.waits
                    when = "in working hours" if way.active else "at any hour"
                    row = (
                        rule.labels.get("severity", rule.severity.value),
                        way.receiver,
                        f"after {waits['group_wait']}, {when}",
                        f"every {waits['repeat_interval']}",
                    )
                    rows[row] = None
        return text.table(("Severity", "Receiver", "Told", "Told again"), sorted(rows))

    def quiet(self, alert: str) -> str:
        """What is not heard while `alert` fires, and what keeps `alert` from being heard."""
        lines = [
            f"While this fires you will not hear {self._names(alert, who)}: {why}."
            for why, who in sorted(self.silenced.get(alert, {}).items())
        ]
        lines += [
            f"You will not hear this during {self._names(alert, who)}: {why}."
            for why, who in sorted(self.silencers.get(alert, {}).items())
            if set(who) != {alert}
        ]
        return text.bullets(lines) or "Nothing silences this alert, and it silences nothing."

    def team(self, name: str) -> Team | None:
        """The team called `name`."""
        return next((team for team in self.compiled.project.teams if team.name == name), None)

    def people(self, name: str) -> str:
        """A team with its members: ``**Platform** (ada@example.org)``."""
        team = self.team(name)
        members = f" ({', '.join(team.members)})" if team and team.members else ""
        return f"**{self._title(name)}**{members}"

    def after(self, name: str) -> str:
        """Whom the team called `name` calls when it needs help, in order; may be empty."""
        team = self.team(name)
        return text.words([self._title(each) for each in team.escalation]) if team else ""

    def _title(self, name: str) -> str:
        team = self.team(name)
        return team.title if team else name

    def _names(self, alert: str, who: dict[str, set[str]]) -> str:
        chosen = [self._told(alert, name, tiers) for name, tiers in sorted(who.items())]
        if len(chosen) > _ENOUGH:
            chosen = [*chosen[:_ENOUGH], f"{len(chosen) - _ENOUGH} more"]
        return text.words(chosen)

    def _told(self, alert: str, name: str, tiers: set[str]) -> str:
        named = f"tier {text.words(sorted(tiers))}" if tiers != self.tiers[name] else ""
        if name == alert:
            return f"its {named}" if named else "its other tiers"
        return f"{page(name)} ({named})" if named else page(name)


def by_name(rules: Iterable[AlertRule]) -> dict[str, tuple[AlertRule, ...]]:
    """The rules of each alert name, sorted by name."""
    found: dict[str, tuple[AlertRule, ...]] = {}
    for rule in rules:
        found[rule.name] = (*found.get(rule.name, ()), rule)
    return dict(sorted(found.items()))


def severities(rules: Sequence[AlertRule]) -> str:
    """``page and ticket``, as the label says it."""
    order = list(Severity)
    have = {rule.labels.get("severity", ""): order.index(rule.severity) for rule in rules}
    # What goes to nobody (none) stands last.
    return text.words(sorted(have, key=lambda each: len(order) if each == "none" else have[each]))


def _note(register: dict[str, _Reasons], own: AlertRule, why: str, other: AlertRule) -> None:
    others = register.setdefault(own.name, {}).setdefault(why, {})
    others.setdefault(other.name, set()).add(_tier(other))


def _tier(rule: AlertRule) -> str:
    return rule.tier.name if rule.tier else ""
