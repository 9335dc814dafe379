"""What parses and is most likely a mistake: one check a file, each with its page of examples."""

from slo.spec.lint.births import born_later, falls_back
from slo.spec.lint.conflicts import conflicts
from slo.spec.lint.inverted import inverted, inverted_alert, inverted_gauge
from slo.spec.lint.known import known
from slo.spec.lint.runbooks import runbooks
from slo.spec.lint.scrapes import scarce
from slo.spec.lint.sides import sides
from slo.spec.lint.types import types

__all__ = [
    "born_later",
    "conflicts",
    "falls_back",
    "inverted",
    "inverted_alert",
    "inverted_gauge",
    "known",
    "runbooks",
    "scarce",
    "sides",
    "types",
]
