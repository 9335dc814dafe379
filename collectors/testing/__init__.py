"""What every component must keep, as checks that anybody's test suite can call.

Each check takes a factory and a configuration, uses the component as the daemon would, and
raises `AssertionError` where a promise of `collectors.component` is broken.
"""

from collectors.testing.checks import (
    Door,
    Far,
    check_books,
    check_exporter,
    check_extension,
    check_fetcher,
    check_processor,
    check_receiver,
    check_view,
)
from collectors.testing.doubles import (
    MemoryHost,
    MemoryIntake,
    MemoryMeter,
    MemoryShelf,
    settings,
)
from collectors.testing.samples import batch, logs_request, metrics_request, traces_request
from collectors.testing.waiting import check_waiting

__all__ = [
    "Door",
    "Far",
    "MemoryHost",
    "MemoryIntake",
    "MemoryMeter",
    "MemoryShelf",
    "batch",
    "check_books",
    "check_exporter",
    "check_extension",
    "check_fetcher",
    "check_processor",
    "check_receiver",
    "check_view",
    "check_waiting",
    "logs_request",
    "metrics_request",
    "settings",
    "traces_request",
]
