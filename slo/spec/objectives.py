"""Several objectives on one SLI: one document becomes an SLO for each of them.

Each has a budget, alerts and an id of its own, and shares everything that it does not say
itself with the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from slo.source import Entry, Mapping, Scalar
from slo.source import Sequence as Items
from slo.spec.context import Document
from slo.spec.fields import overlaid
from slo.spec.problems import Problems

_KEY = "objectives"
_ALONE = ("objective", "window")


def expanded(found: Sequence[Document], problems: Problems) -> list[Document]:
    """`found`, each SLO with `objectives` replaced by one SLO per objective."""
    return [one for document in found for one in _each(document, problems)]


def _each(document: Document, problems: Problems) -> Iterator[Document]:
    spec = document.spec.mapping
    stated = spec.get(_KEY)
    if document.kind != "SLO" or not isinstance(stated, Items):
        yield document
        return
    for key in _ALONE:
        entry = spec.entry(key)
        if entry is not None:
            text = f"{key} stands beside objectives, which say it each for themselves"
            problems.error("SLO018", text, entry.key.span, "move it into objectives")
    if not stated.items:
        problems.error("SLO011", "objectives names none", stated.span)
    for item in stated.items:
        if isinstance(item, Mapping):
            yield _one(document, spec, item)


def _one(document: Document, spec: Mapping, stated: Mapping) -> Document:
    """The SLO of one objective: its name is that of the document and its own."""
    name = stated.get("name")
    own = Mapping(_without(stated, "name"), stated.span)
    common = Mapping(_without(spec, _KEY, *_ALONE), spec.span)
    whole = overlaid(own, common, frozenset({"alerting"}))
    node = _with(document.node, "spec", Mapping(whole.entries, spec.span))
    if not isinstance(name, Scalar):
        return replace(document, node=node, sound=False)
    called = replace(name, text=f"{document.name}-{name.text}")
    metadata = document.node.get("metadata")
    if isinstance(metadata, Mapping):
        node = _with(node, "metadata", _titled(_with(metadata, "name", called), name.text))
    return replace(document, name=called.text, place=name.span, node=node)


def _titled(metadata: Mapping, name: str) -> Mapping:
    title = metadata.get("title")
    if not isinstance(title, Scalar):
        return metadata
    return _with(metadata, "title", replace(title, text=f"{title.text} ({name})"))


def _without(mapping: Mapping, *keys: str) -> tuple[Entry, ...]:
    return tuple(entry for entry in mapping.entries if entry.key.text not in keys)


def _with(mapping: Mapping, key: str, value: Mapping | Scalar) -> Mapping:
    entries = (
        Entry(entry.key, value) if entry.key.text == key else entry for entry in mapping.entries
    )
    return Mapping(tuple(entries), mapping.span)
