"""Series that connectors count in: exact, bounded, whole in a snapshot."""

from collectors.series.keys import Groups, Key, text_value
from collectors.series.resources import Resources
from collectors.series.table import OVERFLOW, Exemplar, Series, Table

__all__ = ["OVERFLOW", "Exemplar", "Groups", "Key", "Resources", "Series", "Table", "text_value"]
