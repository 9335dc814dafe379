"""What the daemon saves beside its logs: the graph's snapshot, the cursors, its deaths.

Each is one file, replaced as a whole, checked when it is read. A file that is damaged is
as good as none: then work is done again, and nothing is lost.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from google_crc32c import extend

from collectors.graph import Unreadable, pack, unpack
from collectors.log import DRAFT, SIGNALS, FileSystem, Mark, Totals, read_whole, write_atomically
from collectors.service.books import Counts

_log = logging.getLogger(__name__)

_MAGIC = b"FSLOSTA\x01"
_SNAPSHOT = "snapshot"
_CURSORS = "cursors"
_DEATHS = "deaths"
_BOOT = "boot"
_CONFIGURATION = "configuration-"
_WORDS = "words"
_STATE = "state/"

Identity = tuple[int, int]
"""Inbox offset and index of an output; they are made in ascending order."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Offsets in the inbox and in the held log below which nothing is read any more."""

    inbox: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Shelved:
    """What a snapshot relies on of what waits on disk.

    Attributes:
        held: The held log up to here.
        floor: Nothing below is read by what follows.
    """

    held: Mark = field(default_factory=Mark)
    floor: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All state of the graph and the views at one place in the inbox.

    Attributes:
        inbox: The inbox up to this place.
        outbox: The outbox when everything up to this place was in it.
        known_from: Outbox records below it are of inbox records before this place.
        dead_end: Dead letters below it are of inbox records before this place.
        read: Items read, as the graph counted them.
        lost: Items that it could not read.
        last: The last output that is in the outbox.
        queued: Items given to each destination.
        fingerprint: Under which configuration and software.
        state: Of components, ledgers and views, by name.
        shelved: What it relies on of the logs in which items wait.
    """

    inbox: Mark
    outbox: Mark
    known_from: int
    dead_end: int
    read: Totals
    lost: Totals
    last: Identity
    queued: dict[str, Counts]
    fingerprint: str
    state: dict[str, bytes]
    shelved: Shelved = field(default_factory=Shelved)


@dataclass(frozen=True, slots=True)
class SavedCursor:
    """Where a destination stands.

    Attributes:
        low: Everything below was delivered or dead-lettered, or was not for it.
        done: So was this, above `low`.
    """

    low: int
    done: tuple[int, ...]
    delivered: Counts
    dead_lettered: Counts
    lost: Counts


@dataclass(frozen=True, slots=True)
class Boot:
    """Under which boot of the machine the logs were last written, and how.

    Attributes:
        boot: Differs from boot to boot.
        is_clean: Everything was synced when the daemon ended.
        was_synced: An acknowledgement stood for the disk.
    """

    boot: str
    is_clean: bool
    was_synced: bool

    def may_have_lost(self, now: str) -> bool:
        """Whether a machine that is now in boot `now` may have lost what was acknowledged."""
        return not (self.is_clean or self.was_synced or self.boot == now)


class StateFiles:
    """The directory `state` of a data directory."""

    def __init__(self, files: FileSystem, directory: Path) -> None:
        self._files = files
        self._directory = directory
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        files.make_directory(directory)
        whole = (name for name in files.names(directory) if not name.endswith(DRAFT))
        self._sizes = {name: self._size(name) for name in whole}

    @property
    def directory(self) -> Path:
        """Where the files are."""
        return self._directory

    @property
    def size_bytes(self) -> int:
        """Bytes of all files, and once more of the largest: replaced, it is there twice."""
        sizes = self._sizes.copy()  # threads that save change it
        return sum(sizes.values()) + max(sizes.values(), default=0)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Save it; raises OSError, and the one before stands."""
        words = {
            "inbox": _mark_words(snapshot.inbox),
            "outbox": _mark_words(snapshot.outbox),
            "known_from": snapshot.known_from,
            "dead_end": snapshot.dead_end,
            "read": snapshot.read,
            "lost": snapshot.lost,
            "last": snapshot.last,
            "queued": snapshot.queued,
            "fingerprint": snapshot.fingerprint,
            "held": _mark_words(snapshot.shelved.held),
            "floor": [snapshot.shelved.floor.inbox, snapshot.shelved.floor.held],
        }
        parts = {_WORDS: json.dumps(words).encode()}
        parts |= {_STATE + name: state for name, state in snapshot.state.items()}
        self._write(_SNAPSHOT, pack(parts))

    def load_snapshot(self) -> Snapshot | None:
        """The last one saved; None if there is none or it cannot be read."""
        data = self._read(_SNAPSHOT)
        if data is None:
            return None
        try:
            parts = unpack(data)
            words = json.loads(parts[_WORDS])
            return Snapshot(
                inbox=_mark(words["inbox"]),
                outbox=_mark(words["outbox"]),
                known_from=words.get("known_from", words["outbox"]["end"]),
                dead_end=words["dead_end"],
                read=_totals(words["read"]),
                lost=_totals(words.get("lost", (0, 0, 0))),
                last=(words["last"][0], words["last"][1]),
                queued={name: _counts(counts) for name, counts in words["queued"].items()},
                fingerprint=words["fingerprint"],
                state={
                    name.removeprefix(_STATE): state
                    for name, state in parts.items()
                    if name.startswith(_STATE)
                },
                shelved=_shelved(words) if "held" in words else Shelved(),
            )
        except (Unreadable, KeyError, TypeError, ValueError):
            _log.exception("the snapshot cannot be read; everything in the inbox is replayed")
            return None

    def save_cursors(self, cursors: Mapping[str, SavedCursor]) -> None:
        """Save them all; raises OSError, and those before stand."""
        self._write(_CURSORS, encode_cursors(cursors))

    def load_cursors(self) -> dict[str, SavedCursor]:
        """Those last saved, by destination; empty if there are none or they are damaged."""
        data = self._read(_CURSORS)
        if data is None:
            return {}
        try:
            return decode_cursors(data)
        except (KeyError, TypeError, ValueError):
            _log.exception("the cursors cannot be read; everything in the outbox is sent again")
            return {}

    def save_deaths(self, deaths: dict[int, int]) -> None:
        """Save how often the process died at which inbox offset; raises OSError."""
        self._write(_DEATHS, json.dumps({str(at): n for at, n in deaths.items()}).encode())

    def load_deaths(self) -> dict[int, int]:
        """How often the process died at which inbox offset."""
        data = self._read(_DEATHS)
        if data is None:
            return {}
        words = cast("dict[str, int]", json.loads(data))
        return {int(offset): count for offset, count in words.items()}

    def save_configuration(self, fingerprint: str, data: bytes) -> None:
        """Keep what a configuration is made of; raises OSError."""
        self._write(_configuration(fingerprint), data)

    def load_configurations(self) -> Iterator[bytes]:
        """All that are kept and can be read, in no order."""
        for name in self._files.names(self._directory):
            is_whole = name.startswith(_CONFIGURATION) and not name.endswith(DRAFT)
            if is_whole and (data := self._read(name)) is not None:
                yield data

    def forget_configurations(self, needed: AbstractSet[str]) -> None:
        """Let go of all but those with the fingerprints `needed`; raises OSError."""
        keep = {_configuration(fingerprint) for fingerprint in needed}
        for name in self._files.names(self._directory):
            if name.startswith(_CONFIGURATION) and name not in keep:
                self._files.remove(self._directory / name)
                self._sizes.pop(name, None)

    def save_boot(self, boot: Boot) -> None:
        """Save under which boot the logs are written; raises OSError."""
        self._write(_BOOT, json.dumps([boot.boot, boot.is_clean, boot.was_synced]).encode())

    def load_boot(self) -> Boot | None:
        """What was saved last; None if there is nothing that can be read."""
        data = self._read(_BOOT)
        if data is None:
            return None
        boot, is_clean, was_synced = json.loads(data)
        return Boot(str(boot), bool(is_clean), bool(was_synced))

    def _write(self, name: str, data: bytes) -> None:
        checksum = extend(0, data).to_bytes(4, "little")
        # A save whose task was cancelled goes on in its thread, and must not meet the next one.
        with self._turns[name]:
            write_atomically(self._files, self._directory / name, _MAGIC + checksum + data)
            self._sizes[name] = len(_MAGIC) + len(checksum) + len(data)

    def _size(self, name: str) -> int:
        try:
            file = self._files.open(self._directory / name)
        except FileNotFoundError:  # of a daemon that goes on while it is looked at
            return 0
        try:
            return file.size()
        finally:
            file.close()

    def _read(self, name: str) -> bytes | None:
        data = read_whole(self._files, self._directory / name)
        if data is None:
            return None
        checksum, body = data[len(_MAGIC) : len(_MAGIC) + 4], data[len(_MAGIC) + 4 :]
        if not data.startswith(_MAGIC) or extend(0, body) != int.from_bytes(checksum, "little"):
            _log.error("%s is damaged and was ignored", self._directory / name)
            return None
        return body


