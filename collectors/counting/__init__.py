"""Series that connectors count in: exact, bounded, whole in a snapshot."""

from collectors.counting.counts import Spread
from collectors.counting.exponential import Exponents
from collectors.counting.keys import OVERFLOW, Groups, Key, attributes_of, combined, text_value
from collectors.counting.resources import Resources
from collectors.counting.table import Exemplar, Series, Table

__all__ = [
    "OVERFLOW",
    "Exemplar",
    "Exponents",
    "Groups",
    "Key",
    "Resources",
    "Series",
    "Spread",
    "Table",
    "attributes_of",
    "combined",
    "text_value",
]
