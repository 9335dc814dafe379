"""`memory_limiter`: refuses new requests while the process holds too much memory.

It acts at admission, before a request is taken over, so that nothing is ever dropped for
want of memory: the sender keeps what was refused and comes again.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Self

import psutil
from pydantic import Field, model_validator

from collectors.component import (
    Config,
    Context,
    Gate,
    ProcessorFactory,
    Refused,
    Settings,
    Signal,
)
from collectors.net.fields import SECOND, Count, Nanoseconds
from collectors.stateless import Stateless

_MEBIBYTE: Final = 1024 * 1024
_DEFAULT_SPIKE_SHARE: Final = 0.2  # the Collector's: 20 % of the limit
_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_Percent = Annotated[int, Field(ge=0, le=100)]


class MemoryLimiterConfig(Config):
    """Configuration of `memory_limiter`: one of `limit_mib` and `limit_percentage`.

    Attributes:
        check_interval: How old a measurement may be.
        limit_mib: Resident memory that is never to be passed, MiB.
        spike_limit_mib: Room kept below it; requests are refused from the limit less this.
            0 is a fifth of the limit.
        limit_percentage: The limit as a share of what the machine or its cgroup has.
        min_gc_interval_when_soft_limited: Shortest time between two forced collections.
    """

    check_interval: Nanoseconds = SECOND
    limit_mib: Count = 0
    spike_limit_mib: Count = 0
    limit_percentage: _Percent = 0
    spike_limit_percentage: _Percent = 0
    min_gc_interval_when_soft_limited: Nanoseconds = 10 * SECOND

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if not self.limit_mib and not self.limit_percentage:
            msg = "must have limit_mib or limit_percentage above 0"
            raise ValueError(msg)
        if self.limit_mib and self.spike_limit_mib >= self.limit_mib:
            msg = f"spike_limit_mib must be below limit_mib, got {self.spike_limit_mib}"
            raise ValueError(msg)
        if self.limit_percentage and self.spike_limit_percentage >= self.limit_percentage:
            msg = (
                "spike_limit_percentage must be below limit_percentage, "
                f"got {self.spike_limit_percentage}"
            )
            raise ValueError(msg)
        return self

    def soft_limit_bytes(self, total_bytes: int) -> int:
        """Resident memory from which requests are refused, on a machine with `total_bytes`."""
        if self.limit_mib:
            limit = self.limit_mib * _MEBIBYTE
            spike = self.spike_limit_mib * _MEBIBYTE
        else:
            limit = total_bytes * self.limit_percentage // 100
            spike = total_bytes * self.spike_limit_percentage // 100
        return limit - (spike or int(limit * _DEFAULT_SPIKE_SHARE))


class MemoryGate:
    """Measures at most every `check_interval`, and refuses while above the soft limit.

    Attributes:
        measure: Resident bytes of this process.
        clock: Monotonic nanoseconds.
    """

    def __init__(
        self,
        config: MemoryLimiterConfig,
        soft_limit_bytes: int,
        measure: Callable[[], int],
        clock: Callable[[], int],
    ) -> None:
        self._config = config
        self._soft_limit_bytes = soft_limit_bytes
        self._measure = measure
        self._clock = clock
        self._measured_ns: int | None = None
        self._collected_ns: int | None = None
        self._resident_bytes = 0

    async def admit(self, signal: Signal, payload: bytes, context: Context) -> bytes:
        """Let `payload` in.

        Raises:
            Refused: Too much memory is held.
        """
        del signal, context
        self._look()
        if self._resident_bytes + len(payload) > self._soft_limit_bytes:
            text = (
                f"{self._resident_bytes // _MEBIBYTE} MiB of memory are held, "
                f"requests are taken below {self._soft_limit_bytes // _MEBIBYTE} MiB"
            )
            raise Refused(text, max(self._config.check_interval / SECOND, 1.0))
        return payload

    def _look(self) -> None:
        now = self._clock()
        interval = self._config.check_interval
        if self._measured_ns is not None and now - self._measured_ns < interval:
            return
        self._measured_ns = now
        self._resident_bytes = self._measure()
        if self._resident_bytes <= self._soft_limit_bytes:
            return
        pause = self._config.min_gc_interval_when_soft_limited
        if self._collected_ns is None or now - self._collected_ns >= pause:
            self._collected_ns = now
            gc.collect()
            self._resident_bytes = self._measure()


def total_memory_bytes() -> int:
    """What this process may have: the machine's memory, or its cgroup's if that is less."""
    total = int(psutil.virtual_memory().total)
    for path in _CGROUP_LIMITS:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def _gate(config: MemoryLimiterConfig, _settings: Settings) -> Gate:
    process = psutil.Process(os.getpid())
    return MemoryGate(
        config,
        config.soft_limit_bytes(total_memory_bytes()),
        lambda: int(process.memory_info().rss),
        time.monotonic_ns,
    )


def _create(_config: MemoryLimiterConfig, _settings: Settings) -> Stateless:
    return Stateless()


FACTORY = ProcessorFactory(
    config=MemoryLimiterConfig,
    create=_create,
    signals=frozenset(Signal),
    admission=True,
    gate=_gate,
)
