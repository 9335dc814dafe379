"""Notes of decisions: what was decided about each trace, on what facts, for those who ask.

A note holds many traces: one line of JSON with what they have in common, then a row of 89
bytes for each. It is written once and read by whoever looks for a trace id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from collectors.sampling.index_kernel import Rows
from collectors.sampling.plan import MOST_TOLD, NOBODY, Decisions, Facts
from collectors.wire.kernel import Octets

MOST_TRACES: Final = 4096
"""Traces in one note, so that a note stays below 400 KiB."""

_ROW: Final = np.dtype(
    [
        ("id", "V16"),
        ("keep", "u1"),
        ("root", "u1"),
        ("policy", "i2"),
        ("spans", "i8"),
        ("size", "i8"),
        ("start", "u8"),
        ("end", "u8"),
        ("bits", "u8"),
        ("threshold", "u8"),
        ("said", "u8"),
        ("shadow", "u1"),
        ("by_shadow", "i2"),
    ]
)
VERSION: Final = 2
"""Of the notes that are written and read here."""

_NO_SHADOW, _SHADOW_DROPS, _SHADOW_KEEPS = range(3)


class Cause(StrEnum):
    """Why a trace was decided on when it was.

    WAITED: Its time was up.
    EARLY: What waits was too much for the disk, or too many traces.
    TOO_LARGE: It was longer than `maximum_trace_size_bytes`.
    BROUGHT_BACK: It was dropped, and then a span came that is kept by itself.
    SETTLED: Whatever spans come, the answer stays: with `span-ingest` it is given at once.
    """

    WAITED = "waited"
    EARLY = "early"
    TOO_LARGE = "too_large"
    BROUGHT_BACK = "brought_back"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a shadow decided about one trace, without consequence.

    Attributes:
        policy: The policy that decided; None where none wanted it.
    """

    is_kept: bool
    policy: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """What was decided about one trace.

    Attributes:
        sampler: Id of the component.
        steady_ns: When.
        policy: The policy that decided; None where none wanted it.
        leaves: What was true of one span at least, in words.
        threshold: 56 bits; 0 where it was certain, `UNKNOWN` where nobody can say.
        votes: What each policy said by itself, of one that drops whether it is to be
            dropped; None where it was not asked.
        drops: How many of them, the first ones, are policies that drop.
        shadow: None where there is none, or it was not asked.
    """

    sampler: str
    trace_id: bytes
    steady_ns: int
    cause: Cause
    is_kept: bool
    policy: str | None
    has_root: bool
    spans: int
    size_bytes: int
    start_ns: int
    end_ns: int
    leaves: tuple[str, ...]
    threshold: int
    votes: tuple[tuple[str, bool | None], ...]
    drops: int
    shadow: Shadowed | None


@dataclass(frozen=True, slots=True)
class Header:
    """What the traces of a note have in common.

    Attributes:
        drops: How many of the policies, the first ones, drop.
        stops: Policies after the first that wants a trace are not asked.
        shadow: The policies of the shadow.
    """

    sampler: str
    steady_ns: int
    cause: Cause
    policies: Sequence[str]
    leaves: Sequence[str]
    drops: int = 0
    stops: bool = False
    shadow: Sequence[str] = ()


