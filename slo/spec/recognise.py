"""Tells our documents from others', by apiVersion and kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slo.importers import format_of, imported
from slo.source import Mapping, Node, Scalar, load
from slo.spec.context import Document
from slo.spec.problems import Problems, closest
from slo.spec.shapes import API_VERSION, KINDS

UNCLEAR = ""
"""The kind of a document that is ours, but of no kind we know."""
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
    """Every document of ours, in order, some of them `UNCLEAR`; the rest is reported.

    Documents of other compilers come last, made ours; they refer to each other across files.
    """
    found: list[Document] = []
    foreign: list[Node] = []
    for file in files:
        nodes, faults = load(file.name, file.text)
        if faults and not file.named and _OURS not in file.text:
            # Templates of other tools are often no YAML until they are filled in.
            text = "skipped: not valid YAML, and nothing in it says that it is ours"
            problems.notice("SLO006", text, faults[0].place)
            continue
        problems.extend(faults)
        if file.named and not nodes and not faults:
            problems.error("SLO007", f"{file.name} holds no document", None)
        foreign.extend(node for node in nodes if format_of(node))
        found.extend(_ours([node for node in nodes if not format_of(node)], file, problems))
    natives, told = imported(foreign)
    problems.extend(told)
    return [*found, *adopted(natives, problems)]


def adopted(natives: Sequence[Mapping], problems: Problems) -> list[Document]:
    """Documents of ours that an importer made."""
    return [_document(node, problems) for node in natives]


def _ours(nodes: Sequence[Node], file: SourceFile, problems: Problems) -> Iterator[Document]:
    skipped = False
    for node in nodes:
        if not isinstance(node, Mapping):
            if file.named:
                text = "a document must be a mapping with apiVersion, kind, metadata and spec"
                problems.error("SLO013", text, node.span)
        elif _version(node) == API_VERSION:
            yield _document(node, problems)
        elif not _claims(node, file, problems) and not skipped and not _collector(node):
            skipped = True
            _skipped(node, problems)


def _version(node: Mapping) -> str:
    value = node.get("apiVersion")
    return value.text if isinstance(value, Scalar) else ""


def _claims(node: Mapping, file: SourceFile, problems: Problems) -> bool:
    """Whether a document of another version should have been ours; then it is an error."""
    version = _version(node)
    ours = version.partition("/")[0] == _OURS or _looks_like_ours(node)
    if not (file.named or ours):
        return False
    got = repr(version) if version else "none"
    text = f"apiVersion must be {API_VERSION}, got {got}"
    value = node.get("apiVersion")
    way_out = "a collector's file: collector validate --config FILE" if _collector(node) else ""
    problems.error("SLO006", text, node.span if value is None else value.span, way_out)
    return True


def _collector(node: Mapping) -> bool:
    """A collector's configuration stands beside our files as a matter of course."""
    return node.get("receivers") is not None and node.get("service") is not None


def _skipped(node: Mapping, problems: Problems) -> None:
    version = _version(node)
    got = f"apiVersion {version!r} is not ours" if version else "it has no apiVersion"
    problems.notice("SLO006", f"skipped: {got}", node.span)


def _looks_like_ours(node: Mapping) -> bool:
    """A forgotten apiVersion must not make an SLO vanish in silence."""
    if node.get("apiVersion") is not None:
        return False
    kind = node.get("kind")
    known = isinstance(kind, Scalar) and kind.text in KINDS
    return known and isinstance(node.get("spec"), Mapping)


def _document(node: Mapping, problems: Problems) -> Document:
    kind = node.get("kind")
    word = kind.text if isinstance(kind, Scalar) else ""
    if word not in KINDS:
        place = node.span if kind is None else kind.span
        text = f"kind must be one of {', '.join(KINDS)}, got {word!r}"
        problems.error("SLO019", text, place, closest(word, KINDS))
        word = UNCLEAR
    metadata = node.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if isinstance(name, Scalar) and name.tag != "null":
        return Document(word, name.text, name.span, node)
    return Document(word, "", kind.span if kind else node.span, node)
