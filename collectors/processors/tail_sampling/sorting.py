"""Which way each span goes as it arrives: waits, follows a decision, or changes one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collectors.processors.tail_sampling.arrival import Arrived
from collectors.processors.tail_sampling.past import Past
from collectors.sampling.index import Index
from collectors.sampling.plan import NOBODY, Flags, Plan
from collectors.wire.kernel import Codes, Longs, Shorts


@dataclass(frozen=True, slots=True)
class Ways:
    """One value for each span of a batch; each goes exactly one way.

    Attributes:
        waits: Its trace waits, or begins with it.
        follows: Its trace was kept; `places` says where the memory has it.
        passes: It has no trace id, so nothing could be decided on: it is kept.
        returns: Its trace was dropped, and now it is kept because of it or of another span
            of this batch.
        ends: Its trace was dropped, and so is it.
        is_open: Its trace was dropped, and not for good.
        is_indexed: Its trace was dropped, and the spans before it are still known.
        places: In the memory of kept traces, -1 for others.
        slots: Row of its trace in the index, -1 for none.
        held: Bytes of its trace that were dropped and are still known.
        policies: Who keeps it alone, where that brings its trace back.
    """

    waits: Flags
    follows: Flags
    passes: Flags
    returns: Flags
    ends: Flags
    is_open: Flags
    is_indexed: Flags
    places: Longs
    slots: Codes
    held: Longs
    policies: Shorts


def sort(arrived: Arrived, index: Index, past: Past, plan: Plan, steady_ns: int) -> Ways:
    """Find the way of each span; changes nothing but budgets of `plan`."""
    digests, has_id = arrived.rows["digest"], arrived.has_id
    slots = index.find(arrived.rows)
    is_indexed = index.is_dropped(slots) & has_id
    unknown = np.flatnonzero((slots < 0) & has_id)
    places = np.full(len(slots), -1, np.int64)
    places[unknown] = past.kept(digests[unknown])
    unknown = unknown[places[unknown] < 0]
    is_late, is_final = is_indexed.copy(), np.zeros(len(slots), np.bool_)
    is_late[unknown], is_final[unknown] = past.dropped(digests[unknown])
    policies: Shorts = np.full(len(slots), NOBODY, np.int16)
    is_open = is_late & ~is_final
    candidates = np.flatnonzero(is_open)
    held = np.zeros(len(slots), np.int64)
    if len(candidates):
        held[is_indexed] = index.sizes(slots[is_indexed])
        late = arrived.alone(candidates, held[candidates])
        policies[candidates] = plan.reconsider(late, steady_ns)
    returns = np.zeros_like(is_open)
    if (policies != NOBODY).any():
        returns = is_open & np.isin(digests, digests[policies != NOBODY])
    follows = places >= 0
    return Ways(
        waits=has_id & ~is_late & ~follows,
        follows=follows,
        passes=~has_id,
        returns=returns,
        ends=is_late & ~returns,
        is_open=is_open,
        is_indexed=is_indexed,
        places=places,
        slots=slots,
        held=held,
        policies=policies,
    )
