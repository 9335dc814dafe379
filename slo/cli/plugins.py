"""What other rooms and other distributions plug into `sloctl`, loaded when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from slo.cli.state import Fault
from slo.plugin import Generator, Output, Proof

_GENERATORS: Final = "sloctl.generators"
_PROOFS: Final = "sloctl.proofs"
_STARTERS: Final = "sloctl.starters"
_CODES: Final = "sloctl.codes"


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


def page_folder() -> Traversable:
    """The folder of the front end's own pages, one per code."""
    return files("slo.cli.pages")


def code_tables() -> tuple[Mapping[str, str], ...]:
    """What other rooms say of their codes: a first sentence, a blank line, the rest."""
    found = (_loaded(entry) for entry in _entries(_CODES))
    return tuple(each for each in found if isinstance(each, Mapping))


def _entries(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))


def _loaded(entry: EntryPoint) -> object:
    try:
        found: object = entry.load()
    except (ImportError, AttributeError) as error:
        msg = f"plug-in {entry.group}:{entry.name} ({entry.value}) cannot be loaded: {error}"
        raise Fault(msg) from error
    return found
