"""`sloctl verify`: what was generated, proven with the real tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

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
    for result in _results(directory):
        counts[result.verdict] += 1
        _tell(result, state)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    state.say(told or "nothing to prove")
    if counts[Verdict.FAILED]:
        return PROBLEMS
    if counts[Verdict.SKIPPED] and not allow_skipped:
        click.echo("some proofs were skipped: run `make servers`, or allow it", err=True)
        return CANNOT_TELL
    return FINE


def _results(directory: Path) -> Iterator[Result]:
    yield _untouched(directory)
    for proof in proofs():
        yield from proof.run(directory)


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
