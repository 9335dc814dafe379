"""The user's files, from the paths of a command line to a project."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slo.diagnostic import Diagnostic, Level, Span
from slo.model import Project, UserFile
from slo.spec import SourceFile, read
from slo.spec.settings import unreadable

MANIFEST: Final = "manifest.json"
_SUFFIXES: Final = (".yaml", ".yml")
_RUNBOOKS: Final = "runbooks"
MAX_BYTES: Final = 8 * 1024 * 1024
"""Of a file that goes into the output as it is; longer ones are refused unread."""


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
    parts: list[UserFile] = []
    files, faults = sourced(paths)
    for path in _handwritten(file.name for file in files):
        try:
            parts.append(UserFile(path, _bounded(path), Span(path, 1, 1, 2)))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(_unreadable(path, error))
    project, problems = read(files, parts, _bounded)
    if not files and not faults:
        where = ", ".join(paths)
        text = f"no YAML file is in {where}: files that end in .yaml or .yml are read"
        hint = "sloctl init DIR writes starter files"
        problems = [Diagnostic("SLO007", Level.ERROR, text, None, hint)]
    if faults:
        project = None
        problems = [p for p in problems if files or p.code != "SLO007"]
    sources = {file.name: file.text for file in files} | {part.path: part.text for part in parts}
    return Reading(project, (*problems, *faults), sources)


def sourced(paths: Sequence[str]) -> tuple[list[SourceFile], list[Diagnostic]]:
    """The texts of all files of `paths`, and those that cannot be read."""
    files: list[SourceFile] = []
    faults: list[Diagnostic] = []
    for path, named in _wanted(paths):
        try:
            files.append(SourceFile(path, _text(path), named))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(_unreadable(path, error))
    return files, faults


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
    folders: dict[str, str] = {}
    for path, is_named in (*named, *found):
        real = _real(path, folders)
        if real not in seen:
            seen.add(real)
            yield path, is_named


def _real(path: str, folders: dict[str, str]) -> str:
    """Where `path` really is; each folder is followed once, and remembered in `folders`."""
    if os.path.islink(path):  # noqa: PTH114 - "-" is a path too
        return os.path.realpath(path)
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return f"{folders[folder]}/{name}"


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


def _handwritten(files: Iterable[str]) -> list[str]:
    """The runbook parts beside the files: ``runbooks/<alert>.md`` in the folder of one."""
    folders = {os.path.dirname(path) for path in files if path != "-"}  # noqa: PTH120 - paths stay as the user wrote them
    return sorted(
        os.path.join(folder, _RUNBOOKS, path.name)  # noqa: PTH118 - as above
        for folder in folders
        for path in Path(folder, _RUNBOOKS).glob("*.md")
        if path.is_file() and not path.name.startswith(".")
    )


def _bounded(path: str) -> str:
    size = Path(path).stat().st_size
    if size > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it may hold {MAX_BYTES} bytes, got {size}", path)
    return _text(path)


def _unreadable(path: str, error: OSError | UnicodeDecodeError) -> Diagnostic:
    return Diagnostic("SLO005", Level.ERROR, f"{path} cannot be read: {unreadable(error)}")


def _text(path: str) -> str:
    raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    return raw.decode("utf-8").replace("\r\n", "\n")
