"""Error budgets of the on-call view: all SLOs in one table, and each SLO in its own row.

A row is generated for each SLO, because its limits are its own: they stand at the very
thresholds at which its alerts fire. Rows are folded and ask nothing until opened. A
grouped SLO repeats its row for each value of its label.
"""

from __future__ import annotations

from typing import Final

from dashboards import limits
from dashboards.board import LabelVariable, Section
from dashboards.layout import Size
from dashboards.material import Material, named, renamed, runbook_of, window_words
from dashboards.notation import JsonValue, plain, shortened
from dashboards.panel import Link, Step, Viz, Words
from dashboards.panels import Lines, Stat, Table
from dashboards.query import Prom, quoted
from slo.exact import decimal
from slo.model import AlertRule, Severity, Slo, Tier, TierForm
from slo.names import error_ratio
from slo.rules import SHOWN, windows_of

_NO_SLO: Final = "No traffic in this window; the first value comes after five minutes of traffic."
_FIVE_MINUTES: Final = frozenset({(300_000, "5m")})
_HEADER_CHARACTERS: Final = 80
"""Longer headers run out of a narrow window; the description has all words."""
_MANY: Final = 12
"""More SLOs than this are not drawn into one panel at first; the variable chooses."""


def slo_variable(material: Material) -> LabelVariable:
    """Which SLOs the panels on all of them show."""
    crowd = len(material.slos) > _MANY
    return LabelVariable(
        name="slo",
        label="SLO",
        series=f"slo_info{{{material.only()}}}",
        of="slo_id",
        description="SLOs shown in the panels about burn rates",
        first=material.slos[0].slo_id if crowd else "",
    )


def group_variables(material: Material) -> tuple[LabelVariable, ...]:
    """A variable for each label by which an SLO is grouped, where it has a row."""
    if material.crowded:
        return ()
    labels = sorted({label for slo in material.slos for label in slo.by})
    return tuple(
        LabelVariable(
            name=_group(label),
            label=label.replace("_", " "),
            series=f'slo:burn_rate:ratio{{{label}!=""}}',
            of=label,
            description="Rows of grouped SLOs repeat for each value chosen here",
        )
        for label in labels
    )


def overview(material: Material) -> Section:
    """All SLOs at once: a table, and the burn of the chosen ones over several windows."""
    return Section("budgets", "Error budgets", (_table(material), *_burns(material)))


def rows(material: Material) -> tuple[Section, ...]:
    """A folded row for each SLO; none in the overview of too many."""
    if material.crowded:
        return ()
    watching: dict[str, list[AlertRule]] = {}
    for rule in material.alerts:
        if rule.slo is not None:
            watching.setdefault(rule.slo.slo_id, []).append(rule)
    return tuple(_row(slo, watching.get(slo.slo_id, [])) for slo in material.slos)


