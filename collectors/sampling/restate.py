"""Write into spans at which threshold they were kept, so that counts can be adjusted.

Source: OpenTelemetry specification, "TraceState: Probability Sampling".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from collectors.sampling.plan import UNKNOWN
from collectors.sampling.tracestate import SPAN_FIELD, readable, restated
from collectors.wire.keep import delimited
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
    payload = scanned.payload
    made: dict[tuple[int, int], tuple[bytes, bytes] | None] = {}
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
        new = made[code, limit]
        if new is None:
            continue
        text, field = new
        # Most have no trace state: then it is put behind the rest.
        found[row] = (
            restated(payload, entry, spot, text)
            if spot[1]
            else payload[entry[1] : entry[2]] + field
        )
    return found


def _text(value: bytes, limit: int) -> tuple[bytes, bytes] | None:
    """The new trace state, and as a field of a span; None where the old one stays."""
    state = readable(value)
    if state is None:
        return None
    threshold = None if limit == UNKNOWN else max(state.threshold or 0, limit)
    if threshold == state.threshold:
        return None
    text = dataclasses.replace(state, threshold=threshold).text().encode()
    return text, delimited(text, SPAN_FIELD)
