"""No two components listen on one port or write one file: one would fail, or both would mix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from collectors.config import tree
from collectors.config.model import Loaded
from collectors.config.problems import Code, error
from collectors.config.recipe import used
from collectors.net.fields import Claim, split_address
from slo import source
from slo.diagnostic import Diagnostic, Span

_ANY: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - looked for, not bound
_LOCAL: Final = {"localhost": "127.0.0.1"}
_OWN: Final = ("service", "telemetry", "metrics")
_READER: Final = ("readers", 0, "pull", "exporter", "prometheus", "port")


@dataclass(frozen=True, slots=True)
class _Claimed:
    """What a component wants for itself.

    Attributes:
        who: As the user knows it.
        what: A path, or host and port.
        place: Where that is written.
    """

    who: str
    what: str | tuple[str, int]
    place: Span

    def clashes_with(self, other: _Claimed) -> bool:
        """Whether both cannot have what they want."""
        if isinstance(self.what, str) or isinstance(other.what, str):
            return self.what == other.what
        (host, port), (of, at) = self.what, other.what
        return port == at and (host == of or not _ANY.isdisjoint({host, of}))

    @property
    def words(self) -> str:
        """What it wants, as the rest of a sentence that begins with who."""
        if isinstance(self.what, str):
            return f"writes {self.what}"
        return f"listens on {self.what[0]}:{self.what[1]}"


def clashes(loaded: Loaded, root: source.Node) -> Iterator[Diagnostic]:
    """Every component that wants what another one has, told at its place, both named."""
    seen: list[_Claimed] = []
    for claimed in (*_of_components(loaded, root), *_of_telemetry(loaded, root)):
        for first in seen:
            if claimed.clashes_with(first):
                at = f"{first.place.file}:{first.place.line}:{first.place.column}"
                text = f"{claimed.who} {claimed.words}, and so does {first.who} at {at}"
                yield error(Code.CLASH, text, claimed.place, "give one of them another")
                break
        else:
            seen.append(claimed)


def _of_components(loaded: Loaded, root: source.Node) -> Iterator[_Claimed]:
    for item in used(loaded):
        for path, claim, value in _claims(item.config, ()):
            place = tree.place(root, (item.kind.value, item.component_id, *path))
            who = f"{item.kind.one} {item.component_id}"
            yield from _claimed(f"{who} ({'.'.join(path)})", claim, value, place)


def _of_telemetry(loaded: Loaded, root: source.Node) -> Iterator[_Claimed]:
    address = loaded.telemetry.address()
    if address is not None:
        host, port = address
        place = tree.place(root, (*_OWN, *_READER))
        value = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        yield from _claimed(".".join(_OWN), Claim.ADDRESS, value, place)


def _claims(
    model: BaseModel, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Claim, str]]:
    """Every field below `model` that claims something, where it stands, and its value."""
    for name, field in type(model).model_fields.items():
        value: object = getattr(model, name)
        here = (*path, field.alias or name)
        if isinstance(value, BaseModel):
            yield from _claims(value, here)
            continue
        for mark in field.metadata:
            if isinstance(mark, Claim) and value is not None:
                yield here, mark, str(value)


def _claimed(who: str, claim: Claim, value: str, place: Span) -> Iterator[_Claimed]:
    if claim is Claim.FILE:
        yield _Claimed(who, os.path.realpath(os.path.expanduser(value)), place)  # noqa: PTH111 - text
        return
    host, port = split_address(value)
    if port:  # 0 is any that is free
        yield _Claimed(who, (_LOCAL.get(host, host), port), place)
