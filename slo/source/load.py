"""Reads YAML into located nodes; never raises for what stands in the file.

Bounds keep a hostile file from costing more than its size: text, nesting, and the number
of nodes after every alias has been followed are limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import yaml

from slo.diagnostic import Diagnostic, Level, Span
from slo.source.compose import Composer, TooMuch
from slo.source.nodes import Node

MAX_CHARACTERS: Final = 8 * 1024 * 1024
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NEXT_DOCUMENT: Final = re.compile(r"^---", re.MULTILINE)


def load(file: str, text: str) -> tuple[list[Node], list[Diagnostic]]:
    """Read every document of `text`.

    A broken document is reported and left out; those after the next ``---`` are read.

    Args:
        file: As the user named it, for the places.
        text: The whole file.

    Returns:
        The documents that could be read, empty ones left out, and all problems.
    """
    text = text.removeprefix("\ufeff")
    refused = _refusal(file, text)
    if refused:
        return [], [refused]
    documents: list[Node] = []
    problems: list[Diagnostic] = []
    started = 0
    while started >= 0:
        composer = Composer(file, text)
        fault = _run(composer, file, text)
        documents.extend(composer.unclaimed())
        problems.extend(composer.problems)
        if fault is not None:
            problems.append(fault)
        started = _next_start(text, fault, started)
        text = _from_line(text, started)
    return documents, list(dict.fromkeys(problems))


def _run(composer: Composer, file: str, text: str) -> Diagnostic | None:
    """Compose all that can be composed; what stopped it, if anything did."""
    try:
        composer.compose(_events(text))
    except yaml.MarkedYAMLError as error:
        return _syntax(file, text, error)
    except TooMuch as error:
        return Diagnostic("SLO003", Level.ERROR, str(error), error.place)
    return None


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    return iter(yaml.parse(text, Loader=loader))


def _refusal(file: str, text: str) -> Diagnostic | None:
    """What makes the whole text unreadable, told before a parser sees it."""
    start = Span(file, 1, 1, 2)
    if len(text) > MAX_CHARACTERS:
        got = f"a file may hold {MAX_CHARACTERS} characters, got {len(text)}"
        return Diagnostic("SLO003", Level.ERROR, got, start, "split it into several files")
    control = _CONTROL.search(text)
    if control is None:
        return None
    line = text.count("\n", 0, control.start()) + 1
    column = control.start() - text.rfind("\n", 0, control.start())
    return Diagnostic(
        "SLO001",
        Level.ERROR,
        f"a control character (U+{ord(control.group()):04X}) is not allowed in YAML",
        Span(file, line, column, column + 1),
    )


def _syntax(file: str, text: str, error: yaml.MarkedYAMLError) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    if not any(_says(content) for content in lines[line:]):
        # The parser noticed at the end of the file: point at the last thing written.
        line = max((i for i, content in enumerate(lines) if _says(content)), default=0)
        column = max(len(lines[line].rstrip()) - 1, 0)
    context = f" {error.context}" if error.context else ""
    if error.context_mark and error.context_mark.line != line:
        context += f" that starts in line {error.context_mark.line + 1}"
    return Diagnostic(
        "SLO001",
        Level.ERROR,
        f"not valid YAML: {error.problem or 'unreadable'}{context}",
        Span(file, line + 1, column + 1, column + 2),
        _advice(lines[: line + 1], error),
    )


def _says(line: str) -> bool:
    return line.strip() != "" and not line.lstrip().startswith("#")


def _advice(lines: list[str], error: yaml.MarkedYAMLError) -> str:
    """The way out, as far as the last of `lines`, in which the parser stopped, tells it."""
    line = lines[-1]
    indent = len(line) - len(line.lstrip())
    if "\t" in line[:indent]:
        return "indent with spaces; YAML does not allow tabs"
    opened = error.context_mark
    if opened is not None and opened.line + 1 < len(lines) and "flow" in (error.context or ""):
        bracket = lines[opened.line][opened.column : opened.column + 1]
        return f"close the {bracket} of line {opened.line + 1}" if bracket in {"{", "["} else ""
    if "{" in line or ": " in line.partition(":")[2]:
        return "put PromQL, and text with a colon, into quotes, or on its own lines after a |"
    before = next((each for each in reversed(lines[:-1]) if _says(each)), "")
    if "mapping values" in (error.problem or "") and indent > len(before) - len(before.lstrip()):
        return "give it the indent of the line above, if it belongs beside that"
    return ""


def _next_start(text: str, fault: Diagnostic | None, started: int) -> int:
    """The number of the line, from 0, that opens the next document after a syntax error.

    -1 where there is none, and after a file that asked for too much.
    """
    if fault is None or fault.place is None or fault.code != "SLO001":
        return -1
    lines = text.split("\n")
    for number in range(max(fault.place.line - 1, started + 1), len(lines)):
        if _NEXT_DOCUMENT.match(lines[number]):
            return number
    return -1


def _from_line(text: str, number: int) -> str:
    """`text` with everything before line `number` blanked, so that places stay true."""
    return "\n" * number + "\n".join(text.split("\n")[max(number, 0) :])
