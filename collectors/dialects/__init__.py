"""What agent frameworks say in spans, told in the catalogue's words."""

from collectors.dialects.bounds import Bounds
from collectors.dialects.columns import Builder, Column
from collectors.dialects.model import TOKENS, Dialect, Dialects, Kind, dialects, load
from collectors.dialects.named import DialectName, counted_scopes, unknown
from collectors.dialects.read import FIELDS, KINDS, Reader, Reading, Small, number_of
from collectors.dialects.told import AGENT_SPANS

__all__ = [
    "AGENT_SPANS",
    "FIELDS",
    "KINDS",
    "TOKENS",
    "Bounds",
    "Builder",
    "Column",
    "Dialect",
    "DialectName",
    "Dialects",
    "Kind",
    "Reader",
    "Reading",
    "Small",
    "counted_scopes",
    "dialects",
    "load",
    "number_of",
    "unknown",
]
