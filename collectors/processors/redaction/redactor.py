"""Redacts one request: every text in it is looked at, wherever it stands.

The request is decoded only where something may be found. What is decoded is gone through by
its descriptors, so that a field that OTLP gets one day is looked at too, and is always written
anew: fields that this version does not know, and values that a later one of the same field
overrides, are in the bytes but not in the message, and nobody has looked at them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from collectors.component import Signal
from collectors.patterns import Pattern, anywhere
from collectors.processors.redaction.config import RedactionConfig
from collectors.processors.redaction.masks import Key, Rules
from collectors.processors.redaction.summary import OWN_KEY, OWN_KEYS, Tally, summarize
from collectors.wire import parse

_PLAIN: Final = frozenset({"bool_value", "int_value", "double_value"})
_NO_TEXT: Final = re.compile("([\udc80-\udcff]+)")
"""Bytes that are no UTF-8, as `surrogateescape` has them; of one kind only, so in linear time."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """A request without what must not be stored.

    Attributes:
        removed: Attributes that are gone.
        masked: Attributes, bodies, names and messages in which something was masked.
    """

    payload: bytes
    removed: int = 0
    masked: int = 0


class Redactor:
    """Applies one configuration to requests."""

    def __init__(self, config: RedactionConfig) -> None:
        self._rules = Rules(config, OWN_KEYS)
        self._summary = config.summary
        self._suspects = _suspects(config)

    def redact(self, signal: Signal, payload: bytes) -> Redacted:
        """Redact `payload`; items and their order stay.

        Raises:
            Malformed: It is no request of `signal`.
        """
        if self.is_clean(payload):
            return Redacted(payload)
        message = parse(signal, payload)
        message.DiscardUnknownFields()
        run = _Run(self._rules, self._summary)
        run.message(message)
        return Redacted(message.SerializeToString(), run.removed, run.masked)

    def is_clean(self, payload: bytes) -> bool:
        """Whether nothing can be found, as far as its bytes tell.

        A pattern that asks for no place finds among the bytes whatever it finds in a text there.
        """
        if self._suspects is None:
            return False
        return not any(one.search(payload) for one in self._suspects)


def _suspects(config: RedactionConfig) -> tuple[Pattern, ...] | None:
    """Patterns without one of which in its bytes a request is clean; None where none can say."""
    texts = [*config.blocked_key_patterns, *config.blocked_values]
    if not config.allow_all_keys or config.redact_all_types or config.has_summary:
        return None  # a summary tells of what was ignored and allowed too
    found = [anywhere(text) for text in (*texts, OWN_KEY)]
    known = tuple(one for one in found if one is not None)
    return known if len(known) == len(found) else None


class _Run:
    """One request being redacted."""

    def __init__(self, rules: Rules, summary: str) -> None:
        self._rules = rules
        self._summary = summary
        self.removed = 0
        self.masked = 0

    def message(self, message: Message) -> None:
        """Redact a message in place, and all within it."""
        for field, value in message.ListFields():
            if field.message_type is None:
                if field.type == FieldDescriptor.TYPE_STRING:
                    self._text(message, field.name, value)
            elif field.message_type is KeyValue.DESCRIPTOR:
                self._attributes(cast("MutableSequence[KeyValue]", value))
            elif isinstance(value, Message):
                if not isinstance(value, AnyValue):  # the body of a log record, below
                    self.message(value)
            else:
                for one in cast("Sequence[Message]", value):
                    self.message(one)
        if isinstance(message, LogRecord) and message.HasField("body"):
            self._body(message)

    def _text(self, message: Message, name: str, value: object) -> None:
        if isinstance(value, str):
            changed = self._rules.masked(value)
            if changed != value:
                setattr(message, name, changed)
                self.masked += 1
            return
        texts = cast("MutableSequence[str]", value)
        for index, text in enumerate(list(texts)):
            changed = self._rules.masked(text)
            if changed != text:
                texts[index] = changed
                self.masked += 1

    def _attributes(self, attributes: MutableSequence[KeyValue]) -> None:
        tally = Tally()
        _remove_where(attributes, lambda pair: self._attribute(pair, tally))
        self._tell(attributes, tally, "redaction")

    def _attribute(self, pair: KeyValue, tally: Tally) -> bool:
        """Redact one attribute; tells whether it must go."""
        key, value = pair.key, pair.value
        known = self._rules.judge(key)
        if known.is_ignored:
            tally.ignored.append(key)
            return False
        if not known.is_allowed:
            tally.redacted.append(known.name)
            return True
        if value.HasField("string_value") and self._rules.is_spared(value.string_value):
            tally.allowed.append(known.name)
        elif self._value(known, value, tally) or known.name != key:
            tally.masked.append(known.name)
        if known.name != key:
            pair.key = known.name
        return False

    def _value(self, key: Key, value: AnyValue, tally: Tally, *, in_body: bool = False) -> bool:
        """Redact the value of `key`; tells whether something in it was masked."""
        if key.is_blocked:
            value.string_value = self._rules.whole(_printed(value))
            return True
        return self._content(key, value, tally, in_body=in_body)

    def _content(self, key: Key, value: AnyValue, tally: Tally, *, in_body: bool) -> bool:
        kind = value.WhichOneof("value")
        if kind == "string_value" or (kind in _PLAIN and self._rules.takes_all_types):
            return self._masked(value, _printed(value))
        if kind == "bytes_value":
            return self._bytes(value)
        if kind == "array_value":
            found = False
            for one in value.array_value.values:
                found |= self._content(key, one, tally, in_body=in_body)
            return found
        if kind == "kvlist_value":
            pairs = cast("MutableSequence[KeyValue]", value.kvlist_value.values)
            return self._pairs(key.name, pairs, tally, in_body=in_body)
        return False

    def _pairs(
        self, path: str, pairs: MutableSequence[KeyValue], tally: Tally, *, in_body: bool
    ) -> bool:
        """Redact a map; in a log's body its keys must be allowed like attributes."""
        found = False

        def must_go(pair: KeyValue) -> bool:
            nonlocal found
            known = self._rules.judge(pair.key)
            if known.is_ignored:
                return False
            if in_body and not known.is_allowed:
                tally.redacted.append(f"{path}.{known.name}" if path else known.name)
                return True
            found |= self._value(known, pair.value, tally, in_body=in_body)
            if known.name != pair.key:
                pair.key, found = known.name, True
            return False

        _remove_where(pairs, must_go)
        return found

    def _masked(self, value: AnyValue, text: str) -> bool:
        changed = self._rules.masked(text)
        if changed == text:
            return False
        value.string_value = changed
        return True

    def _bytes(self, value: AnyValue) -> bool:
        """Bytes are judged as the texts in UTF-8 that are in them."""
        parts = _NO_TEXT.split(value.bytes_value.decode(errors="surrogateescape"))
        texts = [part if _NO_TEXT.match(part) else self._rules.masked(part) for part in parts]
        changed = "".join(texts).encode(errors="surrogateescape")
        if changed == value.bytes_value:
            return False
        value.bytes_value = changed
        return True

    def _body(self, record: LogRecord) -> None:
        tally = Tally()
        if record.body.HasField("kvlist_value"):
            pairs = cast("MutableSequence[KeyValue]", record.body.kvlist_value.values)
            is_masked = self._pairs("", pairs, tally, in_body=True)
        else:
            is_masked = self._value(self._rules.judge(""), record.body, tally, in_body=True)
        if is_masked:
            tally.masked.append("body")
        self._tell(cast("MutableSequence[KeyValue]", record.attributes), tally, "redaction.body")

    def _tell(self, attributes: MutableSequence[KeyValue], tally: Tally, prefix: str) -> None:
        self.removed += len(tally.redacted)
        self.masked += len(tally.masked)
        summarize(attributes, tally, prefix, self._summary)


def _remove_where(pairs: MutableSequence[KeyValue], must_go: Callable[[KeyValue], bool]) -> None:
    """Remove pairs in time that grows as their number does, not as its square."""
    kept = 0
    for index in range(len(pairs)):
        if must_go(pairs[index]):
            continue
        if kept < index:
            pairs[kept].CopyFrom(pairs[index])
        kept += 1
    del pairs[kept:]


def _printed(value: AnyValue) -> str:
    """A value as the text that it is judged as."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return repr(value.double_value)
        case _:
            return ""
