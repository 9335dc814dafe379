"""`resource`: edits the attributes of resources. Nothing else of a request is decoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from collectors.component import Batch, Config, Emit, ProcessorFactory, Settings, Signal
from collectors.net.slices import delimited, slices
from collectors.stateless import Stateless

_RESOURCE_ITEMS: Final = 1  # Export...ServiceRequest.resource_spans, _metrics, _logs
_RESOURCE: Final = 1  # ResourceSpans.resource, likewise in the other two


class ActionConfig(Config):
    """One edit.

    Attributes:
        action: ``insert`` where the key is absent, ``update`` where it is there, ``upsert``
            both, ``delete``.
        value: What is put in, or
        from_attribute: the key whose value is copied; without that key nothing is done.
    """

    key: Annotated[str, Field(min_length=1)]
    action: Literal["insert", "update", "upsert", "delete"]
    value: StrictBool | StrictInt | StrictFloat | StrictStr | None = None
    from_attribute: str | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        given = [self.value is not None, self.from_attribute is not None].count(True)
        if self.action == "delete" and given:
            msg = "delete takes neither value nor from_attribute"
            raise ValueError(msg)
        if self.action != "delete" and given != 1:
            msg = f"{self.action} needs either value or from_attribute"
            raise ValueError(msg)
        return self


class ResourceConfig(Config):
    """Configuration of `resource`: edits, applied in order."""

    attributes: Annotated[list[ActionConfig], Field(min_length=1)]


class ResourceProcessor(Stateless):
    """Rewrites the resources of each request."""

    def __init__(self, config: ResourceConfig) -> None:
        self._actions: Sequence[ActionConfig] = config.attributes

    def step(self, batch: Batch, out: Emit) -> None:
        """Put `batch` out with its resources edited; items and their order stay."""
        parts = [
            delimited(_RESOURCE_ITEMS, self._edited(field.value))
            if field.number == _RESOURCE_ITEMS and field.value is not None
            else field.whole
            for field in slices(batch.payload)
        ]
        out(dataclasses.replace(batch, payload=b"".join(parts)))

    def _edited(self, message: bytes) -> bytes:
        """`ResourceSpans`, `ResourceMetrics` or `ResourceLogs` with its resource edited."""
        encoded = b""
        rest: list[bytes] = []
        for field in slices(message):
            if field.number == _RESOURCE and field.value is not None:
                # A field that stands twice is merged, and so are concatenated messages.
                encoded += field.value
            else:
                rest.append(field.whole)
        resource = Resource.FromString(encoded)
        for action in self._actions:
            _apply(action, resource)
        return delimited(_RESOURCE, resource.SerializeToString()) + b"".join(rest)


def _apply(action: ActionConfig, resource: Resource) -> None:
    attributes = resource.attributes
    found = next((item for item in attributes if item.key == action.key), None)
    if action.action == "delete":
        kept = [item for item in attributes if item.key != action.key]
        if len(kept) < len(attributes):
            copies = [KeyValue.FromString(item.SerializeToString()) for item in kept]
            del attributes[:]
            attributes.extend(copies)
        return
    if (found is None and action.action == "update") or (found and action.action == "insert"):
        return
    value = _value(action, resource)
    if value is None:
        return
    if found is None:
        attributes.append(KeyValue(key=action.key, value=value))
    else:
        found.value.CopyFrom(value)


def _value(action: ActionConfig, resource: Resource) -> AnyValue | None:
    value = action.value
    if action.from_attribute is not None:
        for item in resource.attributes:
            if item.key == action.from_attribute:
                return AnyValue.FromString(item.value.SerializeToString())
        return None
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value or "")


def _create(config: ResourceConfig, _settings: Settings) -> ResourceProcessor:
    return ResourceProcessor(config)


FACTORY = ProcessorFactory(config=ResourceConfig, create=_create, signals=frozenset(Signal))
