"""The collector's part of what `sloctl init` writes."""
