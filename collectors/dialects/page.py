"""The dialects as a table for people, made from the data that the collector reads."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.dialects.model import SCOPE, Condition, Dialect, Dialects, Kind

_SUM, _ALONE = "add up what is below, never count", "count if nothing below has any"
_HEAD = (
    "dialect",
    "versions",
    "of",
    "recognised by",
    "an agent's own tokens",
    "metrics of its own",
)


def table(known: Dialects) -> str:
    """All dialects in Markdown, one row for each name, in the order in which they are asked."""
    rows = [_HEAD, tuple("---" for _ in _HEAD)]
    for name in known.names():
        versions = [dialect for dialect in known.dialects if dialect.name == name]
        rows.append(_row(name, versions))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def _row(name: str, versions: list[Dialect]) -> tuple[str, ...]:
    first = versions[0]
    signs = _least([_signs(of) for dialect in versions for of in dialect.recognise])
    usage = (
        "add up what is below, never count" if first.is_sum else "count if nothing below has any"
    )
    tells_agents = any(rule.kind is Kind.AGENT for rule in first.rules)
    measures = "all" if first.measures_itself else _codes(first.measures)
    return (
        f"`{name}`",
        ", ".join(dialect.version for dialect in versions),
        first.title,
        " or ".join(" and ".join(sign) for sign in signs),
        usage if tells_agents else "",
        measures,
    )


def _least(signs: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without those that ask for all that another asks for, and for more."""
    known = list(dict.fromkeys(signs))
    return [of for of in known if not any(set(other) < set(of) for other in known)]


def _signs(condition: Condition) -> tuple[str, ...]:
    """What a span must have; where many values would do, only the attribute."""
    parts: list[str] = []
    for key, matcher in condition.items():
        if matcher is False:
            continue
        if isinstance(matcher, tuple) and key == SCOPE:
            parts.append(f"scope `{matcher[0]}`")
        elif isinstance(matcher, tuple) and len(matcher) == 1:
            parts.append(f"`{key}` = `{matcher[0]}`")
        else:
            parts.append(f"`{key}`")
    return tuple(parts)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