def _table(material: Material) -> Viz:
    only = material.only()
    budget, burn = (
        ("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
        limits.burn_steps(material.slos),
    )
    return Table(
        key="slos",
        title="SLOs, the fastest spending first",
        words=Words(
            "Every SLO with its objective, the error budget left and the present burn rate; "
            "grouped SLOs show their worst group.",
            "Budget left below 25 % is at risk, 0 % or less is spent. The burn is bad from the "
            "first page on; 1 spends the budget exactly at the end of the window.",
            "Open the row of the worst SLO below; its runbooks are linked at the panels.",
        ),
        none=_NO_SLO,
        queries=(
            Prom(
                ref="objective",
                expr=f"max by (slo_id) (slo:objective:ratio{{{only}}})",
                table=True,
            ),
            Prom(
                ref="left",
                expr=f"min by (slo_id) (slo:error_budget_remaining:ratio{{{only}}})",
                table=True,
            ),
            Prom(ref="burn", expr=f"max by (slo_id) (slo:burn_rate:ratio{{{only}}})", table=True),
        ),
        unit="percentunit",
        decimals=2,
        transformations=(
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": {"Time": True}}},
        ),
        overrides=(
            renamed("slo_id", "SLO", ("links", _alone(material))),
            renamed("Value #objective", "Objective", ("decimals", 3)),
            renamed("Value #left", "Budget left", _steps(limits.budget_steps()), budget),
            renamed("Value #burn", "Burn rate", ("unit", "none"), _steps(burn), budget),
        ),
        sort="Burn rate",
        wish=Size(12, 10),
    )


def _alone(material: Material) -> list[JsonValue]:
    """Show the clicked SLO alone in the panels about burn rates, at the same time."""
    here = f"/d/{material.uid('on-call')}"
    return [
        {"title": "Only this SLO", "url": f"{here}?var-slo=${{__value.raw}}&${{__url_time_range}}"}
    ]


def _steps(steps: tuple[Step, ...]) -> tuple[str, JsonValue]:
    return (
        "thresholds",
        {
            "mode": "absolute",
            "steps": [{"color": step.color, "value": step.value} for step in steps],
        },
    )


def _burns(material: Material) -> tuple[Viz, ...]:
    windows = [window.promql() for window in SHOWN]
    factors = [
        *limits.burn_factors(material.slos, Severity.PAGE),
        *limits.burn_factors(material.slos, Severity.TICKET),
    ]
    lines = ", ".join(decimal(factor) for factor in sorted(set(factors), reverse=True))
    return (
        Lines(
            key="burn",
            title="Burn rate over several windows, worst of the chosen SLOs",
            words=Words(
                "How many times faster than planned the error budget is being spent, over short "
                "and long windows.",
                f"Below 1 is good. Alerts fire at {lines or 'no factor'}; a page needs the short "
                "and the long window above its line.",
                "Short windows high and long ones low: it began just now. Short low and long "
                "high: it is over. Choose one SLO at the top to see it alone.",
            ),
            none=_NO_SLO,
            queries=tuple(
                Prom(ref=f"w{window}", expr=_burn_over(window), legend=window) for window in windows
            ),
            unit="none",
            decimals=2,
            low=0.0,
            limits=True,
            steps=limits.burn_steps(material.slos),
            overrides=named(*windows),
            wish=Size(12, 10),
        ),
    )


def _burn_over(window: str) -> str:
    errors = f'max by (slo_id) ({error_ratio(window)}{{slo_id=~"$slo"}})'
    budget = 'max by (slo_id) (1 - slo:objective:ratio{slo_id=~"$slo"})'
    return f"max({errors} / on (slo_id) {budget})"


def _tier_windows(slo: Slo) -> frozenset[tuple[int, str]]:
    """Recorded windows of the SLO's alerts, 5 minutes always among them: milliseconds, text."""
    windows, recorded = _FIVE_MINUTES, windows_of(slo)
    for tier in slo.alerting.tiers:
        if tier.form in {TierForm.WINDOWS, TierForm.WINDOW}:
            both = {tier.long, tier.short or tier.long}
            windows |= {(each.ms, each.promql()) for each in both if each in recorded}
    return windows


def _row(slo: Slo, alerts: list[AlertRule]) -> Section:
    links = runbook_of(alerts)
    matcher = f"slo_id={quoted(slo.slo_id)}"
    for label in slo.by:
        matcher += f', {label}=~"${_group(label)}"'
    suffix = "".join(f" · ${_group(label)}" for label in slo.by[:1])
    return Section(
        key=f"slo/{slo.slo_id}",
        title=shortened(slo.title or slo.slo_id, _HEADER_CHARACTERS) + suffix,
        panels=(_errors(slo, matcher, links), _left(slo, matcher, links), _volume(slo, matcher)),
        closed=True,
        repeat=_group(slo.by[0]) if slo.by else "",
    )


def _group(label: str) -> str:
    """The variable that chooses values of `label`; the prefix keeps it apart from others."""
    return f"by_{label}"


def _errors(slo: Slo, matcher: str, links: tuple[Link, ...]) -> Viz:
    windows = [text for _, text in sorted(_tier_windows(slo))]
    return Lines(
        key="errors",
        title=f"{slo.slo_id}: error ratio against its alert thresholds",
        words=Words(
            f"{slo.description or slo.title} Share of bad events over the windows that its "
            f"alerts look at. Objective {slo.objective.percent()} % over {window_words(slo)}, "
            f"owner {plain(slo.owner) or 'nobody'}.",
            f"The budget is {slo.objective.budget.percent()} %. {_tiers(slo)}",
            "Open the runbook from the corner of this panel.",
        ),
        none=_NO_SLO,
        queries=tuple(
            Prom(
                ref=f"w{window}",
                expr=f"max by (slo_id) ({error_ratio(window)}{{{matcher}}})",
                legend=window,
            )
            for window in windows
        ),
        unit="percentunit",
        low=0.0,
        limits=True,
        steps=limits.error_steps(slo),
        overrides=named(*windows),
        see=links,
        wish=Size(12, 8),
    )


def _tiers(slo: Slo) -> str:
    return " ".join(_tier(tier) for tier in slo.alerting.tiers) or "It has no alerts."


def _tier(tier: Tier) -> str:
    window = tier.long.promql()
    held = f" for {tier.hold.promql()}" if tier.hold.ms else ""
    return (
        f"{tier.severity.value.capitalize()} ({tier.name}) above "
        f"{tier.threshold.percent()} % over {window}{held}."
    )


def _left(slo: Slo, matcher: str, links: tuple[Link, ...]) -> Viz:
    return Stat(
        key="left",
        title=f"{slo.slo_id}: budget left",
        words=Words(
            f"What is left of the error budget over {window_words(slo)}; the worst group of a "
            "grouped SLO.",
            "100 % is untouched, below 25 % is at risk, 0 % or less is spent.",
            "When it is spent, changes wait until it recovers: see the SLO's policy.",
        ),
        none=_NO_SLO,
        queries=(Prom(expr=f"min(slo:error_budget_remaining:ratio{{{matcher}}})"),),
        unit="percentunit",
        decimals=1,
        steps=limits.budget_steps(),
        see=links,
        wish=Size(6, 8),
    )


def _volume(slo: Slo, matcher: str) -> Viz:
    return Lines(
        key="volume",
        title=f"{slo.slo_id}: events per second",
        words=Words(
            "All events that the SLO counts, and the bad ones among them.",
            "Bad events near zero are good. All events at zero means that nothing is measured.",
            "No events at all: look at the collector's row in the debug view.",
        ),
        none=_NO_SLO,
        queries=(
            Prom(ref="all", expr=f"sum(slo:sli_total:rate5m{{{matcher}}})", legend="all"),
            Prom(ref="bad", expr=f"sum(slo:sli_errors:rate5m{{{matcher}}})", legend="bad"),
        ),
        unit="ops",
        low=0.0,
        overrides=named("all", "bad"),
        wish=Size(6, 8),
    )
