"""`agent_normalizer`: gives spans of agents the attributes of one dialect, whatever theirs is.

What a span says is kept, and what it means is added: `gen_ai.*` as OpenTelemetry has it today,
and `mas.*`. What stands under such a key and means something else in the span's dialect, or
nothing, is moved aside, under ``mas.original.``: an operation of a span that only wraps others, an
error's class where the catalogue has a word for it. Tokens on a span that is no operation on a
model become `gen_ai.aggregated_usage.*`. Spans of no dialect are copied as they stand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from pydantic import Field

from collectors.component import Batch, Config, Emit, ProcessorFactory, Settings, Signal
from collectors.counting import combined
from collectors.dialects import FIELDS, KINDS, DialectName, Kind, Reader, Reading, number_of
from collectors.dialects.words import NANO
from collectors.net.slices import delimited, slices
from collectors.stateless import Stateless
from collectors.wire.keep import keep
from collectors.wire.scan import Scan, attribute_spots, locate

_ATTRIBUTES: Final = 9  # Span.attributes
_KEY_TAG: Final = 0x0A  # KeyValue.key
_SHORT: Final = 0x80  # from here on a length takes two bytes
_UNMAPPED: Final = "unmapped"  # no kind, so that whoever reads the span counts it as such
_ORIGINAL: Final = "mas.original."
_USAGE: Final = b"gen_ai.usage."
_AGGREGATED: Final = "gen_ai.aggregated_usage."
_WRITTEN: Final = tuple(name for name in FIELDS if name != "status")
_OF_MODELS: Final = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}
_OF_AGENTS: Final = {"input": "mas.usage.input_tokens", "output": "mas.usage.output_tokens"}
_COST_OF_MODELS, _COST_OF_AGENTS = "mas.llm.cost", "mas.usage.cost"
_DIALECT, _VERSION, _KIND = "mas.dialect", "mas.dialect.version", "mas.span.kind"
_MEANT: Final = (
    *_WRITTEN,
    *_OF_MODELS.values(),
    *_OF_AGENTS.values(),
    _COST_OF_MODELS,
    _COST_OF_AGENTS,
    _DIALECT,
    _VERSION,
    _KIND,
)
_MEANT_KEYS: Final = tuple(key.encode() for key in _MEANT)
_LLM: Final = number_of(Kind.LLM)
_LEFT_ALONE: Final = frozenset({"normalised", "http"})

Puts = Mapping[bytes, bytes]
"""By key the attribute of a span as a field."""


class AgentNormalizerConfig(Config):
    """Configuration of `agent_normalizer`.

    Attributes:
        exclude_dialects: Dialects whose spans stay as they are.
    """

    exclude_dialects: list[DialectName] = Field(default_factory=list[str])


class AgentNormalizer(Stateless):
    """Edits the spans that some dialect recognises."""

    def __init__(self, config: AgentNormalizerConfig, settings: Settings) -> None:
        del settings
        self._reader = Reader()
        left = _LEFT_ALONE | set(config.exclude_dialects)
        self._meant = np.array(
            [not of.measures_itself and of.name not in left for of in self._reader.known]
        )

    def step(self, batch: Batch, out: Emit) -> None:
        """Put `batch` out with its spans of agents edited; spans and their order stay."""
        scanned = locate(Signal.TRACES, batch.payload, batch.items)
        reading = self._reader.read(scanned)
        if reading is not None:
            reading = reading.only(self._meant[reading.dialects])
        if reading is None or not len(reading.rows):
            out(batch)
            return
        edited: dict[int, bytes] = {}
        words, of_row = self._words(reading)
        has_sums = (reading.sums | reading.has_tokens) & (reading.kinds != _LLM)
        bodies = scanned.entries[reading.rows, 1:3].tolist()
        for place, row, (start, end), under, moves_usage in zip(
            range(len(bodies)), reading.rows.tolist(), bodies, _present(scanned, reading),
            has_sums.tolist(), strict=True,
        ):  # fmt: skip
            puts = words[of_row[place]] | _amounts(reading, place)
            body = batch.payload[start:end]
            edited[row] = _edited(body, puts, under, moves_usage=moves_usage)
        payload = keep(scanned, np.ones(len(scanned.entries), np.bool_), edited)
        out(dataclasses.replace(batch, payload=payload))

    def _words(self, reading: Reading) -> tuple[list[dict[bytes, bytes]], list[int]]:
        """What each span says in words: the same for many, so made once for all of these."""
        columns = [reading.fields[name].codes for name in _WRITTEN]
        kinds = np.where(reading.unmapped, len(KINDS), reading.kinds)
        parts = [reading.dialects.astype(np.int64), kinds.astype(np.int64), *columns]
        _, first, of_row = np.unique(combined(parts), return_index=True, return_inverse=True)
        return [self._of(reading, row) for row in first.tolist()], of_row.tolist()

    def _of(self, reading: Reading, row: int) -> dict[bytes, bytes]:
        dialect = self._reader.known[int(reading.dialects[row])]
        of_kind = KINDS[int(reading.kinds[row])]
        said = {
            _DIALECT: dialect.name,
            _VERSION: dialect.version,
            _KIND: _UNMAPPED if reading.unmapped[row] else of_kind.value,
        }
        said |= {name: reading.fields[name].at(row) for name in _WRITTEN}
        return {
            key.encode(): _field(key, AnyValue(string_value=text))
            for key, text in said.items()
            if text
        }


def _present(scanned: Scan, reading: Reading) -> list[list[bytes]]:
    """Which keys that mean something each span has attributes under."""
    fields = np.full(len(reading.rows), _ATTRIBUTES, np.int16)
    spots = attribute_spots(scanned, scanned.entries[reading.rows], fields, _MEANT)
    found = list[list[bytes]]([] for _ in reading.rows)
    for key, row in np.argwhere(spots[:, :, 0] >= 0).tolist():
        found[row].append(_MEANT_KEYS[key])
    return found


def _amounts(reading: Reading, row: int) -> dict[bytes, bytes]:
    """The tokens and the cost of one span."""
    if not reading.has_tokens[row]:
        return {}
    is_model = int(reading.kinds[row]) == _LLM
    found: dict[bytes, bytes] = {}
    for name, key in (_OF_MODELS if is_model else _OF_AGENTS).items():
        amount = int(reading.tokens[name][row])
        if amount:
            found[key.encode()] = _field(key, AnyValue(int_value=amount))
    spent = int(reading.tokens["cost"][row])
    if spent:
        key = _COST_OF_MODELS if is_model else _COST_OF_AGENTS
        found[key.encode()] = _field(key, AnyValue(double_value=spent / NANO))
    return found


def _edited(body: bytes, puts: Puts, under: list[bytes], *, moves_usage: bool) -> bytes:
    """A span with `puts` in place of what it has `under` keys that mean something."""
    said = {key for key in under if key in puts and puts[key] in body}
    moved = {key for key in under if key not in said}
    missing = [field for key, field in puts.items() if key not in said]
    if not moved and not (moves_usage and _USAGE in body):
        return b"".join((body, *missing))
    parts: list[bytes] = []
    for field in slices(body):
        key = _key(field.value) if field.number == _ATTRIBUTES and field.value is not None else b""
        if moves_usage and key.startswith(_USAGE):
            pair = KeyValue.FromString(field.value or b"")
            aside = key.decode().replace(_USAGE.decode(), _AGGREGATED, 1)
            parts.append(_field(aside, pair.value))
        elif key in moved:
            pair = KeyValue.FromString(field.value or b"")
            parts.append(_field(f"{_ORIGINAL}{pair.key}", pair.value))
        else:
            parts.append(field.whole)
    return b"".join((*parts, *missing))


def _key(pair: bytes) -> bytes:
    """The key of a serialized `KeyValue`, which is not decoded if it is as all write it."""
    if len(pair) > 1 and pair[0] == _KEY_TAG and pair[1] < _SHORT:
        return pair[2 : 2 + pair[1]]
    return KeyValue.FromString(pair).key.encode()


def _field(key: str, value: AnyValue) -> bytes:
    return delimited(_ATTRIBUTES, KeyValue(key=key, value=value).SerializeToString())


FACTORY = ProcessorFactory(
    config=AgentNormalizerConfig,
    create=AgentNormalizer,
    signals=frozenset({Signal.TRACES}),
)
