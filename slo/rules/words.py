"""What an alert says to the person it wakes: what burns, how fast, what is left, when it ends.

Annotations are Prometheus templates. They ask Prometheus for the figures at the moment of
the alert and say nothing where there is no answer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from slo import names
from slo.exact import Ratio, decimal
from slo.model import Alert, Calendar, Rolling, Slo, Tier, TierForm, Urls
from slo.policy import period_seconds

_BRACES: Final = '{{ "{{" }}'


def links(urls: Urls, alert: str, slo_id: str = "") -> dict[str, str]:
    """Where to read on: the alert's runbook, and the on-call dashboard on this SLO."""
    dashboard = f"{urls.grafana}/d/{names.DASHBOARD_UIDS['on-call']}"
    chosen = f"?var-slo={slo_id}" if slo_id else ""
    return {
        "runbook_url": f"{urls.runbooks}/{alert}.md",
        "dashboard_url": f"{dashboard}{chosen}",
    }


def literal(text: str) -> str:
    """A template that shows `text` as it is, whatever it looks like to Prometheus.

    One pair of braces that is not a template would make Prometheus refuse the whole file.
    """
    return text.replace("{{", _BRACES)


def filled(template: str) -> str:
    """What `literal` was given."""
    return template.replace(_BRACES, "{{")


def budget_id(slo: Slo) -> str:
    """The label that tells budgets apart: the SLO, and the values of its `by` labels."""
    return "/".join((slo.slo_id, *(f"{{{{ $labels.{label} }}}}" for label in slo.by)))


def burn_words(slo: Slo, tier: Tier) -> dict[str, str]:
    """Summary and description of a burn alert."""
    window = tier.long.promql()
    ratio = "{{ $value | humanizePercentage }}"
    return {
        "summary": (
            f"{literal(slo.title)}{_whose(slo)}: {ratio} bad in {window}, "
            f"objective {slo.objective.percent()} %"
        ),
        "description": " ".join(
            part
            for part in (
                literal(slo.description),
                (
                    f"{ratio} of events were bad in the last {window}"
                    f"{_burn(slo, window)}; {_rule(tier)}."
                ),
                _left(slo),
                _ends(slo, window),
            )
            if part
        ),
    }


def lost_words(slo: Slo) -> dict[str, str]:
    """Summary and description of `SLOSignalLost`."""
    return {
        "summary": f"{literal(slo.title)}: no data, its alerts are blind",
        "description": (
            "The events of this SLO were measured within the last day and are not measured now. "
            "While this lasts nothing can tell whether the objective is kept, and no burn alert "
            "of this SLO can fire. Look for a scrape target, an exporter or a collector that is "
            "gone, or a metric that was renamed."
        ),
    }


def idle_words(slo: Slo) -> dict[str, str]:
    """Summary and description of the alert on traffic that has fallen to zero."""
    return {
        "summary": f"{literal(slo.title)}{_whose(slo)}: no events any more",
        "description": (
            "The counters of this SLO are there and stand still: nothing has happened for 10 "
            "minutes, and there was traffic within the last day. Look upstream of the service."
        ),
    }


def alert_words(alert: Alert) -> dict[str, str]:
    """Summary and description of an operational alert."""
    return {
        "summary": alert.summary or alert.title,
        "description": alert.description or alert.runbook.meaning or alert.title,
    }


def escalation_words(alert: Alert, when: str) -> dict[str, str]:
    """Summary and description of the escalation of `alert`."""
    told = alert_words(alert)
    return {
        "summary": f"Escalated: {told['summary']}",
        "description": f"{told['description']} Escalated: {when}".strip(),
    }


def _whose(slo: Slo) -> str:
    if not slo.by:
        return ""
    return f" ({', '.join(f'{{{{ $labels.{label} }}}}' for label in slo.by)})"


def _rule(tier: Tier) -> str:
    above = f"the {tier.severity} starts above {tier.threshold.percent()} %"
    if tier.form is TierForm.SUSTAINED:
        return f"{above} for more than {tier.hold.promql()}"
    if tier.form is TierForm.OUTAGE or tier.short is None:
        return above
    return f"{above} in {tier.long.promql()} and {tier.short.promql()}"


def _burn(slo: Slo, window: str) -> str:
    asked = _asked(slo, f"{_series(slo, names.error_ratio(window))} / {_budget(slo)}")
    pace = _first('printf "%.3g"') + " times the pace that the budget allows"
    return f"{{{{ with {asked} }}}}, {pace}{{{{ end }}}}"


def _left(slo: Slo) -> str:
    asked = _asked(slo, _series(slo, names.BUDGET_REMAINING))
    left = f"{_first('humanizePercentage')} of the {_period(slo)} budget is left."
    spent = f"The {_period(slo)} budget is spent."
    # The period is read in steps of 5 minutes by the slow rules, and a rate is needed first.
    unknown = (
        f"How much of the {_period(slo)} budget is left is not recorded yet: "
        "a new SLO takes about ten minutes."
    )
    some = f"{{{{ if gt (. | first | value) 0.0 }}}}{left}{{{{ else }}}}{spent}{{{{ end }}}}"
    return f"{{{{ with {asked} }}}}{some}{{{{ else }}}}{unknown}{{{{ end }}}}"


def _ends(slo: Slo, window: str) -> str:
    """When the budget is gone at this pace; silent where it is gone already."""
    seconds = _budget_seconds(slo.window, slo.objective)
    left = _series(slo, names.BUDGET_REMAINING)
    ratio = _series(slo, names.error_ratio(window))
    asked = _asked(slo, f"({left} > 0) * {seconds} / ({ratio} > 0)", series=2)
    gone = f"At this pace it is gone in {_first('humanizeDuration')}."
    return f"{{{{ with {asked} }}}}{gone}{{{{ end }}}}"


@lru_cache(maxsize=256)
def _budget_seconds(window: Rolling | Calendar, objective: Ratio) -> str:
    """Seconds of a total outage that a whole budget lasts."""
    return decimal(period_seconds(window) * objective.budget.value)


def _first(shown: str) -> str:
    return f"{{{{ . | first | value | {shown} }}}}"


def _period(slo: Slo) -> str:
    window = slo.window
    return window.length.promql() if isinstance(window, Rolling) else f"{window.period}'s"


def _budget(slo: Slo) -> str:
    return slo.objective.budget.promql()


def _series(slo: Slo, series: str) -> str:
    """One series of the budget that the alert is about; `%q` is filled in by the template."""
    matchers = [f'slo_id="{slo.slo_id}"', *(f"{label}=%q" for label in slo.by)]
    return f"{series}{{{','.join(matchers)}}}"


def _asked(slo: Slo, expr: str, series: int = 1) -> str:
    """The template that queries `expr`, which names the budget's labels `series` times."""
    if not slo.by:
        return f"query `{expr}`"
    values = " ".join(f"$labels.{label}" for label in slo.by)
    return f"printf `{expr}` {' '.join([values] * series)} | query"
