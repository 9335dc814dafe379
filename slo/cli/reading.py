"""The user's files, from the paths of a command line to a project."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slo.diagnostic import Diagnostic, Level
from slo.model import Project
from slo.spec import SourceFile, read

MANIFEST: Final = "manifest.json"
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of the paths.

    Attributes:
        project: None when there is an error.
        sources: Texts by the names of the files, for drawing.
    """

    project: Project | None
    problems: tuple[Diagnostic, ...]
    sources: dict[str, str]


def read_paths(paths: Sequence[str]) -> Reading:
    """Read every file of `paths`; a directory stands for the YAML files below it."""
    files: list[SourceFile] = []
    faults: list[Diagnostic] = []
    for path, named in _wanted(paths):
        try:
            files.append(SourceFile(path, _text(path), named))
        except (OSError, UnicodeDecodeError) as error:
            text = f"{path} cannot be read: {_words(error)}"
            faults.append(Diagnostic("SLO005", Level.ERROR, text))
    project, problems = read(files)
    if faults:
        project = None
        problems = [p for p in problems if files or p.code != "SLO007"]
    sources = {file.name: file.text for file in files}
    return Reading(project, (*problems, *faults), sources)


def is_output(folder: str) -> bool:
    """Whether `sloctl generate` wrote this directory."""
    try:
        with Path(folder, MANIFEST).open(encoding="utf-8") as file:
            return "fleetslo" in json.load(file)
    except (OSError, ValueError, TypeError):
        return False


def _wanted(paths: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Every file once, those that are named before those that are found."""
    seen: set[str] = set()
    named = [(path, True) for path in paths if not os.path.isdir(path)]  # noqa: PTH112 - "-" is a path too
    found = [(path, False) for folder in paths if Path(folder).is_dir() for path in _below(folder)]
    for path, is_named in (*named, *found):
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            yield path, is_named


def _below(folder: str) -> Iterator[str]:
    """The YAML files below `folder`, sorted; hidden and generated directories are left out."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not is_output(os.path.join(here, name))  # noqa: PTH118 - os.walk gives text
        )
        for name in sorted(names):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield os.path.normpath(os.path.join(here, name))  # noqa: PTH118 - os.walk gives text


def _text(path: str) -> str:
    raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    return raw.decode("utf-8").replace("\r\n", "\n")


def _words(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 at byte {error.start}"
    return (error.strerror or str(error)).lower()
