"""`debug`: writes what passes to the daemon's own log, in one of three depths."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Final, Literal

from collectors.component import (
    Batch,
    Delivery,
    ExporterFactory,
    NeverTaken,
    Settings,
    Signal,
)
from collectors.net.counts import ITEMS
from collectors.net.fields import DestinationConfig
from collectors.net.otlp_json import NotOtlpError, to_json

_LONGEST_LINES: Final = 2000
"""Lines of one batch; the rest is counted, so that a terminal stays usable."""


class DebugConfig(DestinationConfig):
    """Configuration of `debug`.

    Attributes:
        verbosity: ``basic``: one line a batch; ``normal``: one line of OTLP JSON a batch;
            ``detailed``: the same, indented.
    """

    verbosity: Literal["basic", "normal", "detailed"] = "basic"


class DebugExporter:
    """Tells about every batch through `write`."""

    def __init__(
        self, config: DebugConfig, component_id: str, write: Callable[[str], None]
    ) -> None:
        self._verbosity = config.verbosity
        self._component_id = component_id
        self._write = write

    async def start(self) -> None:
        """Nothing is to be opened."""

    async def stop(self) -> None:
        """Nothing is to be closed."""

    async def deliver(self, batch: Batch) -> Delivery:
        """Write `batch`.

        Raises:
            NeverTaken: It cannot be read.
        """
        noun = ITEMS[batch.signal].replace("_", " ")
        head = f"{self._component_id}: {batch.items} {noun}, {len(batch.payload)} bytes"
        if self._verbosity == "basic":
            self._write(head)
            return Delivery()
        try:
            text = to_json(batch.signal, batch.payload)
        except NotOtlpError as error:
            raise NeverTaken(str(error)) from error
        if self._verbosity == "detailed":
            text = _bounded(json.dumps(json.loads(text), indent=2, ensure_ascii=False))
        self._write(f"{head}\n{text}")
        return Delivery()


def _bounded(text: str) -> str:
    lines = text.split("\n")
    if len(lines) <= _LONGEST_LINES:
        return text
    left = len(lines) - _LONGEST_LINES
    return "\n".join([*lines[:_LONGEST_LINES], f"... {left} more lines"])


def _create(config: DebugConfig, settings: Settings) -> DebugExporter:
    return DebugExporter(config, settings.component_id, logging.getLogger(__name__).info)


FACTORY = ExporterFactory(config=DebugConfig, create=_create, signals=frozenset(Signal))
