"""Other compilers' SLO files become documents of ours; what cannot be kept is named."""

from slo.importers.formats import Format, format_of, imported

__all__ = ["Format", "format_of", "imported"]
