"""Under which configuration records are replayed: the one that they were taken under.

The inbox says from which record on a configuration holds, and the data directory keeps what
is needed to make the graph of an earlier one. An era is the stretch of records between two
such places. Where the graph of an era cannot be made any more, nothing from its beginning on
is taken for known: duplicates, never loss.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collectors.graph import Configured, Graph, PipelineMeter, Unreadable, read_control
from collectors.log import Kind, Log, skim
from collectors.service.state import StateFiles

_log = logging.getLogger(__name__)

MOST_KEPT = 16
"""Configurations kept beside the present one: more changes than that between two snapshots
are a crash loop."""


@dataclass(frozen=True, slots=True)
class Era:
    """A stretch of the inbox that was taken under an earlier configuration.

    Attributes:
        fingerprint: Of configuration and software.
        graph: Made anew; its state is given to it by whoever replays.
        meters: Of its processors and connectors.
        views: Its exporters that were views: what they were given is not in the outbox.
    """

    fingerprint: str
    graph: Graph
    meters: Sequence[PipelineMeter]
    views: frozenset[str]


@dataclass(frozen=True, slots=True)
class Course:
    """How the replay goes.

    Attributes:
        eras: Those before the present configuration, in order.
        cut: From this record on nothing is taken for known, and the present graph acts; None
            if every record finds the graph that it was taken under.
        is_announced: The inbox says that the present configuration holds at its end.
        saves_from: No snapshot is saved before this record: with a cut, what is behind it was
            made by graphs that a later replay must not take for those of their eras.
    """

    eras: tuple[Era, ...] = ()
    cut: int | None = None
    is_announced: bool = True
    saves_from: int = 0

    def first(self, present: Graph) -> Graph:
        """The graph that the replay begins with."""
        return self.eras[0].graph if self.eras else present


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a configuration.

    Attributes:
        fingerprint: Of configuration and software.
        recipe: See `ServicePlan.recipe`.
        views: Its exporters that are views.
    """

    fingerprint: str
    recipe: str
    views: frozenset[str]

    def encode(self) -> bytes:
        """As bytes."""
        words = {"of": self.fingerprint, "recipe": self.recipe, "views": sorted(self.views)}
        return json.dumps(words).encode()

    @classmethod
    def decode(cls, data: bytes) -> Kept:
        """What `encode` made; raises ValueError, KeyError or TypeError."""
        words = json.loads(data)
        return cls(str(words["of"]), str(words["recipe"]), frozenset(words["views"]))


Build = Callable[[Kept], tuple[Graph, Sequence[PipelineMeter]]]
"""Makes the graph of a configuration again; raises whatever keeps it from that."""

_Stretch = tuple[int, str, bool]
"""Where a configuration begins, its name, and whether it took no record."""


def chart(
    inbox: Log,
    start: int,
    governing: str | None,
    present: Kept,
    files: StateFiles,
    build: Build,
    is_left: Callable[[Graph], bool],
) -> Course:
    """Find the eras from record `start` on, and keep what a later replay will need.

    Args:
        inbox: Says where configurations begin.
        start: Where the replay begins.
        governing: Under what the record there was taken, as the snapshot says; None without.
        present: What is run now.
        files: Keeps configurations.
        build: See `Build`.
        is_left: Whether a graph has components that the present one has not: what they hold
            has to go out in it, even if no record is left to be processed there.

    Raises:
        OSError: The disk failed.
    """
    kept = dict(_kept(files))
    first = _only(kept, present.fingerprint) if governing is None else governing
    stretches, said = _stretches(inbox, start, first, has_state=governing is not None)
    while stretches and stretches[-1][1] == present.fingerprint:
        stretches.pop()
    eras, cut = _built(stretches, kept, build, is_left)
    needed = {name for _, name, is_empty in stretches if not is_empty}
    _keep(files, kept, present, needed | {era.fingerprint for era in eras})
    is_announced = (said or governing) == present.fingerprint
    return Course(tuple(eras), cut, is_announced, 0 if cut is None else inbox.end)


def _built(
    stretches: Sequence[_Stretch],
    kept: Mapping[str, Kept],
    build: Build,
    is_left: Callable[[Graph], bool],
) -> tuple[list[Era], int | None]:
    """The eras that are gone through, and where the first begins that cannot be built."""
    eras: list[Era] = []
    for begins, name, is_empty in stretches:
        try:
            era = _era(kept, name, build)
        except Exception as error:  # noqa: BLE001 - whatever a component says of what it once took
            if is_empty:
                continue
            _log.error(
                "inbox records from %d on are processed anew under the present configuration, and "
                "sent again: the one that they were taken under cannot be built: %s",
                begins,
                error,
            )
            return eras, begins
        if not is_empty or len(stretches) > 1 or is_left(era.graph):
            eras.append(era)
    return eras, None


def hand_over(graph: Graph, state: Mapping[str, bytes]) -> None:
    """Let `graph` go on from the state of another, and tell what it has no place for."""
    for name, items in graph.take_over(state).items():
        _log.error("%d items that %s held have no processor any more", items, name)


def _era(kept: Mapping[str, Kept], name: str, build: Build) -> Era:
    found = kept.get(name)
    if found is None:
        msg = "it is not kept in the data directory"
        raise LookupError(msg)
    graph, meters = build(found)
    return Era(name, graph, meters, found.views)


def _stretches(
    inbox: Log, start: int, first: str, *, has_state: bool
) -> tuple[list[_Stretch], str]:
    """Where each configuration begins that took a record, and the last that is announced.

    With state the first is among them also if it took none.
    """
    found: list[_Stretch] = []
    begins, name, is_empty, last = start, first, True, ""
    for note in skim(inbox, start):
        said = _configured(note.kind, note.meta)
        if said is None:
            is_empty = False
            continue
        last = said
        if said == name:
            continue
        if not is_empty or (has_state and not found and begins == start):
            found.append((begins, name, is_empty))
        begins, name, is_empty = note.offset, said, True
    if not is_empty or (has_state and not found and begins == start):
        found.append((begins, name, is_empty))
    return found, last


def _configured(kind: Kind, meta: bytes) -> str | None:
    if kind is not Kind.CONTROL:
        return None
    try:
        control = read_control(meta)
    except (Unreadable, ValueError):
        return None
    return name_of(control) if isinstance(control, Configured) else None


def name_of(control: Configured) -> str:
    """Configuration and software in one word, as snapshots have it."""
    return f"{control.fingerprint}/{control.version}"


def _only(kept: Mapping[str, Kept], present: str) -> str:
    """Without a snapshot: the present configuration, if the directory has known no other."""
    return present if not kept.keys() - {present} else ""


def _kept(files: StateFiles) -> Iterator[tuple[str, Kept]]:
    for data in files.load_configurations():
        try:
            found = Kept.decode(data)
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("a configuration that was kept cannot be read: %r", error)
            continue
        yield found.fingerprint, found


def _keep(files: StateFiles, kept: Mapping[str, Kept], present: Kept, needed: set[str]) -> None:
    """Keep the present configuration and those that are still needed, and let go of others."""
    others = [name for name in kept if name in needed and name != present.fingerprint]
    names = {present.fingerprint, *others[-MOST_KEPT:]}
    try:
        if kept.get(present.fingerprint) != present:
            files.save_configuration(present.fingerprint, present.encode())
        files.forget_configurations(names)
    except OSError as error:
        _log.warning("the configuration was not kept beside the data: %s", error)
