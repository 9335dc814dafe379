"""Who holds the disk: bytes that wait for destinations, by tenant.

Counted by blocks of the outbox and not by record, so that a large backlog costs little
memory. Where no tenant is told, the host of the sender stands for it.
"""

from __future__ import annotations

import threading

from collectors.component import Context
from collectors.net.peers import host_of
from collectors.service.budget import PRESSED_SHARE

_BLOCK = 256  # records, the grain in which what was delivered is let go


def holder(context: Context) -> str:
    """Whose share a request counts against."""
    return context.tenant or host_of(context.peer)


def block_of(offset: int) -> int:
    """The first offset of the block in which `offset` is counted."""
    return offset - offset % _BLOCK


class Shares:
    """Bytes held by each tenant; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[int, dict[str, int]] = {}
        self._held: dict[str, int] = {}
        self._total = 0

    def add(self, offset: int, tenant: str, size_bytes: int) -> None:
        """Outbox record `offset`, of `tenant`, waits."""
        with self._lock:
            block = self._blocks.setdefault(offset // _BLOCK, {})
            block[tenant] = block.get(tenant, 0) + size_bytes
            self._held[tenant] = self._held.get(tenant, 0) + size_bytes
            self._total += size_bytes

    def passed(self, low: int) -> None:
        """All destinations are done with the outbox below `low`."""
        with self._lock:
            for number in [n for n in self._blocks if (n + 1) * _BLOCK <= low]:
                for tenant, size in self._blocks.pop(number).items():
                    self._total -= size
                    self._held[tenant] -= size
                    if not self._held[tenant]:
                        del self._held[tenant]

    def allows(self, tenant: str, size_bytes: int, used_bytes: int, limit_bytes: int) -> bool:
        """Whether `tenant` may hold `size_bytes` more.

        Args:
            tenant: See `holder`.
            size_bytes: Of its request.
            used_bytes: Of the budget, by all.
            limit_bytes: The budget.
        """
        if used_bytes + size_bytes <= limit_bytes * PRESSED_SHARE:
            return True
        with self._lock:
            held = self._held.get(tenant, 0) + size_bytes
            total = self._total + size_bytes
            tenants = len(self._held) + (tenant not in self._held)
        # What is held is a part of what is used: of the segments, too, that go in a piece.
        return held / total * used_bytes <= limit_bytes / tenants
