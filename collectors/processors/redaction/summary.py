"""What was redacted, told beside what is left of it, as the OpenTelemetry Collector tells it."""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_PREFIXES: Final = ("redaction", "redaction.body")
_WITH_KEYS: Final = ("redacted", "masked", "allowed")
_MOST: Final = 2**63 - 1

OWN_KEYS: Final = frozenset(
    f"{prefix}.{what}.{of}"
    for prefix in _PREFIXES
    for what in (*_WITH_KEYS, "ignored")
    for of in ("keys", "count")
)
"""The attributes that a summary is made of."""

OWN_KEY: Final = r"redaction\.(?:body\.)?(?:redacted|masked|allowed|ignored)\.(?:keys|count)"
"""Finds every one of `OWN_KEYS`, and not much else."""


@dataclass(slots=True)
class Tally:
    """Keys by what became of them."""

    redacted: list[str] = field(default_factory=list[str])
    masked: list[str] = field(default_factory=list[str])
    allowed: list[str] = field(default_factory=list[str])
    ignored: list[str] = field(default_factory=list[str])


def summarize(
    attributes: MutableSequence[KeyValue], tally: Tally, prefix: str, summary: str
) -> None:
    """Append what `tally` says to `attributes`.

    A `summary` of ``debug`` tells keys and counts, ``info`` counts, another word nothing.
    """
    if summary not in {"debug", "info"}:
        return
    for what, keys in (
        ("redacted", tally.redacted),
        ("masked", tally.masked),
        ("allowed", tally.allowed),
        ("ignored", tally.ignored),
    ):
        if not keys:
            continue
        earlier = _taken(attributes, f"{prefix}.{what}.count")
        if summary == "debug" and what in _WITH_KEYS:
            known = _taken(attributes, f"{prefix}.{what}.keys").string_value
            names = sorted([*keys, *(known.split(",") if known else ())])
            value = AnyValue(string_value=",".join(names))
            attributes.append(KeyValue(key=f"{prefix}.{what}.keys", value=value))
        count = AnyValue(int_value=min(len(keys) + earlier.int_value, _MOST))
        attributes.append(KeyValue(key=f"{prefix}.{what}.count", value=count))


def _taken(attributes: MutableSequence[KeyValue], key: str) -> AnyValue:
    """The value of `key`, which is taken out; empty where there is none."""
    for index, pair in enumerate(attributes):
        if pair.key == key:
            value = AnyValue()
            value.CopyFrom(pair.value)
            del attributes[index]
            return value
    return AnyValue()
