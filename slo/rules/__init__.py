"""Recording rules and alerts, composed from a resolved project."""

from slo.rules.compile import OWN_SERVICE, compile_project, slo_groups, worded
from slo.rules.sloth import with_sloth
from slo.rules.terms import SHOWN, windows_of

__all__ = [
    "OWN_SERVICE",
    "SHOWN",
    "compile_project",
    "slo_groups",
    "windows_of",
    "with_sloth",
    "worded",
]
