"""A backtest as a picture: error ratio over time against the budget, and the alerts below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from slo.backtest.run import Outcome, Spent
from slo.model import Severity

_WIDTH: Final = 960
_LEFT: Final = 110
_HEIGHT: Final = 120
_ROW: Final = 14
_FOOT: Final = 34
_COLOURS: Final = {Severity.PAGE: "#c4162a", Severity.TICKET: "#e0752d"}


def svg(outcomes: Sequence[Outcome]) -> str:
    """One picture below the other, as one SVG document."""
    parts: list[str] = []
    top = 0
    for outcome in outcomes:
        drawn, height = _panel(outcome, top)
        parts.extend(drawn)
        top += height
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{max(top, 1)}" '
        'font-family="sans-serif" font-size="11">'
    )
    return "\n".join((head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>\n"))


def _panel(outcome: Outcome, top: int) -> tuple[list[str], int]:
    slo = outcome.variant.slo
    tiers = sorted({_row(spent) for spent in outcome.alerts})
    height = 24 + _HEIGHT + _ROW * len(tiers) + _FOOT
    title = f"{slo.slo_id}: bad events, objective {slo.objective.percent()} %"
    drawn = [_text(4, top + 15, title)]
    if outcome.curve:
        drawn += _curve(outcome, top + 24)
        for number, tier in enumerate(tiers):
            y = top + 24 + _HEIGHT + 4 + number * _ROW
            drawn.append(_text(4, y + 10, tier))
            drawn += _bars(outcome, tier, y)
    else:
        drawn.append(_text(_LEFT, top + 60, "no events"))
    return drawn, height


def _curve(outcome: Outcome, top: int) -> Iterator[str]:
    budget = float(outcome.variant.slo.objective.budget.value)
    highest = max(*(ratio for _, ratio in outcome.curve), budget) * 1.05
    points = " ".join(
        f"{_x(outcome, time):.1f},{top + _HEIGHT * (1 - max(ratio, 0) / highest):.1f}"
        for time, ratio in outcome.curve
    )
    line = top + _HEIGHT * (1 - budget / highest)
    yield f'<polyline fill="none" stroke="#1f60c4" points="{points}"/>'
    yield (
        f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{line:.1f}" y2="{line:.1f}" '
        'stroke="#666" stroke-dasharray="4 3"/>'
    )
    yield _text(4, top + 10, f"{highest * 100:.3g} %")
    yield _text(4, top + _HEIGHT, "0 %")
    foot = top + _HEIGHT + _ROW * len({_row(spent) for spent in outcome.alerts}) + 22
    first, last = outcome.curve[0][0], outcome.curve[-1][0]
    yield _text(_LEFT, foot, _day(first))
    yield _text(_WIDTH - 110, foot, _day(last))


def _bars(outcome: Outcome, tier: str, y: int) -> Iterator[str]:
    for spent in outcome.alerts:
        if _row(spent) == tier:
            firing = spent.firing
            start = _x(outcome, firing.start)
            end = _x(outcome, outcome.curve[-1][0] if firing.end is None else firing.end)
            colour = _COLOURS[firing.rule.severity]
            yield (
                f'<rect x="{start:.1f}" y="{y}" width="{max(end - start, 1.5):.1f}" '
                f'height="{_ROW - 4}" fill="{colour}"/>'
            )


def _row(spent: Spent) -> str:
    tier = spent.firing.rule.tier
    return spent.firing.rule.name if tier is None else f"{tier.severity}: {tier.name}"


def _x(outcome: Outcome, time: float) -> float:
    first, last = outcome.curve[0][0], outcome.curve[-1][0]
    share = (time - first) / max(last - first, 1.0)
    return _LEFT + (_WIDTH - 10 - _LEFT) * min(max(share, 0.0), 1.0)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ")


def _text(x: int, y: int, words: str) -> str:
    return f'<text x="{x}" y="{y}">{escape(words)}</text>'
