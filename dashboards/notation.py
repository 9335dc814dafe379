"""How a dashboard is written down: minimal, sorted, the same bytes for the same input.

Grafana fills in what is absent, so what is absent means the default. Two nulls mean
something and stay: the base of a threshold list, and the open end of a range that is
mapped to a word. They stand for infinity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
Json: TypeAlias = dict[str, JsonValue]

_BOUNDED: Final[tuple[set[str], ...]] = ({"color", "value"}, {"from", "result", "to"})
"""Keys of objects whose nulls stand for infinity."""
_LARGEST_ID: Final = (1 << 31) - 1
"""Panel ids are signed 32-bit integers in Grafana's database."""


def pruned(value: JsonValue) -> JsonValue:
    """`value` without keys that hold None, except where that stands for infinity."""
    if isinstance(value, Mapping):
        keep_null = set(value) in _BOUNDED
        return {
            key: pruned(inner) for key, inner in value.items() if inner is not None or keep_null
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [pruned(inner) for inner in value]
    return value


def text(value: JsonValue) -> str:
    """`value` as sorted, indented JSON with a final newline."""
    return json.dumps(pruned(value), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def stable_id(view: str, key: str) -> int:
    """The id of a panel, 1 to 2^31 - 1, from what it is and not from where it stands.

    So links to a panel survive when another one is added above it.
    """
    digest = hashlib.sha256(f"{view}/{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _LARGEST_ID + 1


def plain(words: str) -> str:
    """People's `words` such that Grafana does not take a dollar in them for a variable.

    Titles and descriptions have no way to escape one; an invisible word joiner (U+2060)
    after it ends the match.
    """
    return words.replace("$", "$\u2060")


def shortened(words: str, limit: int) -> str:
    """`words` in at most `limit` characters, the cut marked by an ellipsis."""
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"
