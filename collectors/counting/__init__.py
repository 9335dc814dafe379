"""Series that connectors count in: exact, bounded, whole in a snapshot."""

from collectors.counting.keys import OVERFLOW, Groups, Key, attributes_of, combined, text_value
from collectors.counting.resources import Resources
from collectors.counting.table import Exemplar, Series, Table

__all__ = [
    "OVERFLOW",
    "Exemplar",
    "Groups",
    "Key",
    "Resources",
    "Series",
    "Table",
    "attributes_of",
    "combined",
    "text_value",
]
