"""Write into spans at which threshold they were kept, so that counts can be adjusted.

Source: OpenTelemetry specification, "TraceState: Probability Sampling".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from collectors.sampling.plan import UNKNOWN
from collectors.sampling.tracestate import readable, restated
from collectors.wire.kernel import Longs, Words
from collectors.wire.scan import Scan, slices, texts

_TRACE_STATE = 3


def restate(scanned: Scan, rows: Longs, thresholds: Words) -> Mapping[int, bytes]:
    """The spans that are to say another threshold than they do, by row.

    A threshold is never lowered; a trace state that breaks the rules stays as it is.

    Args:
        scanned: The request.
        rows: Spans that are kept.
        thresholds: At which; 0 where that was certain, `UNKNOWN` where it cannot be said.
    """
    changed = np.flatnonzero(thresholds)
    if not len(changed):
        return {}
    chosen = rows[changed]
    entries = scanned.entries[chosen]
    spots = slices(scanned, entries, (_TRACE_STATE,))[0]
    coded = texts(scanned, spots)
    made: dict[tuple[int, int], bytes | None] = {}
    found: dict[int, bytes] = {}
    columns = (
        chosen.tolist(),
        coded.codes.tolist(),
        thresholds[changed].tolist(),
        entries.tolist(),
        spots.tolist(),
    )
    for row, code, limit, entry, spot in zip(*columns, strict=True):
        if (code, limit) not in made:
            made[code, limit] = _text(coded.values[code], limit)
        text = made[code, limit]
        if text is not None:
            found[row] = restated(scanned.payload, entry, spot, text)
    return found


def _text(value: bytes, limit: int) -> bytes | None:
    """The new trace state; None where the old one stays."""
    state = readable(value)
    if state is None:
        return None
    threshold = None if limit == UNKNOWN else max(state.threshold or 0, limit)
    if threshold == state.threshold:
        return None
    return dataclasses.replace(state, threshold=threshold).text().encode()
