"""`resource`: edits the attributes of resources. Nothing else of a request is decoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from pydantic import Field

from collectors.actions import ActionConfig, Actions, Attributes, removed
from collectors.component import Batch, Config, Context, Emit, ProcessorFactory, Settings, Signal
from collectors.net.slices import delimited, slices
from collectors.stateless import Stateless

_RESOURCE_ITEMS: Final = 1  # Export...ServiceRequest.resource_spans, _metrics, _logs
_RESOURCE: Final = 1  # ResourceSpans.resource, likewise in the other two
_ATTRIBUTES: Final = 1  # Resource.attributes


class ResourceConfig(Config):
    """Configuration of `resource`: edits, applied in order."""

    attributes: Annotated[list[ActionConfig], Field(min_length=1)]

    def removed_keys(self) -> Sequence[str]:
        """See `RemovesKeys`."""
        return removed(self.attributes)


class ResourceProcessor(Stateless):
    """Rewrites the resources of each request."""

    def __init__(self, config: ResourceConfig) -> None:
        self._actions = Actions(config.attributes)

    def step(self, batch: Batch, out: Emit) -> None:
        """Put `batch` out with its resources edited; items and their order stay."""
        parts = [
            delimited(_RESOURCE_ITEMS, self._edited(field.value, batch.context))
            if field.number == _RESOURCE_ITEMS and field.value is not None
            else field.whole
            for field in slices(batch.payload)
        ]
        out(dataclasses.replace(batch, payload=b"".join(parts)))

    def _edited(self, message: bytes, context: Context) -> bytes:
        """`ResourceSpans`, `ResourceMetrics` or `ResourceLogs` with its resource edited."""
        # A field may be two bytes, and stand there millions of times: no object for each.
        encoded, rest, others = bytearray(), bytearray(), bytearray()
        for field in slices(message):
            if field.number == _RESOURCE and field.value is not None:
                # A field that stands twice is merged, and so are concatenated messages.
                encoded += field.value
            else:
                rest += field.whole
        attributes: Attributes = {}
        for field in slices(bytes(encoded)):
            if field.number == _ATTRIBUTES and field.value is not None:
                attributes.setdefault(KeyValue.FromString(field.value).key, field.value)
            else:
                others += field.whole
        self._actions.apply(attributes, context)
        pairs = (delimited(_ATTRIBUTES, pair) for pair in attributes.values())
        return delimited(_RESOURCE, b"".join((*pairs, others))) + bytes(rest)


def _create(config: ResourceConfig, _settings: Settings) -> ResourceProcessor:
    return ResourceProcessor(config)


FACTORY = ProcessorFactory(config=ResourceConfig, create=_create, signals=frozenset(Signal))
