"""How long messages waited: from the span of whoever sent one to the span of whoever took it.

Spans of two clocks are compared, unless the broker's own time stands on the taker's span. A
message that somebody takes again, or tells of twice, waited once.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.connectors.agentmetrics.rows import COUNTED, ROW, WAIT, WAITING, Rows
from collectors.graph import pack, unpack
from collectors.net.fields import SECOND
from collectors.wire.kernel import Longs

SENT: Final = np.dtype([("key", "<u8"), ("began", "<i8"), ("ended", "<i8"), ("seen", "<i8")])
"""A message that was sent: its span, when it began and ended, and when that came."""

TAKEN: Final = np.dtype(
    [
        ("id", "<u8"),  # of the message and of where it was taken
        ("sent", "<u8"),  # the span that may have sent it, 0 where its time is known
        ("at", "<i8"),  # when it was taken
        ("queued", "<i8"),  # when it was queued by the broker's clock, 0 where nobody says
        ("seen", "<i8"),
        ("labels", "<i4"),
        ("resource", "<i4"),
        ("state", "i1"),
        ("shown", "i1"),
    ]
)
"""A message that was taken."""

Mask: TypeAlias = NDArray[np.bool_]
_LONGEST_NS: Final = 7 * 24 * 3600 * SECOND
"""No message waits so long: one of the clocks is wrong."""


class Waits:
    """Messages that were sent, and messages that were taken; flat arrays, bounded."""

    def __init__(self, wait_ns: int, remember_ns: int, most: int) -> None:
        """Begin empty.

        Args:
            wait_ns: How long who took a message waits for who sent it.
            remember_ns: For how long both are known.
            most: Most of each.
        """
        self._wait_ns = wait_ns
        self._remember_ns = remember_ns
        self._most = most
        self._sent: Rows = np.zeros(0, SENT)
        self._taken: Rows = np.zeros(0, TAKEN)
        self._new: list[tuple[Rows, Rows]] = []

    def __len__(self) -> int:
        """Messages that wait to be counted."""
        waiting = int(np.count_nonzero(self._taken["state"] == WAITING))
        return waiting + sum(len(taken) for _, taken in self._new)

    def add(self, sent: Rows, taken: Rows) -> None:
        """Take in what came."""
        if len(sent) or len(taken):
            self._new.append((sent[-self._most :], taken[-self._most :]))

    def settle(self, steady_ns: int) -> tuple[Rows, Rows]:
        """The waits that count now, and those whose series are to be shown at zero before."""
        self._merge()
        taken = self._taken
        waited, is_known = self._waited(taken)
        waits = taken["state"] == WAITING
        is_over = taken["seen"] + self._wait_ns <= steady_ns
        due: Mask = waits & is_known & is_over & (taken["shown"] != 0)
        fresh: Mask = waits & is_known & (taken["shown"] == 0)
        counted, shown = _rows(taken, waited, due), _rows(taken, waited, fresh)
        taken["state"][due], taken["shown"][fresh] = COUNTED, 1
        keep = np.where(waits & ~due, is_known | ~is_over, self._is_recent(taken, steady_ns))
        self._taken = taken[keep][-self._most :]
        self._sent = self._sent[self._is_recent(self._sent, steady_ns)][-self._most :]
        return counted, shown

    def resources(self) -> frozenset[int]:
        """Those that some message still needs."""
        rows = [self._taken[self._taken["state"] == WAITING], *(of for _, of in self._new)]
        found = np.unique(np.concatenate([of["resource"] for of in rows]))
        return frozenset(found.tolist())

    def words(self) -> list[int]:
        """The label sets that are used."""
        rows = [self._taken, *(of for _, of in self._new)]
        found = np.unique(np.concatenate([of["labels"] for of in rows]))
        return [int(number) for number in found.tolist()]

    def renumber(self, moved: Longs) -> None:
        """Label sets have new numbers."""
        for rows in (self._taken, *(of for _, of in self._new)):
            rows["labels"] = moved[rows["labels"]]

    def snapshot(self) -> bytes:
        """Everything."""
        sent = np.concatenate([np.zeros(0, SENT), *(of for of, _ in self._new)])
        taken = np.concatenate([np.zeros(0, TAKEN), *(of for _, of in self._new)])
        return pack(
            {
                "sent": self._sent.tobytes(),
                "taken": self._taken.tobytes(),
                "new_sent": sent.tobytes(),
                "new_taken": taken.tobytes(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._sent = np.frombuffer(parts["sent"], SENT).copy()
        self._taken = np.frombuffer(parts["taken"], TAKEN).copy()
        sent = np.frombuffer(parts["new_sent"], SENT).copy()
        self._new = [(sent, np.frombuffer(parts["new_taken"], TAKEN).copy())]

    def _merge(self) -> None:
        """Put what is new to the rest; of one message taken twice the earlier is kept."""
        sent = np.concatenate([self._sent, *(of for of, _ in self._new)])
        self._sent = sent[np.sort(np.unique(sent["key"], return_index=True)[1])]
        taken = np.concatenate([self._taken, *(of for _, of in self._new)])
        taken = taken[np.lexsort((taken["at"], -taken["state"], taken["id"]))]
        taken = taken[np.unique(taken["id"], return_index=True)[1]]
        self._taken = taken[np.argsort(taken["seen"], kind="stable")]
        self._new = []

    def _waited(self, taken: Rows) -> tuple[Longs, Mask]:
        """How long each message waited, and of which that is known."""
        order = np.argsort(self._sent["key"], kind="stable")
        sent = self._sent[order]
        places = np.searchsorted(sent["key"], taken["sent"])
        found = np.zeros(len(taken), np.bool_)
        queued = taken["queued"].astype(np.int64)
        if len(sent):
            places = np.minimum(places, len(sent) - 1)
            found = (sent["key"][places] == taken["sent"]) & (queued == 0)
            # A sender that is not done when its message is taken waits for an answer.
            is_done = sent["ended"][places] <= taken["at"]
            queued[found] = np.where(is_done, sent["ended"][places], sent["began"][places])[found]
        waited = np.maximum(taken["at"] - queued, 0)
        return waited, (queued > 0) & (waited <= _LONGEST_NS)

    def _is_recent(self, rows: Rows, steady_ns: int) -> Mask:
        found: Mask = rows["seen"] + self._remember_ns > steady_ns
        return found


def _rows(taken: Rows, waited: Longs, wanted: Mask) -> Rows:
    """What waited, as spans that took so long."""
    rows: Rows = np.zeros(int(np.count_nonzero(wanted)), ROW)
    rows["kind"], rows["took"] = WAIT, waited[wanted]
    rows["labels"], rows["resource"] = taken["labels"][wanted], taken["resource"][wanted]
    return rows
