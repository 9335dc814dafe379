"""`collector run`: the daemon in the foreground, from start to SIGTERM."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from collectors.cli.given import config_option, read, stop
from collectors.component import StartError
from collectors.config.model import LogsConfig
from collectors.config.plan import plan
from collectors.service import runtime
from collectors.service.plan import ServicePlan

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_log = logging.getLogger(__name__)


@click.command()
@config_option
def run(paths: tuple[Path, ...]) -> None:
    """Run the daemon until SIGTERM, which drains and ends it with exit code 0.

    Without --config: OTLP in on 127.0.0.1:4317 and :4318, metrics for Prometheus on :8889,
    traces and logs into files below the user's state directory.
    """
    loaded = read(paths)
    _set_up_logs(loaded.telemetry.logs)
    try:
        asyncio.run(_until_told(plan(loaded)))
    except StartError as error:
        stop(str(error))


async def _until_told(what: ServicePlan) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(number: signal.Signals) -> None:
        _log.info("%s: draining; once more ends at once", number.name)
        for other in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(other)  # the second one has its usual effect
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tell, number)
    loop.add_signal_handler(
        signal.SIGHUP, _log.warning, "SIGHUP is ignored: restart to change the configuration"
    )
    await runtime.run(what, version=version("fleetslo"), stop=told)
    _log.info("stopped")


def _set_up_logs(config: LogsConfig) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if config.encoding == "json" else _console())
    logging.basicConfig(level=_LEVELS[config.level.lower()], handlers=[handler], force=True)
    for chatty in ("asyncio", "aiohttp", "grpc"):
        logging.getLogger(chatty).setLevel(max(_LEVELS[config.level.lower()], logging.WARNING))


def _console() -> logging.Formatter:
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s")
    form.datefmt = "%Y-%m-%dT%H:%M:%S"
    form.converter = time.gmtime
    return form


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        words = {
            "ts": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            words["stacktrace"] = self.formatException(record.exc_info)
        return json.dumps(words, ensure_ascii=False)
