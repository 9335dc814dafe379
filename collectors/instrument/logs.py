"""Python's logging into OTLP, each record with the trace that it belongs to."""

from __future__ import annotations

import logging
from typing import Final

from opentelemetry._logs import Logger, SeverityNumber

_SEVERITY: Final = (
    (logging.CRITICAL, SeverityNumber.FATAL),
    (logging.ERROR, SeverityNumber.ERROR),
    (logging.WARNING, SeverityNumber.WARN),
    (logging.INFO, SeverityNumber.INFO),
    (logging.NOTSET, SeverityNumber.DEBUG),
)
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class OtlpHandler(logging.Handler):
    """Hands log records to an OpenTelemetry logger; `extra` becomes attributes.

    Trace and span id come from the current context.
    """

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Emit `record`; never raises, as logging asks."""
        try:
            self._logger.emit(
                timestamp=int(record.created * 1e9),
                severity_number=severity(record.levelno),
                severity_text=record.levelname,
                body=record.getMessage(),
                attributes=_attributes(record),
            )
        except Exception:  # noqa: BLE001 - logging.Handler: what fails is handed to handleError
            self.handleError(record)


def severity(level: int) -> SeverityNumber:
    """The severity of a logging level; in between counts as the lower one."""
    return next(number for floor, number in _SEVERITY if level >= floor)


def _attributes(record: logging.LogRecord) -> dict[str, str | int | float | bool]:
    """What the caller gave as `extra`, the logger's name, and the exception's type."""
    found: dict[str, str | int | float | bool] = {"logger.name": record.name}
    for key, value in vars(record).items():
        if key not in _STANDARD:
            found[key] = value if isinstance(value, (str, int, float, bool)) else str(value)
    if record.exc_info and record.exc_info[0] is not None:
        found["exception.type"] = record.exc_info[0].__name__
    return found
