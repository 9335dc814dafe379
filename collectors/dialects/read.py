"""From the spans of a request to what they say in the catalogue's words, whatever the dialect.

Whole columns are read; the only spans that are decoded are those that failed and keep the
reason in an event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.dialects.atoms import Atoms, Mask
from collectors.dialects.columns import Builder, Column, Sources, Spoken
from collectors.dialects.model import OPERATION, TOKENS, Dialect, Dialects, Kind, dialects
from collectors.dialects.words import meant
from collectors.wire.kernel import Longs
from collectors.wire.scan import Scan
from collectors.wire.spans import (
    ERROR,
    resource_attributes,
    resource_rows,
    span_attributes,
    statuses,
)
from collectors.wire.values import as_text

Small: TypeAlias = NDArray[np.int16]

KINDS: Final = tuple(Kind)
"""Kinds by number."""

FIELDS: Final = tuple(sorted(dialects().dialects[0].fields))
"""Everything that can be asked for."""

_AGENT, _PROVIDER, _MODEL, _ERROR = (
    "gen_ai.agent.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "error.type",
)
NORMALISED: Final = "normalised"
"""The dialect of spans that `agent_normalizer` has edited."""

_DIALECT: Final = "mas.dialect"
_STATUS: Final = "status"
_SERVICE: Final = "service.name"
_UNKNOWN_SERVICE: Final = "unknown_service"
_OTHER_ERROR: Final = "_OTHER"
_FIRST_BAD_STATUS: Final = 400
_OF_KIND: Final = {
    Kind.AGENT: "invoke_agent",
    Kind.TOOL: "execute_tool",
    Kind.WORKFLOW: "invoke_workflow",
}
_OF_MODELS: Final = ("chat", "text_completion", "generate_content", "embeddings")


def number_of(kind: Kind) -> int:
    """The number that stands for `kind` in `Reading.kinds`."""
    return KINDS.index(kind)


@dataclass(frozen=True, slots=True)
class Reading:
    """The spans of a request that some dialect recognises, one row each.

    Attributes:
        rows: Their rows in `entries` of the request.
        dialects: Number of the dialect in `Dialects.dialects`.
        kinds: Number of the kind, see `number_of`.
        unmapped: Spans of a dialect of which no rule says what they are; they are steps.
        fields: What was asked for. `gen_ai.operation.name` is the canonical one, `error.type`
            the class of the error, on spans that failed only.
        tokens: By `TOKENS`: whole tokens, cost in billionths of a US dollar.
        has_tokens: Spans whose own usage this is.
        sums: Spans whose usage adds up what is below; their `tokens` are 0.
        failed: Spans that failed.
    """

    rows: Longs
    dialects: Small
    kinds: Small
    unmapped: Mask
    fields: Mapping[str, Column]
    tokens: Mapping[str, Longs]
    has_tokens: Mask
    sums: Mask
    failed: Mask

    def only(self, wanted: Mask) -> Reading:
        """These spans alone."""
        return Reading(
            rows=self.rows[wanted],
            dialects=self.dialects[wanted],
            kinds=self.kinds[wanted],
            unmapped=self.unmapped[wanted],
            fields={name: Column(of.codes[wanted], of.values) for name, of in self.fields.items()},
            tokens={name: of[wanted] for name, of in self.tokens.items()},
            has_tokens=self.has_tokens[wanted],
            sums=self.sums[wanted],
            failed=self.failed[wanted],
        )


class Reader:
    """Understands the dialects; keeps nothing between two requests."""

    def __init__(self, fields: Sequence[str] = FIELDS, known: Dialects | None = None) -> None:
        """Read `fields`, and tokens.

        Args:
            fields: Some of `FIELDS`.
            known: The dialects; None for those that are built in.
        """
        self._known = known or dialects()
        needed = {*fields, OPERATION, _ERROR, _STATUS, _AGENT, _PROVIDER, _MODEL}
        self._fields = tuple(sorted(needed))
        self._signs = [sign for dialect in self.known for sign in dialect.recognise]

    @property
    def known(self) -> tuple[Dialect, ...]:
        """The dialects, by their numbers."""
        return self._known.dialects

    def read(self, scanned: Scan) -> Reading | None:
        """What the spans of `scanned` say; None where no dialect recognises any."""
        numbers = self._recognise(scanned)
        rows = np.flatnonzero(numbers >= 0)
        if not len(rows):
            return None
        numbers = numbers[rows]
        masks = [(self.known[number], numbers == number) for number in np.unique(numbers).tolist()]
        spoken = Spoken(replace(scanned, entries=scanned.entries[rows]), masks)
        return self._told(spoken, rows, numbers)

    def spoken(self, scanned: Scan, reading: Reading) -> Small:
        """The dialect of each span of `reading`, as it was before `agent_normalizer` edited it.

        Where an edited span names a dialect that is not known here, it is `NORMALISED`.
        """
        numbers = {dialect.name: number for number, dialect in enumerate(self.known)}
        edited = reading.dialects == numbers.get(NORMALISED, -1)
        if not edited.any():
            return reading.dialects
        told = span_attributes(scanned, (_DIALECT,))[_DIALECT]
        named = [numbers.get(as_text(value), -1) for value in told.values]
        found: Small = np.array([*named, -1], np.int16)[told.codes[reading.rows]]
        return np.where(edited & (found >= 0), found, reading.dialects)

    def _recognise(self, scanned: Scan) -> Small:
        """The number of each span's dialect, -1 where it has none."""
        atoms = Atoms(scanned, self._signs)
        numbers: Small = np.full(len(scanned.entries), -1, np.int16)
        for number, dialect in enumerate(self.known):
            numbers[atoms.any_of(dialect.recognise) & (numbers < 0)] = number
        return numbers

    def _told(self, spoken: Spoken, rows: Longs, numbers: Small) -> Reading:
        sources = Sources(spoken, self._fields, self._known.aliases)
        built = {name: sources.field(name) for name in self._fields}
        kinds, unmapped, failed = _classified(spoken, built[OPERATION])
        _name_by_service(spoken, kinds == number_of(Kind.AGENT), built[_AGENT])
        _part_models(built[_MODEL], built[_PROVIDER], self._known.aliases)
        failed |= _is_bad_attempt(kinds, built[_STATUS])
        self._explain(spoken, failed, built)
        amounts = {name: sources.amounts(name) for name in TOKENS}
        said = amounts["input"][1] | amounts["output"][1] | amounts["cost"][1]
        is_own = (kinds == number_of(Kind.LLM)) | (
            (kinds == number_of(Kind.AGENT)) & ~_add_up(spoken)
        )
        return Reading(
            rows=rows,
            dialects=numbers,
            kinds=kinds,
            unmapped=unmapped,
            fields={name: of.column() for name, of in built.items()},
            tokens={name: np.where(is_own, of, 0) for name, (of, _) in amounts.items()},
            has_tokens=said & is_own,
            sums=said & ~is_own,
            failed=failed,
        )

    def _explain(self, spoken: Spoken, failed: Mask, built: Mapping[str, Builder]) -> None:
        """Give each failed span a class of error, and no other span one."""
        errors, status = built[_ERROR], built[_STATUS].column()
        errors.codes = np.where(failed, errors.codes, -1)
        for row in np.flatnonzero(failed & (errors.codes < 0)).tolist():
            _, start, end, _ = spoken.scanned.entries[row].tolist()
            reason = _exception(spoken.scanned.payload[start:end]) or status.at(row)
            said = meant(_ERROR, reason, self._known.aliases) if reason else _OTHER_ERROR
            errors.codes[row] = errors.number(said or _OTHER_ERROR)


