"""Writes YAML: fast, one spelling per value, the same bytes for the same value.

Only what generated files need: text, whole numbers, booleans, lists and mappings. Keys keep
the order they come in. Any text comes back from a YAML reader as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias, TypeGuard

Value: TypeAlias = "str | int | Sequence[Value] | Mapping[str, Value]"

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*")
_DURATION: Final = re.compile(r"(?:[0-9]+(?:ms|[smhd]))+")
_RESERVED: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_NEEDS_ESCAPES: Final = re.compile(
    "[^\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML does not print, and what it takes for the end of a line."""
_ESCAPED: Final = re.compile(f'[\\\\"\n]|{_NEEDS_ESCAPES.pattern}')


def dump(value: Value, comment: str = "") -> str:
    """The document of `value`, under `comment`, each of whose lines gets its ``#``."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    _block(value, "", "", lines)
    return "\n".join(lines) + "\n"


def _block(value: Value, first: str, indent: str, lines: list[str]) -> None:
    """Add the lines of `value`: the first begins with `first`, all others with `indent`."""
    if isinstance(value, str):
        lines.append(first + _text(value, indent))
    elif _is_mapping(value) and value:
        for key, item in value.items():
            _entry(f"{first}{_key(key)}:", item, indent, lines)
            first = indent
    elif isinstance(value, Sequence) and value:
        for item in value:
            _block(item, f"{first}- ", f"{indent}  ", lines)
            first = indent
    else:
        lines.append(first + _inline(value, indent))


def _entry(head: str, item: Value, indent: str, lines: list[str]) -> None:
    if isinstance(item, str):
        lines.append(f"{head} {_text(item, f'{indent}  ')}")
    elif _is_mapping(item) and item:
        lines.append(head)
        _block(item, f"{indent}  ", f"{indent}  ", lines)
    elif isinstance(item, Sequence) and item:
        lines.append(head)
        _block(item, indent, indent, lines)
    else:
        lines.append(f"{head} {_inline(item, f'{indent}  ')}")


def _is_mapping(value: Value) -> TypeGuard[Mapping[str, Value]]:
    """Concrete first: asking for an abstract type is most of the time of a large document."""
    return isinstance(value, dict) or isinstance(value, Mapping)  # noqa: SIM101 - as said


@lru_cache(maxsize=1024)
def _key(text: str) -> str:
    return _line(text)


def _inline(value: Value, indent: str) -> str:
    if isinstance(value, str):
        return _text(value, indent)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _text(text: str, indent: str) -> str:
    return _literal(text, indent) if "\n" in text else _line(text)


def _line(text: str) -> str:
    """`text` on one line."""
    # Asked of nearly all text, and answered without a pattern.
    simple = text.isascii() and text.isprintable()
    if not simple and ("\n" in text or _NEEDS_ESCAPES.search(text)):
        return _double(text)
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    if text[:1].isdigit() and _DURATION.fullmatch(text):
        return text
    return "'" + text.replace("'", "''") + "'"


def _literal(text: str, indent: str) -> str:
    """A literal block, where one can hold the text as it is."""
    lines = text.split("\n")
    trimmed = all(line == line.rstrip() for line in lines)
    if text[0] in " \n" or text[-1] == "\n" or not trimmed or _NEEDS_ESCAPES.search(text):
        return _double(text)
    return "|-\n" + "\n".join(f"{indent}{line}" if line else "" for line in lines)


def _double(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: _escape(found.group()), text) + '"'


def _escape(char: str) -> str:
    if char in '\\"':
        return f"\\{char}"
    return "\\n" if char == "\n" else f"\\u{ord(char):04x}"
