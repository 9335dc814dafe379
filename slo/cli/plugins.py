"""What other rooms and other distributions plug into `sloctl`, loaded when it is needed."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from slo.cli.state import Fault
from slo.plugin import Generator, Output, Proof

_GENERATORS: Final = "sloctl.generators"
_PROOFS: Final = "sloctl.proofs"
_STARTERS: Final = "sloctl.starters"
_PAGES: Final = "sloctl.pages"


def generators() -> tuple[Generator, ...]:
    """All generators, by the names of their entries."""
    found: list[Generator] = []
    for entry in _entries(_GENERATORS):
        generator = _loaded(entry)
        if isinstance(getattr(generator, "output", None), Output):
            found.append(generator)  # type: ignore[arg-type]  # a Protocol: its methods are called, and missed, by name
        else:
            msg = f"plug-in {entry.value} is no generator: it has no output"
            raise Fault(msg)
    return tuple(found)


def proofs() -> tuple[Proof, ...]:
    """All proofs, by the names of their entries."""
    return tuple(_loaded(entry) for entry in _entries(_PROOFS))  # type: ignore[misc]  # as above


def starters() -> tuple[Traversable, ...]:
    """The folders of starter documents."""
    return tuple(files(entry.value) for entry in _entries(_STARTERS))


def page_folders() -> tuple[Traversable, ...]:
    """The folders of pages that `sloctl explain CODE` shows, ours first."""
    others = (files(entry.value) for entry in _entries(_PAGES))
    return (files("slo.cli.pages"), *others)


def _entries(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))


def _loaded(entry: EntryPoint) -> object:
    try:
        found: object = entry.load()
    except (ImportError, AttributeError) as error:
        msg = f"plug-in {entry.group}:{entry.name} ({entry.value}) cannot be loaded: {error}"
        raise Fault(msg) from error
    return found
