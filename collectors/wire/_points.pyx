# cython: language_level=3
"""The compiled half of `points.py`, in one place; `points_reference.py` is its twin in Python."""

from collectors.wire._columns import columns
from collectors.wire._records import digests, records
from collectors.wire._requests import assemble, edit, move, rests
from collectors.wire._series import accumulate, assign, follow

__all__ = [
    "accumulate",
    "assemble",
    "assign",
    "columns",
    "digests",
    "edit",
    "follow",
    "move",
    "records",
    "rests",
]