def _classified(spoken: Spoken, operations: Builder) -> tuple[Small, Mask, Mask]:
    """The kind of each span, which have none, and which failed; makes operations canonical."""
    rules = [rule for dialect, _ in spoken.masks for rule in dialect.rules]
    signs = [dialect.failed for dialect, _ in spoken.masks if dialect.failed is not None]
    atoms = Atoms(spoken.scanned, [*(rule.when for rule in rules), *signs])
    kinds: Small = np.full(len(spoken), -1, np.int16)
    failed: Mask = statuses(spoken.scanned) == ERROR
    known = [operations.number(name) for name in _OF_MODELS]
    spoken_well = np.isin(operations.codes, known)
    canonical: Longs = np.full(len(spoken), -1, np.int64)
    for dialect, mask in spoken.masks:
        for rule in dialect.rules:
            still = mask & (kinds < 0)
            if not still.any():
                break
            hit = still & atoms.all_of(rule.when)
            kinds[hit] = number_of(rule.kind)
            operation = rule.operation or _OF_KIND.get(rule.kind, "")
            if rule.kind is Kind.LLM:
                keeps = hit & spoken_well
                canonical[keeps] = operations.codes[keeps]
                hit &= ~keeps
                operation = operation or _OF_MODELS[0]
            canonical[hit] = operations.number(operation)
        if dialect.failed is not None:
            failed |= mask & atoms.all_of(dialect.failed)
    operations.codes = canonical
    unmapped: Mask = kinds < 0
    kinds[unmapped] = number_of(Kind.STEP)
    return kinds, unmapped, failed


def _add_up(spoken: Spoken) -> Mask:
    """The spans of dialects in which an agent's tokens are the sum of those below."""
    found: Mask = np.zeros(len(spoken), np.bool_)
    for dialect, mask in spoken.masks:
        if dialect.is_sum:
            found |= mask
    return found


def _name_by_service(spoken: Spoken, agents: Mask, names: Builder) -> None:
    """An agent that does not say its name has that of its service."""
    unnamed = agents & (names.codes < 0)
    if not unnamed.any():
        return
    services = resource_attributes(spoken.scanned, (_SERVICE,))[_SERVICE]

    def read(value: bytes) -> str:
        text = as_text(value)
        return "" if text.startswith(_UNKNOWN_SERVICE) else meant(_AGENT, text, {})

    rows = resource_rows(spoken.scanned)
    names.fill(unnamed, replace(services, codes=services.codes[rows]), read)


def _part_models(
    models: Builder, providers: Builder, aliases: Mapping[str, Mapping[str, str]]
) -> None:
    """A model that is called ``openai/gpt-5`` is `gpt-5` of `openai`."""
    known = aliases.get(_PROVIDER, {})
    genuine = {name for name in known.values() if name}
    for number, text in enumerate(models.column().values):
        provider, slash, model = text.partition("/")
        provider = known.get(provider.lower(), provider.lower())
        if slash and model and provider in genuine:
            here = models.codes == number
            models.put(here, model)
            providers.put(here & (providers.codes < 0), provider)


def _is_bad_attempt(kinds: Small, status: Builder) -> Mask:
    """Requests that were answered with an error, whatever the status of their span."""
    column = status.column()
    is_bad = [
        text.isascii() and text.isdigit() and int(text[:4]) >= _FIRST_BAD_STATUS
        for text in column.values
    ]
    bad: Mask = np.array([*is_bad, False], np.bool_)[column.codes]
    bad &= kinds == number_of(Kind.ATTEMPT)
    return bad


def _exception(body: bytes) -> str:
    """The type of the last exception that a span recorded; empty where there is none."""
    for event in reversed(Span.FromString(body).events):
        for item in event.attributes:
            if item.key == "exception.type":
                return item.value.string_value
    return ""