def encode(
    header: Header, facts: Facts, decisions: Decisions, shadow: Decisions | None = None
) -> Iterator[bytes]:
    """Notes of decisions, as few as there can be."""
    rows = np.zeros(len(facts), _ROW)
    rows["id"] = np.ascontiguousarray(facts.ids).view("V16").ravel()
    rows["keep"], rows["root"] = decisions.keep, facts.has_root
    rows["policy"] = decisions.policies
    rows["spans"], rows["size"] = facts.spans, facts.sizes
    rows["start"], rows["end"] = facts.starts_ns, facts.ends_ns
    rows["bits"] = facts.bits
    rows["threshold"] = np.where(decisions.keep, decisions.thresholds, np.uint64(0))
    rows["said"] = decisions.said
    if shadow is not None:
        rows["shadow"] = np.where(shadow.keep, _SHADOW_KEEPS, _SHADOW_DROPS)
        rows["by_shadow"] = shadow.policies
    words = {
        "v": VERSION,
        "sampler": header.sampler,
        "steady_ns": header.steady_ns,
        "cause": header.cause,
        "policies": list(header.policies),
        "leaves": list(header.leaves),
        "drops": header.drops,
        "stops": header.stops,
        "shadow": list(header.shadow),
    }
    line = json.dumps(words, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    for at in range(0, len(rows), MOST_TRACES):
        yield line + rows[at : at + MOST_TRACES].tobytes()


def decode(note: bytes, trace_id: bytes | None = None) -> Iterator[Note]:
    """What a note says, of one trace or of all.

    Raises:
        ValueError: It is no note, or one of another version.
    """
    words, rows = _opened(note)
    if trace_id is not None:
        rows = rows[(_ids(rows) == np.frombuffer(trace_id, np.uint8)).all(axis=1)]
    for row in rows:
        yield _note(words, row)


def ids_of(note: bytes) -> Octets:
    """Shape (traces, 16): whom a note is about; raises ValueError like `decode`."""
    return _ids(_opened(note)[1])


def version_of(note: bytes) -> int | None:
    """The version that a note says it is of; None where it is no note of tail sampling."""
    try:
        words: object = json.loads(note.partition(b"\n")[0])
    except ValueError:
        return None
    version = words.get("v") if isinstance(words, dict) and "sampler" in words else None
    return version if isinstance(version, int) else None


def _opened(note: bytes) -> tuple[dict[str, object], Rows]:
    line, _, body = note.partition(b"\n")
    words: object = json.loads(line)
    if not isinstance(words, dict) or words.get("v") != VERSION or len(body) % _ROW.itemsize:
        msg = f"a note of version {VERSION} is wanted, got {line[:40]!r}"
        raise ValueError(msg)
    return words, np.frombuffer(body, _ROW)


def _ids(rows: Rows) -> Octets:
    return np.ascontiguousarray(rows["id"]).view(np.uint8).reshape(-1, 16)


def _note(words: dict[str, object], row: Rows) -> Note:
    policies, leaves = _texts(words["policies"]), _texts(words["leaves"])
    policy, bits = int(row["policy"]), int(row["bits"])
    drops = int(str(words["drops"]))
    return Note(
        sampler=str(words["sampler"]),
        trace_id=bytes(row["id"]),
        steady_ns=int(str(words["steady_ns"])),
        cause=Cause(str(words["cause"])),
        is_kept=bool(row["keep"]),
        policy=_name(policies, policy),
        has_root=bool(row["root"]),
        spans=int(row["spans"]),
        size_bytes=int(row["size"]),
        start_ns=int(row["start"]),
        end_ns=int(row["end"]),
        leaves=tuple(leaf for number, leaf in enumerate(leaves) if bits >> number & 1),
        threshold=int(row["threshold"]),
        votes=tuple(zip(policies, _votes(words, row, len(policies), drops), strict=True)),
        drops=drops,
        shadow=_shadow(words, row),
    )


def _votes(words: dict[str, object], row: Rows, count: int, drops: int) -> Iterator[bool | None]:
    """What each policy said; None of one that was not asked."""
    said, policy = int(row["said"]), int(row["policy"])
    cause, is_kept = words["cause"], bool(row["keep"])
    last = count
    if policy != NOBODY and ((policy < drops and not is_kept) or (words["stops"] and is_kept)):
        last = policy + 1
    for place in range(count):
        is_asked = place < min(last, MOST_TOLD) and cause != Cause.TOO_LARGE
        if cause == Cause.BROUGHT_BACK:
            is_asked = place == policy
        yield bool(said >> place & 1) if is_asked else None


def _shadow(words: dict[str, object], row: Rows) -> Shadowed | None:
    if row["shadow"] == _NO_SHADOW:
        return None
    policy = _name(_texts(words["shadow"]), int(row["by_shadow"]))
    return Shadowed(bool(row["shadow"] == _SHADOW_KEEPS), policy)


def _name(policies: Sequence[str], policy: int) -> str | None:
    return None if policy == NOBODY else policies[policy]


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