def encode_cursors(cursors: Mapping[str, SavedCursor]) -> bytes:
    """As bytes."""
    words = {
        name: {
            "low": cursor.low,
            "done": cursor.done,
            "delivered": cursor.delivered,
            "dead_lettered": cursor.dead_lettered,
            "lost": cursor.lost,
        }
        for name, cursor in cursors.items()
    }
    return json.dumps(words).encode()


def decode_cursors(data: bytes) -> dict[str, SavedCursor]:
    """What `encode_cursors` made; raises KeyError, TypeError or ValueError."""
    return {
        name: SavedCursor(
            words["low"],
            tuple(words["done"]),
            _counts(words["delivered"]),
            _counts(words["dead_lettered"]),
            _counts(words.get("lost", {})),
        )
        for name, words in json.loads(data).items()
    }


def _configuration(fingerprint: str) -> str:
    return _CONFIGURATION + hashlib.sha256(fingerprint.encode()).hexdigest()[:32]


def _mark_words(mark: Mark) -> dict[str, object]:
    return {"end": mark.end, "totals": mark.totals, "steady_ns": mark.steady_ns}


def _mark(words: dict[str, object]) -> Mark:
    end, steady_ns = words["end"], words["steady_ns"]
    if not isinstance(end, int) or not isinstance(steady_ns, int):
        msg = "a mark without numbers"
        raise TypeError(msg)
    return Mark(end, _totals(words["totals"]), steady_ns)


def _shelved(words: dict[str, dict[str, object]]) -> Shelved:
    inbox, held = cast("tuple[int, int]", words["floor"])
    return Shelved(_mark(words["held"]), Bounds(int(inbox), int(held)))


def _totals(words: object) -> Totals:
    traces, metrics, logs = cast("list[int]", words)
    return int(traces), int(metrics), int(logs)


def _counts(words: dict[str, int]) -> Counts:
    return {signal: int(words.get(signal, 0)) for signal in SIGNALS}
