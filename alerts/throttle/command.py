"""`sloctl throttle`: burn alerts slow agents down, signed and audited; dry-run by default."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import signal
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import click

from alerts.throttle.board import Board, Limits
from alerts.throttle.ledger import BrokenLedgerError, Entry, Ledger, entries
from alerts.throttle.server import MAX_BODY_BYTES, Api, serving
from alerts.throttle.service import Mode, Throttle
from alerts.throttle.signature import HEADER, KeyFileError, is_signed, read_key
from slo.exact import Duration

PROBLEMS: Final = 1
CANNOT_TELL: Final = 4
_SECONDS: Final = 10.0

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_SHARE: Final = click.FloatRange(0.0, 1.0)


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str) -> float:
    """A Prometheus duration, in seconds."""
    try:
        return Duration.parse(text).ms / 1000
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group()
def throttle() -> None:
    """Let burn alerts slow agents down; a dry run by default."""


@throttle.command()
@click.option("--key-file", required=True, type=_FILE, help="Signs answers and ledger; mode 600.")
@click.option("--ledger", required=True, type=_FILE, help="Where every decision is appended.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=9096,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="To listen on; 0 for one that is free.",
)
@click.option("--token-file", type=_FILE, help="What Alertmanager must show; needed off loopback.")
@click.option("--enforce", is_flag=True, help="Tell agents the limits; without it only recommend.")
@click.option("--kill-switch", type=_FILE, help="While this file exists everybody runs free.")
@click.option(
    "--slo", "slos", multiple=True, metavar="ID", help="Only budgets of these SLOs count."
)
@click.option("--outage", default=0.1, show_default=True, type=_SHARE, help="Share of the rate.")
@click.option("--page", default=0.5, show_default=True, type=_SHARE, help="Share of the rate.")
@click.option("--ticket", default=1.0, show_default=True, type=_SHARE, help="Share of the rate.")
@click.option("--page-severity", default="page", show_default=True, help="As in Settings.")
@click.option(
    "--release-after",
    default="10m",
    show_default=True,
    callback=_seconds,
    help="How long all must be quiet before each step back.",
)
@click.option(
    "--expire-after",
    default="3h",
    show_default=True,
    callback=_seconds,
    help="How long an alert counts that nobody repeats or ends.",
)
def serve(  # noqa: PLR0913 - one parameter per option of the command
    *,
    key_file: Path,
    ledger: Path,
    host: str,
    port: int,
    token_file: Path | None,
    enforce: bool,
    kill_switch: Path | None,
    slos: tuple[str, ...],
    outage: float,
    page: float,
    ticket: float,
    page_severity: str,
    release_after: float,
    expire_after: float,
) -> None:
    """Receive burn alerts, and tell agents how much they may do.

    Alertmanager posts to /alerts; agents read /throttle/<gen_ai_agent_name>, Prometheus
    /metrics. Ends on SIGTERM or Ctrl-C.
    """
    if token_file is None and not _is_loopback(host):
        msg = f"whoever reaches {host} could throttle the fleet: give --token-file"
        raise click.UsageError(msg)
    try:
        limits = Limits(
            outage=outage,
            page=page,
            ticket=ticket,
            release_seconds=release_after,
            expire_seconds=expire_after,
            page_severity=page_severity,
        )
        key = read_key(key_file)
        token = b"" if token_file is None else read_key(token_file)
    except KeyFileError as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    mode = Mode(enforce=enforce, kill_switch=kill_switch, slos=frozenset(slos))
    try:
        with Ledger(ledger, key) as kept:
            throttled = Throttle(Board(limits), kept, mode, time.time)
            asyncio.run(_serve(throttled, Api(throttled, key, token), host, port))
    except BrokenLedgerError as error:
        msg = f"{error}; keep it as evidence, and begin another ledger"
        raise click.ClickException(msg) from error
    except BlockingIOError as error:
        msg = f"{ledger} belongs to another process"
        raise click.ClickException(msg) from error


@throttle.command()
@click.option("--key-file", required=True, type=_FILE, help="What the ledger was signed with.")
@click.argument("ledger", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def log(key_file: Path, ledger: Path) -> None:
    """Print what LEDGER says, each line checked; exit 1 where it was changed."""
    try:
        for entry in entries(ledger, read_key(key_file)):
            click.echo(_told(entry))
    except (BrokenLedgerError, KeyFileError) as error:
        raise click.ClickException(str(error)) from error


@throttle.command()
@click.option("--key-file", required=True, type=_FILE, help="What the answers are signed with.")
@click.argument("url")
def show(key_file: Path, url: str) -> None:
    """Ask the throttle at URL as an agent does, and check what it says."""
    if not url.startswith(("http://", "https://")):
        msg = f"a throttle is asked by http or https, got {url!r}"
        raise click.BadParameter(msg)
    try:
        key = read_key(key_file)
        with urllib.request.urlopen(f"{url.rstrip('/')}/throttle", timeout=_SECONDS) as reply:  # noqa: S310 - as checked above
            body = cast("bytes", reply.read(MAX_BODY_BYTES))
            signature = str(reply.headers.get(HEADER, ""))
    except KeyFileError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        click.echo(f"{url} does not answer: {error}", err=True)
        raise SystemExit(CANNOT_TELL) from error
    if not is_signed(key, body, signature):
        msg = f"the answer of {url} is not signed with {key_file}"
        raise click.ClickException(msg)
    click.echo(json.dumps(json.loads(body), indent=2))


async def _serve(throttled: Throttle, api: Api, host: str, port: int) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with serving(api, throttled, host, port) as address:
        click.echo(f"throttle at {address}, {throttled.mode}", err=True)
        await ended.wait()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _told(entry: Entry) -> str:
    at = entry.get("at")
    moment = datetime.fromtimestamp(float(at), UTC) if isinstance(at, int | float) else None
    rest = {key: value for key, value in entry.items() if key not in {"at", "event"}}
    when = f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else "-"
    return f"{when}  {entry.get('event', '-')}  {json.dumps(rest, ensure_ascii=False)}"
