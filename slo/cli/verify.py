"""`sloctl verify`: what was generated, proven with the real tools."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from slo.cli.plugins import proofs
from slo.cli.reading import MANIFEST
from slo.cli.state import CANNOT_TELL, FINE, PROBLEMS, Fault, State, coloured
from slo.cli.writing import listed_hashes, sha256
from slo.plugin import Result, Verdict

_WORDS = {Verdict.PASSED: "passed", Verdict.FAILED: "FAILED", Verdict.SKIPPED: "skipped"}
_COLOURS = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.SKIPPED: "yellow"}


@click.command("verify")
@click.argument(
    "directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--allow-skipped", is_flag=True, help="Do not fail when a tool is missing.")
@click.pass_obj
def verify(state: State, directory: Path, allow_skipped: bool) -> int:
    """Prove the output of `sloctl generate` in DIR.

    Runs promtool on the rules and on their unit tests, amtool on the routes, and checks
    that every link between the files resolves.
    """
    if not (directory / MANIFEST).is_file():
        msg = f"{directory} holds no {MANIFEST}: give the DIR of sloctl generate --out"
        raise Fault(msg)
    counts: Counter[Verdict] = Counter()
    waiting = Waiting(sys.stderr, active=sys.stderr.isatty() and not state.quiet)
    for result in _results(directory, waiting):
        waiting.clear()
        counts[result.verdict] += 1
        _tell(result, state)
    waiting.clear()
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    state.say(told or "nothing to prove")
    if counts[Verdict.FAILED]:
        return PROBLEMS
    if counts[Verdict.SKIPPED] and not allow_skipped:
        click.echo("some proofs were skipped, see above; --allow-skipped lets them be", err=True)
        return CANNOT_TELL
    return FINE


class Waiting:
    """One line on a terminal that says what is running, and leaves no trace."""

    def __init__(self, stream: TextIO, *, active: bool) -> None:
        self._stream = stream
        self._active = active

    def show(self, text: str) -> None:
        """Replace the line by `text`."""
        if self._active:
            self._stream.write(f"\r\x1b[K{text} ...")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._active:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _results(directory: Path, waiting: Waiting) -> Iterator[Result]:
    yield _untouched(directory)
    found = proofs()
    for number, proof in enumerate(found, 1):
        waiting.show(f"[{number}/{len(found)}] {proof.name}")
        for result in proof.run(directory):
            yield result
            waiting.show(f"[{number}/{len(found)}] {proof.name}")


def _untouched(directory: Path) -> Result:
    """The files are those that were written: what is proven is what was compiled."""
    changed = [
        path
        for path, digest in listed_hashes(directory).items()
        if not (directory / path).is_file() or sha256((directory / path).read_bytes()) != digest
    ]
    name = "files are as generated"
    if changed:
        words = f"{', '.join(changed[:5])}: changed or missing since sloctl generate"
        return Result(name, Verdict.FAILED, words)
    return Result(name, Verdict.PASSED)


def _tell(result: Result, state: State) -> None:
    if result.verdict is Verdict.PASSED and state.quiet:
        return
    word = _WORDS[result.verdict]
    if coloured():
        word = click.style(word, fg=_COLOURS[result.verdict])
    failed = result.verdict is Verdict.FAILED
    detail = result.detail if failed or state.verbose else result.detail.partition("\n")[0]
    passed = result.verdict is Verdict.PASSED and not state.verbose
    lines = "" if passed or not detail else "\n  " + detail.replace("\n", "\n  ")
    click.echo(f"{word}  {result.name}{lines}", err=failed, color=coloured() or None)


COMMAND = verify
