"""OpenSLO v1alpha, v1 and v2alpha: all kinds, references resolved across the files of a run."""

from slo.importers.openslo.read import read
from slo.importers.openslo.world import VERSIONS

__all__ = ["VERSIONS", "read"]
