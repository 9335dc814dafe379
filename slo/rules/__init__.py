"""Recording rules and alerts, composed from a resolved project."""

from slo.rules.compile import OWN_SERVICE, compile_project

__all__ = ["OWN_SERVICE", "compile_project"]
