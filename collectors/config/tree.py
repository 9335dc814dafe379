"""YAML trees with places: substitution, merging, plain values, and where a path stands.

`slo.source` reads the text; nothing here touches a file except `${file:...}`, which goes
through the reader that the caller gives.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from collectors.config.problems import Code, error
from slo import source
from slo.diagnostic import Diagnostic, Span

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

_REFERENCE: Final = re.compile(r"\$\$|\$\{([^{}]*)\}")
_MAX_SUBSTITUTED_CHARACTERS: Final = 1024 * 1024
"""A substituted value beyond this is a mistake, not a configuration."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What `${...}` may read.

    Attributes:
        environment: For `${env:NAME}`.
        read: Text of a file, for `${file:PATH}`; raises OSError or UnicodeDecodeError.
    """

    environment: Mapping[str, str]
    read: Callable[[str], str]


class _MissingError(Exception):
    """A reference that has no value; the text says which."""


def substitute(node: source.Node, around: Surroundings, problems: list[Diagnostic]) -> source.Node:
    """Replace every `${...}` in the values of `node`; `$$` is one dollar sign.

    A value that is nothing but a reference, without quotes, may stand for a map or a list;
    otherwise text is put in. What is put in is not looked at for references again.
    """
    if isinstance(node, source.Mapping):
        pairs = tuple(
            source.Entry(entry.key, substitute(entry.value, around, problems))
            for entry in node.entries
        )
        return source.Mapping(pairs, node.span)
    if isinstance(node, source.Sequence):
        items = tuple(substitute(item, around, problems) for item in node.items)
        return source.Sequence(items, node.span)
    if "$" not in node.text:
        return node
    try:
        return _substitute_scalar(node, around)
    except _MissingError as problem:
        way_out = "write ${env:NAME:-default} for a default, or $$ for a dollar sign"
        problems.append(error(Code.SUBSTITUTION, str(problem), node.span, way_out))
        return node


def _substitute_scalar(node: source.Scalar, around: Surroundings) -> source.Node:
    whole = _REFERENCE.fullmatch(node.text)
    if whole is not None and whole[1] is not None:
        return _put_in(whole[1], _look_up(whole[1], around), node)
    replaced = _REFERENCE.sub(
        lambda match: "$" if match[1] is None else _look_up(match[1], around), node.text
    )
    return source.Scalar(replaced, "str", quoted=True, span=node.span)


def _look_up(reference: str, around: Surroundings) -> str:
    scheme, separator, rest = reference.partition(":")
    if not separator or rest.startswith("-"):
        scheme, rest = "env", reference
    if scheme == "file":
        try:
            return around.read(rest)
        except (OSError, UnicodeDecodeError) as problem:
            msg = f"cannot read {rest}: {problem}"
            raise _MissingError(msg) from problem
    if scheme != "env":
        msg = f"${{{scheme}:...}} is not supported, only env and file"
        raise _MissingError(msg)
    name, has_default, default = rest.partition(":-")
    value = around.environment.get(name)
    if value is not None:
        return value
    if has_default:
        return default
    msg = f"the environment variable {name} is not set"
    raise _MissingError(msg)


def _put_in(reference: str, text: str, node: source.Scalar) -> source.Node:
    """What `text` stands for, at the place of the reference.

    A map or list is read as YAML. Anything else stays text as it is, because a password is
    not a number though it looks like one; a field that wants a number reads it from there.
    """
    if len(text) > _MAX_SUBSTITUTED_CHARACTERS:
        msg = f"{reference} is {len(text)} characters long, allowed {_MAX_SUBSTITUTED_CHARACTERS}"
        raise _MissingError(msg)
    documents, problems = source.load(reference, text)
    if len(documents) == 1 and not problems and not node.quoted:
        document = documents[0]
        if not isinstance(document, source.Scalar):
            return _placed(document, node)
    return source.Scalar(text.rstrip("\r\n"), "str", quoted=True, span=node.span)


def _placed(node: source.Node, at: source.Scalar) -> source.Node:
    if isinstance(node, source.Mapping):
        pairs = tuple(
            source.Entry(dataclasses.replace(entry.key, span=at.span), _placed(entry.value, at))
            for entry in node.entries
        )
        return source.Mapping(pairs, at.span)
    if isinstance(node, source.Sequence):
        return source.Sequence(tuple(_placed(item, at) for item in node.items), at.span)
    return dataclasses.replace(node, span=at.span)


def merge(first: source.Node, second: source.Node) -> source.Node:
    """`second` over `first`: maps merge key by key, everything else is replaced."""
    if not isinstance(first, source.Mapping) or not isinstance(second, source.Mapping):
        return second
    later = {entry.key.text: entry for entry in second.entries}
    kept: list[source.Entry] = []
    for entry in first.entries:
        over = later.pop(entry.key.text, None)
        merged = entry if over is None else source.Entry(over.key, merge(entry.value, over.value))
        kept.append(merged)
    return source.Mapping((*kept, *later.values()), second.span)


def plain(node: source.Node) -> Plain:
    """The value without places."""
    if isinstance(node, source.Mapping):
        return {entry.key.text: plain(entry.value) for entry in node.entries}
    if isinstance(node, source.Sequence):
        return [plain(item) for item in node.items]
    return _scalar(node)


def _scalar(node: source.Scalar) -> Plain:
    if node.tag == "null":
        return None
    if node.tag == "bool":
        return node.text.lower() == "true"
    if node.tag == "int":
        return _integer(node.text)
    if node.tag == "float":
        # YAML writes .inf and .nan where Python writes inf and nan.
        return float(re.sub(r"\.(inf|nan)", r"\1", node.text.lower()))
    return node.text


def _integer(text: str) -> int | str:
    """The number; text where Python refuses to read that many digits."""
    try:
        return int(text, 0 if text[:2] in {"0x", "0o"} else 10)
    except ValueError:
        return text


def entries(node: source.Node | None) -> tuple[source.Entry, ...]:
    """The entries of a mapping; none for anything else."""
    return node.entries if isinstance(node, source.Mapping) else ()


def place(node: source.Node, path: tuple[str | int, ...], *, of_key: bool = False) -> Span:
    """Where the value at `path` stands, or its key; the deepest part that exists."""
    span = node.span
    for index, part in enumerate(path):
        if isinstance(node, source.Mapping):
            entry = node.entry(str(part))
            if entry is None:
                return span
            wants_key = of_key and index == len(path) - 1
            node = entry.value
            span = entry.key.span if wants_key or _spreads(node) else node.span
        elif isinstance(node, source.Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            span = node.span
        else:
            return span
    return span


def _spreads(node: source.Node) -> bool:
    """A map or list is pointed at by its key, and so is a value that is not written."""
    return not isinstance(node, source.Scalar) or node.text == ""
