"""`collector buffer requeue` and `repair`: what changes a data directory that no daemon owns."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from collectors.component import StartError
from collectors.graph import DeadWords, Requeued, Unreadable, read_control
from collectors.log import Incomplete, Kind, LogHooks, OsFileSystem, Record
from collectors.log.repair import repair as repair_log
from collectors.service.plan import StorageSettings
from collectors.service.requeue import Letter
from collectors.service.requeue import requeue as put_back
from collectors.service.storage import LOGS, WAITING_LOGS, boot_identity, open_storage
from slo.cli.state import Fault

_directory = click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@click.command()
@_directory
@click.option("--to", "destination", help="Only those for this destination.")
@click.option("--reason", help="Only those whose reason has these words in it.")
@click.option("--offset", "offsets", type=int, multiple=True, help="Only this one; repeatable.")
@click.option("--partial", is_flag=True, help="Also those of which a part was taken.")
def requeue(
    directory: Path,
    destination: str | None,
    reason: str | None,
    offsets: tuple[int, ...],
    partial: bool,
) -> None:
    """Put dead letters back, each once; the daemon delivers them after its next start."""

    def wanted(letter: Letter) -> bool:
        return (
            (destination is None or letter.words.destination == destination)
            and (reason is None or reason in letter.words.reason)
            and (not offsets or letter.offset in offsets)
        )

    _is_data_directory(directory)
    try:
        result = put_back(
            directory, OsFileSystem(), wanted, wall_ns=time.time_ns(), partial=partial
        )
    except (StartError, Incomplete, OSError) as error:
        raise Fault(str(error.__cause__ or error)) from error
    click.echo(f"{result.letters} dead letters with {result.items} items were put back")
    for why, count in sorted(Counter(result.kept.values()).items()):
        click.echo(f"{count} stay: {why}")


@click.command()
@_directory
def repair(directory: Path) -> None:
    """Write damaged segments anew; what cannot be read is kept in DIRECTORY/damaged."""
    _is_data_directory(directory)
    try:
        storage = open_storage(
            StorageSettings(directory=directory),
            OsFileSystem(),
            lambda _: LogHooks(),
            boot_identity,
        )
        storage.close()  # recovery cuts a torn tail and removes what is left over
        owned = OsFileSystem().lock(directory / "lock")
        try:
            for name in (*LOGS, *WAITING_LOGS):
                if (directory / name).is_dir():
                    _repair_log(directory, name)
        finally:
            owned.close()
    except (StartError, OSError) as error:
        raise Fault(str(error)) from error


def _repair_log(directory: Path, name: str) -> None:
    found = 0
    for gap in repair_log(directory / name, directory / "damaged" / name):
        found += 1
        items = ", ".join(
            f"{count} {signal}"
            for signal, count in zip(("traces", "metrics", "logs"), gap.items, strict=True)
            if count
        )
        click.echo(
            f"{name}: {gap.name}: records {gap.first} to {gap.until - 1} are gone"
            f"{', with ' + items if items else ''}"
        )
    if not found:
        click.echo(f"{name}: nothing to repair")


def _is_data_directory(directory: Path) -> None:
    if not any((directory / name).is_dir() for name in LOGS):
        msg = f"{directory} is not a data directory"
        raise Fault(msg)


def tell_letters(records: Callable[[], Iterable[Record]], *, each: bool) -> None:
    """List dead letters: how many of each kind, or one by one.

    Args:
        records: Reads them from the first on; twice, for they are more than fits into memory.
        each: One by one.
    """
    gone = {
        letter
        for record in records()
        if record.kind is Kind.CONTROL and isinstance(said := read_control(record.meta), Requeued)
        for letter in said.letters
    }
    kinds: Counter[tuple[str, str, str]] = Counter()
    items: Counter[tuple[str, str, str]] = Counter()
    for record in records():
        if record.kind is not Kind.DATA:
            continue
        try:
            words = DeadWords.decode(record.meta)
        except Unreadable:
            continue
        state = "requeued" if record.offset in gone else "waits"
        if each:
            address = f"to {words.destination}" if words.destination else words.stage
            click.echo(
                f"  letter {record.offset}  {record.items} {record.signal}  {address}  "
                f"{state}  {words.reason}"
            )
        key = (words.destination or words.stage, state, words.reason)
        kinds[key] += 1
        items[key] += record.items
    if not each:
        for (where, state, why), count in sorted(kinds.items()):
            click.echo(
                f"  {_several(count, 'letter')}, {_several(items[where, state, why], 'item')}, "
                f"{where}, {state}: {why}"
            )


def _several(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
