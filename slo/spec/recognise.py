"""Tells our documents from others', by apiVersion and kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slo.source import Mapping, Node, Scalar, load
from slo.spec.context import Document
from slo.spec.problems import Problems, nearest
from slo.spec.shapes import API_VERSION, KINDS

_OURS = API_VERSION.partition("/")[0]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as the command line gives it.

    Attributes:
        name: As the user named it, or below the directory that the user named.
        named: The user named the file itself, so it must be ours.
    """

    name: str
    text: str
    named: bool


def documents(files: Sequence[SourceFile], problems: Problems) -> list[Document]:
    """Every document of ours, in order; the rest is reported as the format says."""
    found: list[Document] = []
    for file in files:
        nodes, faults = load(file.name, file.text)
        problems.extend(faults)
        if file.named and not nodes and not faults:
            problems.error("SLO007", f"{file.name} holds no document", None)
        found.extend(_ours(nodes, file, problems))
    return found


def _ours(nodes: Sequence[Node], file: SourceFile, problems: Problems) -> Iterator[Document]:
    for node in nodes:
        if isinstance(node, Mapping) and _version_fits(node, file, problems):
            document = _document(node, problems)
            if document is not None:
                yield document
        elif not isinstance(node, Mapping) and file.named:
            text = "a document must be a mapping with apiVersion, kind, metadata and spec"
            problems.error("SLO013", text, node.span)


def _version_fits(node: Mapping, file: SourceFile, problems: Problems) -> bool:
    value = node.get("apiVersion")
    version = value.text if isinstance(value, Scalar) else ""
    if version == API_VERSION:
        return True
    place = node.span if value is None else value.span
    got = f"apiVersion {version!r}" if version else "no apiVersion"
    if file.named or version.partition("/")[0] == _OURS or _looks_like_ours(node):
        text = f"a document must say apiVersion: {API_VERSION}, got {got}"
        problems.error("SLO006", text, place)
    else:
        text = f"skipped: {got} is not one of ours"
        problems.notice("SLO006", text, place)
    return False


def _looks_like_ours(node: Mapping) -> bool:
    """A forgotten apiVersion must not make an SLO vanish in silence."""
    if node.get("apiVersion") is not None:
        return False
    kind = node.get("kind")
    known = isinstance(kind, Scalar) and kind.text in KINDS
    return known and isinstance(node.get("spec"), Mapping)


def _document(node: Mapping, problems: Problems) -> Document | None:
    kind = node.get("kind")
    word = kind.text if isinstance(kind, Scalar) else ""
    if word not in KINDS:
        place = node.span if kind is None else kind.span
        text = f"kind must be one of {', '.join(KINDS)}, got {word!r}"
        problems.error("SLO019", text, place, nearest(word, KINDS))
        return None
    metadata = node.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if isinstance(name, Scalar) and name.tag != "null":
        return Document(word, name.text, name.span, node)
    return Document(word, "", kind.span if kind else node.span, node)
