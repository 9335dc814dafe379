"""`sloctl convert`: files of other compilers become files of ours, and what is lost is named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from slo.cli.reading import sourced
from slo.cli.report import Format as Form
from slo.cli.report import report
from slo.cli.state import FINE, PROBLEMS, Fault, State
from slo.cli.writing import put
from slo.diagnostic import Diagnostic, Level, has_errors
from slo.emit.yaml import Value, dump
from slo.importers import Format, format_of, imported
from slo.plural import plural
from slo.source import Mapping, Node, Scalar, load
from slo.spec import SourceFile, read
from slo.spec.shapes import API_VERSION

_NUMBERS: Final = re.compile(
    r"^(\s*(?:- )?(?:objective|min_events|weight|threshold|burn): )'([0-9.]+)'$", re.MULTILINE
)
_FLAGS: Final = re.compile(r"^(\s*native: )'(true|false)'$", re.MULTILINE)
_AT_HAND: Final = "(what the converted files will stand beside)"
"""Team and Settings that a check of the converted files needs, and that users bring."""


@click.command("convert")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, allow_dash=True),
)
@click.option(
    "--from",
    "form",
    required=True,
    type=click.Choice([form.value for form in Format]),
    help="Whose files they are.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where one file for each service is written.",
)
@click.option("--owner", default="", metavar="TEAM", help="The Team that owns every SLO.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@click.option(
    "--format",
    "told",
    type=click.Choice([each.value for each in Form]),
    default="text",
    show_default=True,
    help="text for people, json for programs, github for pull requests.",
)
@click.pass_obj
def convert(
    state: State,
    *,
    paths: tuple[str, ...],
    form: str,
    out: Path,
    owner: str,
    force: bool,
    told: str,
) -> int:
    """Write native SLO files for files of sloth, pyrra or OpenSLO.

    Everything that cannot be kept is reported at its place; -v tells what is kept in
    another way, too. On any error nothing is written. What is written passes generate,
    once the Team that owns it is there.
    """
    files, faults = sourced(paths)
    nodes, problems = _nodes(files, Format(form))
    documents, notes = imported(nodes, owner)
    problems = [*faults, *problems, *_checked(files, documents, notes)]
    report(problems, {file.name: file.text for file in files}, state, Form(told))
    if has_errors(problems):
        return PROBLEMS
    texts = _texts(documents)
    taken = sorted(path for path in texts if (out / path).exists())
    if taken and not force:
        msg = f"{out / taken[0]} exists already; choose another DIR, or overwrite with --force"
        raise Fault(msg)
    for path, text in texts.items():
        put(out / path, text)
        state.detail(f"written {out / path}")
    lost = sum(problem.level is Level.WARNING for problem in problems)
    kept = plural(lost, "warning") if lost else "everything was kept"
    if told == Form.TEXT:
        slos = sum(_kind(document) == "SLO" for document in documents)
        state.say(f"{plural(slos, 'SLO')} in {plural(len(texts), 'file')} in {out}: {kept}")
    return FINE


def _nodes(files: Sequence[SourceFile], form: Format) -> tuple[list[Node], list[Diagnostic]]:
    """The documents of `form`; others are left alone, and a file without any is an error."""
    found: list[Node] = []
    problems: list[Diagnostic] = []
    others: Counter[str] = Counter()
    for file in files:
        nodes, faults = load(file.name, file.text)
        problems.extend(faults)
        own = [node for node in nodes if format_of(node) is form]
        found.extend(own)
        others.update(_called(node) for node in nodes if format_of(node) is not form)
        if file.named and not own and not faults:
            text = f"{file.name} holds no document of {form}{_instead(nodes)}"
            problems.append(Diagnostic("SLO007", Level.ERROR, text))
    if not found and not problems:
        told = ", ".join(f"{count} of {name}" for name, count in sorted(others.items()))
        text = (
            f"no document of {form} was found in {len(files)} YAML files, {told or 'nor any other'}"
        )
        problems.append(Diagnostic("SLO007", Level.ERROR, text, None, "say --from as they are"))
    return found, problems


def _called(node: Node) -> str:
    """Whose document it is."""
    form = format_of(node)
    if form is not None:
        return form.value
    version = node.get("apiVersion") if isinstance(node, Mapping) else None
    if not isinstance(version, Scalar):
        return "something without apiVersion"
    return "fleetslo (ours already)" if version.text == API_VERSION else version.text


def _instead(nodes: Sequence[Node]) -> str:
    names = sorted({_called(node) for node in nodes})
    return f", but of {', '.join(names)}" if names else ""


def _checked(
    files: Sequence[SourceFile], documents: Sequence[Mapping], notes: Sequence[Diagnostic]
) -> list[Diagnostic]:
    """What the checker says of the documents, at the places of the user's own files."""
    slos = [document for document in documents if _kind(document) == "SLO"]
    owners = sorted({_owner(slo) for slo in slos} | {_DEFAULT})
    team = "\n---\n".join(_team(owner) for owner in owners)
    stub = SourceFile(_AT_HAND, f"{team}\n---\n{_SETTINGS}", named=True)
    names = {file.name for file in files}
    _, problems = read([stub], natives=documents)
    said = [each for each in problems if each.place is None or each.place.file in names]
    return list(dict.fromkeys([*notes, *said]))


_DEFAULT: Final = "owner"
_SETTINGS: Final = (
    "apiVersion: fleetslo/v1\nkind: Settings\nmetadata: {name: settings}\n"
    f"spec: {{defaults: {{owner: {_DEFAULT}}}}}\n"
)


def _team(name: str) -> str:
    head = f"apiVersion: fleetslo/v1\nkind: Team\nmetadata: {{name: '{name}'}}\n"
    return head + 'spec: {destinations: [{webhook: {url: "http://127.0.0.1/"}}]}\n'


def _kind(document: Mapping) -> str:
    kind = document.get("kind")
    return kind.text if isinstance(kind, Scalar) else ""


def _owner(document: Mapping) -> str:
    spec = document.get("spec")
    owner = spec.get("owner") if isinstance(spec, Mapping) else None
    return owner.text if isinstance(owner, Scalar) else _DEFAULT


def _texts(documents: Sequence[Mapping]) -> dict[str, str]:
    """One file for each service, sorted; a policy stands beside the SLO before it."""
    found: dict[str, list[str]] = {}
    path = ""
    for document in documents:
        metadata = document.get("metadata")
        service = metadata.get("service") if isinstance(metadata, Mapping) else None
        if isinstance(service, Scalar):
            path = f"{service.text}.yaml"
        text = _FLAGS.sub(r"\1\2", _NUMBERS.sub(r"\1\2", dump(_value(document))))
        found.setdefault(path, []).append(text)
    return {path: "---\n".join(texts) for path, texts in sorted(found.items())}


def _value(node: Node) -> Value:
    if isinstance(node, Scalar):
        return node.text.strip()
    if isinstance(node, Mapping):
        return {entry.key.text: _value(entry.value) for entry in node.entries}
    return [_value(item) for item in node.items]


COMMAND = convert
