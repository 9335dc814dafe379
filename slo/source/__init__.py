"""YAML text becomes nodes that know where they stand; nothing is interpreted yet."""

from slo.source.load import load
from slo.source.nodes import Entry, Mapping, Node, Scalar, Sequence
from slo.source.place import inside

__all__ = ["Entry", "Mapping", "Node", "Scalar", "Sequence", "inside", "load"]
