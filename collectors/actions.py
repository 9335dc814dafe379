"""Edits of attributes, as `attributes` and `resource` list them: what, where, and with what.

Only what is edited is decoded; every other attribute stays the bytes that it was.

Source: OpenTelemetry Collector, attraction; names and meaning as there.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from collectors.component import Config, Context
from collectors.patterns import pattern

Attributes = dict[str, bytes]
"""Serialized `KeyValue` messages by key, in order."""

_METADATA: Final = "metadata."
_ADDRESS: Final = "client.address"
_PUTS: Final = frozenset({"insert", "update", "upsert"})


def _pattern(value: str) -> str:
    pattern(value)
    return value


def _source(value: str) -> str:
    if value != _ADDRESS and not value.startswith(_METADATA):
        msg = f"must be {_ADDRESS} or {_METADATA}<kept header>, got {value!r}"
        raise ValueError(msg)
    return value


class ActionConfig(Config):
    """One edit.

    Attributes:
        action: ``insert`` where the key is absent, ``update`` where it is there, ``upsert``
            both; ``delete``; ``hash`` (SHA-256, hexadecimal); ``extract`` the named groups of
            `pattern` from a text into attributes; ``convert`` to `converted_type`.
        pattern: Which keys are deleted or hashed, or what is extracted.
        value: What is put in, or
        from_attribute: the key whose value is copied; without that key nothing is done, or
        from_context: where the request came from.
    """

    key: Annotated[str, Field(min_length=1)] | None = None
    action: Literal["insert", "update", "upsert", "delete", "hash", "extract", "convert"]
    value: StrictBool | StrictInt | StrictFloat | StrictStr | None = None
    from_attribute: str | None = None
    from_context: Annotated[str, AfterValidator(_source)] | None = None
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    converted_type: Literal["int", "double", "string"] | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        sources = [self.value, self.from_attribute, self.from_context]
        given = len(sources) - sources.count(None)
        if given != (1 if self.action in _PUTS else 0):
            what = "one of value, from_attribute and from_context"
            needs = f"needs {what}" if self.action in _PUTS else f"takes none of {what}"
            msg = f"{self.action} {needs}"
            raise ValueError(msg)
        if self.pattern is not None and self.action not in {"delete", "hash", "extract"}:
            msg = f"{self.action} takes no pattern"
            raise ValueError(msg)
        if (self.converted_type is not None) != (self.action == "convert"):
            msg = "converted_type is needed by convert, and by nothing else"
            raise ValueError(msg)
        return self._has_a_target()

    def _has_a_target(self) -> Self:
        if self.action == "extract":
            if self.key is None or not pattern(self.pattern or "").groupindex:
                msg = "extract needs key, and a pattern with named groups (?P<name>...)"
                raise ValueError(msg)
        elif self.action in {"delete", "hash"}:
            if self.key is None and self.pattern is None:
                msg = f"{self.action} needs key or pattern"
                raise ValueError(msg)
        elif self.key is None:
            msg = f"{self.action} needs key"
            raise ValueError(msg)
        return self


def removed(configs: Sequence[ActionConfig]) -> tuple[str, ...]:
    """Keys that are not there after the edits, whatever was there before."""
    gone: dict[str, None] = {}
    for config in configs:
        if config.key is not None and config.action == "delete":
            gone[config.key] = None
        elif config.key is not None and config.action in _PUTS:
            gone.pop(config.key, None)
        elif config.action == "extract":
            for name in pattern(config.pattern or "").groupindex:
                gone.pop(name, None)
    return tuple(gone)


class Actions:
    """Edits, applied in order."""

    def __init__(self, configs: Sequence[ActionConfig]) -> None:
        self._configs = tuple(configs)
        self._patterns = {
            config.pattern: pattern(config.pattern) for config in configs if config.pattern
        }

    def needles(self) -> tuple[bytes, ...] | None:
        """Keys without one of which nothing is done; None where something may always be."""
        keys: list[bytes] = []
        for config in self._configs:
            if config.action in {"insert", "upsert"} or config.key is None:
                return None
            if config.pattern is not None and config.action != "extract":
                return None
            keys.append(config.key.encode())
        return tuple(keys)

    def apply(self, attributes: Attributes, context: Context) -> None:
        """Edit `attributes` in place."""
        for config in self._configs:
            if config.action in _PUTS:
                _put(config, attributes, context)
            elif config.action == "delete":
                for key in self._keys(config, attributes):
                    del attributes[key]
            elif config.action == "hash":
                for key in self._keys(config, attributes):
                    attributes[key] = _pair(key, AnyValue(string_value=_hash(_at(attributes, key))))
            elif config.action == "extract":
                self._extract(config, attributes)
            else:
                _convert(config, attributes)

    def _keys(self, config: ActionConfig, attributes: Attributes) -> list[str]:
        """The keys that a delete or hash is about."""
        meant = self._patterns.get(config.pattern or "")
        return [
            key
            for key in attributes
            if key == config.key or (meant is not None and meant.search(key) is not None)
        ]

    def _extract(self, config: ActionConfig, attributes: Attributes) -> None:
        if config.key not in attributes:
            return
        value = _at(attributes, config.key)
        match = self._patterns[config.pattern or ""].search(value.string_value)
        if not value.HasField("string_value") or match is None:
            return
        for name, text in match.groupdict().items():
            attributes[name] = _pair(name, AnyValue(string_value=text or ""))


def _put(config: ActionConfig, attributes: Attributes, context: Context) -> None:
    key = config.key or ""
    if (key in attributes) == (config.action == "insert") and config.action != "upsert":
        return
    if config.from_attribute is not None:
        if config.from_attribute in attributes:
            attributes[key] = _pair(key, _at(attributes, config.from_attribute))
        return
    if config.from_context is not None:
        text = _from_context(config.from_context, context)
        if text:
            attributes[key] = _pair(key, AnyValue(string_value=text))
        return
    attributes[key] = _pair(key, _literal(config.value))


def _from_context(source: str, context: Context) -> str:
    if source == _ADDRESS:
        return context.peer.rpartition(":")[0] or context.peer
    return dict(context.headers).get(source.removeprefix(_METADATA).lower(), "")


def _literal(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=str(value))


def _hash(value: AnyValue) -> str:
    """SHA-256 of a value as the Collector takes it: text as it is, numbers little-endian."""
    match value.WhichOneof("value"):
        case "string_value":
            data = value.string_value.encode()
        case "bytes_value":
            data = value.bytes_value
        case "bool_value":
            data = b"\x01" if value.bool_value else b"\x00"
        case "int_value":
            data = struct.pack("<q", value.int_value)
        case "double_value":
            data = struct.pack("<d", value.double_value)
        case _:
            data = value.SerializeToString(deterministic=True)
    return hashlib.sha256(data).hexdigest()


def _convert(config: ActionConfig, attributes: Attributes) -> None:
    key = config.key or ""
    if key not in attributes:
        return
    converted = _converted(_at(attributes, key), config.converted_type or "string")
    if converted is not None:
        attributes[key] = _pair(key, converted)


def _converted(value: AnyValue, wanted: str) -> AnyValue | None:
    """`value` in another type; None where it has none, and stays what it was."""
    kind = value.WhichOneof("value")
    if kind not in {"string_value", "bool_value", "int_value", "double_value"}:
        return None
    plain: str | bool | int | float = getattr(value, kind)
    if wanted == "string":
        text = str(plain).lower() if isinstance(plain, bool) else str(plain)
        return AnyValue(string_value=text)
    try:
        if wanted == "double":
            return AnyValue(double_value=float(plain))
        return AnyValue(int_value=int(plain))
    except (ValueError, OverflowError):
        return None


def _at(attributes: Attributes, key: str) -> AnyValue:
    return KeyValue.FromString(attributes[key]).value


def _pair(key: str, value: AnyValue) -> bytes:
    return KeyValue(key=key, value=value).SerializeToString()
