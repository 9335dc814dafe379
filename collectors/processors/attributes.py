"""`attributes`: edits the attributes of spans, log records and data points.

An item that no edit is about is copied as it stands, and of the others only attributes are
looked into.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Final

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from pydantic import Field

from collectors.actions import ActionConfig, Actions, Attributes, removed
from collectors.component import (
    Batch,
    Config,
    Context,
    Emit,
    ProcessorFactory,
    Settings,
    Signal,
    StartError,
)
from collectors.matching import MatchConfig, Selection, StrangeProperty
from collectors.net.slices import delimited, slices
from collectors.stateless import Stateless
from collectors.wire.keep import keep
from collectors.wire.scan import locate

_OF_ITEMS: Final = {Signal.TRACES: 9, Signal.LOGS: 6}
"""Span.attributes, LogRecord.attributes."""

_OF_POINTS: Final = {5: 7, 7: 7, 9: 9, 10: 1, 11: 7}
"""By field of `Metric`: the attributes field of its data points."""

_DATA_POINTS: Final = 1


class AttributesConfig(Config):
    """Configuration of `attributes`.

    Attributes:
        actions: Edits, applied in order.
        include: Only items that match are edited.
        exclude: Items that match are not.
    """

    actions: Annotated[list[ActionConfig], Field(min_length=1)]
    include: MatchConfig | None = None
    exclude: MatchConfig | None = None

    def removed_keys(self) -> Sequence[str]:
        """See `RemovesKeys`; where only some items are edited, others keep theirs."""
        return () if self.include or self.exclude else removed(self.actions)


class AttributesProcessor(Stateless):
    """Rewrites the attributes of each item."""

    def __init__(self, config: AttributesConfig, signals: Sequence[Signal] = tuple(Signal)) -> None:
        """Take `config` for pipelines of `signals`.

        Raises:
            StrangeProperty: It asks for what their items do not have.
        """
        self._actions = Actions(config.actions)
        self._needles = self._actions.needles()
        self._meant = {
            signal: Selection(config.include, config.exclude, signal) for signal in signals
        }

    def step(self, batch: Batch, out: Emit) -> None:
        """Put `batch` out with its attributes edited; items and their order stay."""
        if not self._concerns(batch.payload):
            out(batch)
            return
        scanned = locate(batch.signal, batch.payload, batch.items)
        edited: dict[int, bytes] = {}
        rows = np.flatnonzero(self._meant[batch.signal](scanned)).tolist()
        for row, (_, start, end, _) in zip(rows, scanned.entries[rows].tolist(), strict=True):
            body = batch.payload[start:end]
            if self._concerns(body):
                changed = self._edited(batch.signal, body, batch.context)
                if changed != body:
                    edited[row] = changed
        payload = keep(scanned, np.ones(len(scanned.entries), np.bool_), edited)
        out(dataclasses.replace(batch, payload=payload))

    def _concerns(self, data: bytes) -> bool:
        """Whether some edit may be about what is in `data`."""
        return self._needles is None or any(needle in data for needle in self._needles)

    def _edited(self, signal: Signal, body: bytes, context: Context) -> bytes:
        if signal is not Signal.METRICS:
            return self._item(body, _OF_ITEMS[signal], context)
        return b"".join(
            delimited(field.number, self._points(field.value, _OF_POINTS[field.number], context))
            if field.number in _OF_POINTS and field.value is not None
            else field.whole
            for field in slices(body)
        )

    def _points(self, data: bytes, of_attributes: int, context: Context) -> bytes:
        """`Gauge`, `Sum` and their like with the attributes of their data points edited."""
        return b"".join(
            delimited(_DATA_POINTS, self._item(field.value, of_attributes, context))
            if field.number == _DATA_POINTS and field.value is not None
            else field.whole
            for field in slices(data)
        )

    def _item(self, body: bytes, of_attributes: int, context: Context) -> bytes:
        attributes: Attributes = {}
        before, after = bytearray(), bytearray()  # a field may be two bytes: no object for each
        for field in slices(body):
            if field.number == of_attributes and field.value is not None:
                attributes.setdefault(KeyValue.FromString(field.value).key, field.value)
            else:
                (after if attributes else before).extend(field.whole)
        self._actions.apply(attributes, context)
        pairs = (delimited(of_attributes, pair) for pair in attributes.values())
        return b"".join((before, *pairs, after))


def _create(config: AttributesConfig, settings: Settings) -> AttributesProcessor:
    try:
        return AttributesProcessor(config, settings.signals)
    except StrangeProperty as error:
        msg = f"{settings.component_id}: {error}"
        raise StartError(msg) from error


FACTORY = ProcessorFactory(config=AttributesConfig, create=_create, signals=frozenset(Signal))
