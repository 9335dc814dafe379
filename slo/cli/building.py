"""A project goes through the compiler and the generators, in memory."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Generator as Yields
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from slo.diagnostic import Diagnostic, has_errors
from slo.emit.flavors import Flavor, too_large, unsupported, wrapped_dashboards, wrapped_rules
from slo.model import Compiled, OutputFile, Project
from slo.plugin import Generator, Output
from slo.rules import compile_project, with_sloth


@dataclass(frozen=True, slots=True)
class Built:
    """A file to be written, and the family it belongs to."""

    path: str
    output: Output
    text: str


@contextmanager
def uncollected() -> Yields[None]:
    """Let no cyclic garbage be looked for meanwhile.

    What a run makes is kept until it is written: looking for garbage in it again and again
    is a tenth of the time and finds nothing.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def checked(
    project: Project, generators: Sequence[Generator], *, sloth: bool = False
) -> tuple[Compiled, list[Diagnostic]]:
    """The rules of `project`, and what stands in the way of any generator.

    Args:
        project: What the files say.
        generators: Those that will run.
        sloth: Add the records and labels of sloth.
    """
    compiled = compile_project(project)
    if sloth:
        compiled = with_sloth(compiled)
    problems = [problem for generator in generators for problem in generator.check(compiled)]
    return compiled, list(dict.fromkeys(problems))


def built(compiled: Compiled, generators: Iterable[Generator]) -> tuple[Built, ...]:
    """Every file, sorted by path.

    Raises:
        ValueError: Two generators write one path, or a path leaves the directory.
    """
    found: dict[str, Built] = {}
    for generator in generators:
        for file in generator.generate(compiled):
            _refuse(file.path, found)
            found[file.path] = Built(file.path, generator.output, file.text)
    return tuple(found[path] for path in sorted(found))


def wrapped(
    files: Sequence[Built], compiled: Compiled, flavor: Flavor, only: Collection[Output]
) -> tuple[tuple[Built, ...], list[Diagnostic]]:
    """`files` and their wrappers for `flavor`, sorted by path; and what will not load there."""
    boards = [OutputFile(f.path, f.text) for f in files if f.output is Output.DASHBOARDS]
    rules = wrapped_rules(compiled.rule_files, flavor) if Output.RULES in only else ()
    dashboards = list(wrapped_dashboards(boards, flavor))
    more = [Built(file.path, Output.RULES, file.text) for file in rules]
    more += [Built(file.path, Output.DASHBOARDS, file.text) for file in dashboards]
    every = tuple(sorted((*files, *more), key=lambda file: file.path))
    return every, [*too_large(dashboards), *unsupported(compiled, flavor)]


def stops(problems: Sequence[Diagnostic], *, strict: bool) -> bool:
    """Whether `problems` stop the run; under `strict` a warning does too."""
    return has_errors(list(problems)) or (strict and any(p.level == "warning" for p in problems))


def _refuse(path: str, found: dict[str, Built]) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        msg = f"a generator's path must stay below the output directory, got {path!r}"
        raise ValueError(msg)
    if path in found:
        msg = f"two generators write {path}: {found[path].output} and another"
        raise ValueError(msg)
