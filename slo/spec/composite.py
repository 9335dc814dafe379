"""`sli.composite`: one SLO over the recorded events of others, or over all budgets of one.

It reads what the members record, never their raw series: what a member leaves out of its
budget is left out here, and a fleet of agents costs a few samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from slo import names
from slo.exact import Duration, decimal
from slo.model import Sli, SliKind, Slo
from slo.promql import MAX_OPERATORS, canonical
from slo.source import Mapping, Node, Scalar
from slo.source import Sequence as Items
from slo.spec.fields import Fields
from slo.spec.problems import Problems

METHODS: Final = ("weighted", "all", "minimum")


@dataclass(frozen=True, slots=True)
class Part:
    """A member as the file names it.

    Attributes:
        named: Where its id or its name stands.
        weight: What one of its events is worth; None where the file does not say.
    """

    named: Scalar
    weight: Fraction | None


@dataclass(frozen=True, slots=True)
class _Member:
    slo: Slo
    weight: Fraction


def parts(composite: Fields) -> tuple[Part, ...]:
    """The members that `sli.composite` names, in order."""
    node = composite.mapping.get("of")
    items = node.items if isinstance(node, Items) else ()
    found = (_part(item) for item in items)
    return tuple(part for part in found if part is not None)


def _part(item: Node) -> Part | None:
    if isinstance(item, Scalar):
        return Part(item, None)
    fields = Fields.of(item, item.span)
    named = fields.scalar("slo")
    return None if named is None else Part(named, fields.number("weight"))


def composite(
    fields: Fields,
    by: Sequence[str],
    step: Duration,
    member: Callable[[Scalar], Slo | None],
    problems: Problems,
) -> Sli | None:
    """The SLI of `sli.composite`; None after its problems were reported.

    Args:
        fields: Its keys.
        by: The labels of its budgets; every member must have them.
        step: The interval of the fast rules: how often `all` and `minimum` look.
        member: Resolves a name; None after the problem was reported.
        problems: Where they are reported.
    """
    before = problems.errors
    method = fields.text("method", "weighted")
    named = parts(fields)
    if isinstance(fields.mapping.get("of"), Items) and not named:
        problems.error("SLO018", "of names no SLO", fields.place("of"))
    texts = [part.named.text for part in named]
    for part in named:
        # Plain names that stand twice are told by the check of lists.
        if part.weight is not None and texts.count(part.named.text) > 1:
            text = f"{part.named.text} stands twice in of"
            problems.error("SLO018", text, part.named.span, "name it once, with one weight")
    found = [(part, member(part.named)) for part in named]
    for part, slo in found:
        if part.weight is not None and method != "weighted":
            text = f"weight has no meaning with method {method}"
            problems.error("SLO018", text, part.named.span, "leave it out")
        if slo is not None:
            _covers(slo, by, part, problems)
    if len({part.weight for part in named}) > MAX_OPERATORS:
        text = f"of may have {MAX_OPERATORS} different weights"
        problems.error("SLO018", text, fields.place("of"), "round them")
    members = [_Member(slo, part.weight or Fraction(1)) for part, slo in found if slo is not None]
    if problems.errors > before or not members or len(members) < len(named):
        return None
    clause = f" by ({', '.join(sorted(by))}) " if by else ""
    if method == "weighted":
        errors, total = (
            f"sum{clause}({_weighted(series, members)})"
            for series in (f"{names.SLI_ERRORS}:rate5m", f"{names.SLI_TOTAL}:rate5m")
        )
    else:
        ratio, seconds = names.error_ratio("5m"), decimal(step.total_seconds)
        worst = _spent(ratio, members) if method == "all" else _select(ratio, members)
        errors = f"max{clause}({worst}) / {seconds}"
        # Idle members have no ratio; that they are there is told by their events.
        idle = f"0 * group{clause}({_select(f'{names.SLI_TOTAL}:rate5m', members)})"
        total = f"(group{clause}({_select(ratio, members)}) or {idle}) / {seconds}"
    return Sli(SliKind.COMPOSITE, canonical(errors), canonical(total))


def _covers(slo: Slo, by: Sequence[str], part: Part, problems: Problems) -> None:
    missing = sorted(set(by) - set(slo.by))
    if missing:
        text = f"{slo.slo_id} has no budgets by {', '.join(missing)}, which by names"
        hint = "add the label to its by, or leave it out here"
        problems.error("SLO053", text, part.named.span, hint)


def _weighted(series: str, members: Sequence[_Member]) -> str:
    """The events of all members, each worth its weight; a member without any is not missed."""
    if all(member.weight == 1 for member in members):
        return _select(series, members)
    alike = _alike(members, lambda member: decimal(member.weight))
    return " or ".join(f"{weight} * {_select(series, those)}" for weight, those in alike.items())


def _spent(ratio: str, members: Sequence[_Member]) -> str:
    """1 for each member that burns more than its own budget at the moment, else 0."""
    alike = _alike(members, lambda member: member.slo.objective.budget.promql())
    return " or ".join(
        f"({_select(ratio, those)} > bool {budget})" for budget, those in alike.items()
    )


def _alike(
    members: Sequence[_Member], number: Callable[[_Member], str]
) -> dict[str, list[_Member]]:
    """Those of one number are selected at once: a tree as deep as there are numbers."""
    found: dict[str, list[_Member]] = {}
    for member in members:
        found.setdefault(number(member), []).append(member)
    return found


def _select(series: str, members: Sequence[_Member]) -> str:
    ids = sorted({member.slo.slo_id for member in members})
    operator = "=" if len(ids) == 1 else "=~"
    return f'{series}{{slo_id{operator}"{"|".join(ids)}"}}'


def is_composite(spec: Fields) -> bool:
    """Whether the SLO whose spec this is reads others."""
    return isinstance(spec.child("sli").mapping.get("composite"), Mapping)
