"""`collector run`: the daemon in the foreground, from start to SIGTERM."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from collectors.cli.given import config_option, read, read_again
from collectors.component import StartError
from collectors.config.model import LogsConfig
from collectors.config.plan import plan
from collectors.service import Reload
from collectors.service import run as run_daemon
from collectors.service.plan import ServicePlan
from slo.cli.state import Fault

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

    SIGHUP reads the configuration again: a good one takes over where the old one stood, a bad
    one is told in one line and changes nothing.

    Without --config: OTLP in on 127.0.0.1:4317 and :4318, metrics for Prometheus on :8889,
    traces and logs into files below the user's state directory.
    """
    loaded = read(paths)
    _set_up_logs(loaded.telemetry.logs)
    try:
        asyncio.run(_until_told(plan(loaded), paths))
    except StartError as error:
        raise Fault(str(error)) from error
    except OSError:
        _log.exception("the operating system refused what the daemon needs")
        raise


async def _until_told(what: ServicePlan, paths: tuple[Path, ...]) -> None:
    told, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(number: signal.Signals) -> None:
        _log.info("%s: draining; once more ends at once", number.name)
        for other in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(other)  # the second one has its usual effect
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tell, number)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    reload = Reload(again, partial(_read_again, paths))
    await run_daemon(what, version=version("fleetslo"), stop=told, reload=reload)
    _log.info("stopped")


def _read_again(paths: tuple[Path, ...]) -> ServicePlan | None:
    found = read_again(paths)
    if isinstance(found, str):
        _log.error("reload: %s; the old configuration goes on", found)
        return None
    return plan(found)


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
