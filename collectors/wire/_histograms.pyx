# cython: language_level=3
"""The compiled half of `histograms.py`, in one place; `histograms_reference.py` is its twin."""

from collectors.wire._histogram_reading import unfold
from collectors.wire._histogram_sums import combine, tidy
from collectors.wire._histogram_writing import fold

__all__ = ["combine", "fold", "tidy", "unfold"]
