"""Values as the catalogue has them: classes of errors, names without ids, numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collectors.wire.values import as_text

OTHER: Final = "_other"
"""What a name is called that is too long to be one, or one too many."""

LONGEST_NAME: Final = 64
"""Characters; what is longer is a sentence, a prompt or a task."""

NANO: Final = 1_000_000_000
"""Costs are counted in billionths of a US dollar, so that sums are exact."""

MOST: Final = 2**53
"""Counts above this are nobody's, and would not be exact either."""

_LONGEST_JSON: Final = 64 * 1024
_ID: Final = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # a UUID
    r"|(?<![0-9A-Za-z])(?=[a-fA-F]*[0-9])[0-9a-fA-F]{16,}(?![0-9A-Za-z])"  # a hash, a trace id
)
_EDGES: Final = " \t\r\n-_.:/#|"
_SESSION: Final = re.compile(r"\.?\([^()]*\)(?:-[AT])?$")  # AutoGen: type.(key)-A

OPEN: Final = frozenset(
    {
        "gen_ai.agent.name",
        "gen_ai.tool.name",
        "gen_ai.request.model",
        "mas.source.agent",
        "mas.target.agent",
        "mas.policy.name",
        "messaging.destination.name",
        "messaging.system",
        "mas.agent.role",
    }
)
"""Fields whose values are names that somebody chose."""


def meant(field: str, text: str, aliases: Mapping[str, Mapping[str, str]]) -> str:
    """What `text` means in `field`; empty where it says nothing.

    Ids are taken out of names, a name of more than `LONGEST_NAME` characters is `OTHER`,
    and what has an alias gets it.
    """
    if field in OPEN:
        return _name(field, text)
    known = aliases.get(field)
    if known is None:
        return text
    lower = text.strip().lower()
    if lower in known:
        return known[lower]
    for pattern, value in known.items():
        if ("*" in pattern or "?" in pattern) and fnmatchcase(lower, pattern.replace("[", "[[]")):
            return value
    return _name(field, lower) if field == "gen_ai.provider.name" else text


def _name(field: str, text: str) -> str:
    """`text` without ids; read again it is the same."""
    if text == OTHER:
        return text
    while (left := _without_ids(field, text)) != text:
        text = left
    return OTHER if len(text) > LONGEST_NAME else text


def _without_ids(field: str, text: str) -> str:
    if field == "messaging.destination.name":
        text = _SESSION.sub("", text)
    return _ID.sub("", text).strip(_EDGES)


def count(value: bytes, member: str = "") -> int:
    """A serialized number of tokens; what is no number, or no sensible one, is 0."""
    return _whole(_number(value, member))


def cost(value: bytes, member: str = "") -> int:
    """A serialized number of US dollars in billionths; what is no sensible one is 0."""
    return _whole(_number(value, member) * NANO)


def _whole(number: float) -> int:
    return round(number) if 0 < number < MOST else 0


def _number(value: bytes, member: str) -> float:
    parsed = AnyValue.FromString(value)
    match parsed.WhichOneof("value"):
        case "int_value":
            return parsed.int_value
        case "double_value":
            return parsed.double_value
        case "string_value" if member:
            return _member(parsed.string_value, member)
        case _:
            return _float(as_text(value))


def _float(text: str) -> float:
    try:
        return float(text[:32])
    except ValueError:
        return 0.0


def _member(text: str, member: str) -> float:
    """A member of a JSON object; with ``*`` at its end the sum of all that begin so."""
    if len(text) > _LONGEST_JSON:
        return 0.0
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return 0.0
    if not isinstance(members, dict):
        return 0.0
    if not member.endswith("*"):
        return _plain(members.get(member))
    return sum(_plain(value) for key, value in members.items() if key.startswith(member[:-1]))


def _plain(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if abs(value) < MOST else 0.0
