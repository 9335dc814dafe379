"""`redaction` at admission: what it takes away is never written anywhere."""

from __future__ import annotations

import asyncio
from typing import Final

from collectors.component import (
    Context,
    Gate,
    Meter,
    ProcessorFactory,
    Rejected,
    Settings,
    Signal,
)
from collectors.processors.redaction.config import RedactionConfig
from collectors.processors.redaction.redactor import Redactor
from collectors.stateless import Stateless
from collectors.wire import Malformed

VALUES: Final = "fleetslo_redacted_values_total"

_AT_ONCE: Final = 2
"""Requests decoded at a time: as objects they are many times their length."""

_LARGE_BYTES: Final = 64 * 1024
"""From here on even searching is done in a worker thread."""


class RedactionGate:
    """Redacts each request in a worker thread, a bounded number at a time."""

    def __init__(self, redactor: Redactor, meter: Meter, component_id: str) -> None:
        self._redactor = redactor
        self._meter = meter
        self._component_id = component_id
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def admit(self, signal: Signal, payload: bytes, context: Context) -> bytes:
        """`payload` without what must not be stored, of as many items.

        Raises:
            Rejected: It cannot be read, so nobody can say what is in it.
        """
        del context
        if len(payload) < _LARGE_BYTES and self._redactor.is_clean(payload):
            return payload
        async with self._turns:
            try:
                redacted = await asyncio.to_thread(self._redactor.redact, signal, payload)
            except Malformed as error:
                raise Rejected(str(error)) from error
        for outcome, count in (("removed", redacted.removed), ("masked", redacted.masked)):
            if count:
                self._meter.add(VALUES, count, processor=self._component_id, outcome=outcome)
        return redacted.payload


def _gate(config: RedactionConfig, settings: Settings) -> Gate:
    return RedactionGate(Redactor(config), settings.meter, settings.component_id)


def _create(_config: RedactionConfig, _settings: Settings) -> Stateless:
    return Stateless()


FACTORY = ProcessorFactory(
    config=RedactionConfig,
    create=_create,
    signals=frozenset(Signal),
    admission=True,
    gate=_gate,
)
