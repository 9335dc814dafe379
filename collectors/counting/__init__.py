"""Series that connectors count in: exact, bounded, whole in a snapshot."""

from collectors.counting.counts import Spread
from collectors.counting.exponential import Exponents, series_bytes
from collectors.counting.flushing import Flushing
from collectors.counting.keys import OVERFLOW, Groups, Key, attributes_of, combined, text_value
from collectors.counting.resources import Resources
from collectors.counting.table import OVERFLOWED, Exemplar, Series, Table
from collectors.counting.writing import CUMULATIVE, DELTA, Family, Shape, Writing

__all__ = [
    "CUMULATIVE",
    "DELTA",
    "OVERFLOW",
    "OVERFLOWED",
    "Exemplar",
    "Exponents",
    "Family",
    "Flushing",
    "Groups",
    "Key",
    "Resources",
    "Series",
    "Shape",
    "Spread",
    "Table",
    "Writing",
    "attributes_of",
    "combined",
    "series_bytes",
    "text_value",
]
