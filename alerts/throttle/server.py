"""The throttle over HTTP: Alertmanager posts, agents and Prometheus read."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from alerts.throttle.board import FullError
from alerts.throttle.notice import BadNoticeError
from alerts.throttle.service import Throttle
from alerts.throttle.signature import HEADER, sign

MAX_BODY_BYTES: Final = 1024 * 1024
_BODY_SECONDS: Final = 10.0
_TICK_SECONDS: Final = 1.0


class Api:
    """The routes. `token` is what Alertmanager must show; empty for none."""

    def __init__(self, throttle: Throttle, key: bytes, token: bytes) -> None:
        self._throttle, self._key, self._token = throttle, key, token
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(throttle)

    def app(self) -> web.Application:
        """Takes ``/alerts``; answers ``/throttle``, ``/throttle/<agent>`` and ``/metrics``."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/alerts", self._alerts)
        app.router.add_get("/throttle", self._whole)
        app.router.add_get("/throttle/{agent}", self._one)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", _healthy)
        return app

    async def _alerts(self, request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if self._token and not hmac.compare_digest(shown, b"Bearer " + self._token):
            return _plain(401, "show the token: Authorization: Bearer <token>")
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await request.read()
        except TimeoutError:
            return _plain(408, f"the body must arrive within {_BODY_SECONDS:.0f} s")
        try:
            await self._throttle.take(body)
        except BadNoticeError as error:
            return _plain(400, str(error))
        except FullError as error:
            return _plain(422, str(error))
        except OSError as error:
            # Alertmanager sends it again.
            return _plain(503, f"the ledger cannot be written: {(error.strerror or '').lower()}")
        return _plain(200, "ok")

    async def _whole(self, request: web.Request) -> web.Response:
        del request
        await self._throttle.advance()
        return self._signed(self._throttle.whole())

    async def _one(self, request: web.Request) -> web.Response:
        await self._throttle.advance()
        return self._signed(self._throttle.one(request.match_info["agent"]))

    async def _metrics(self, request: web.Request) -> web.Response:
        del request
        await self._throttle.advance()
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _signed(self, body: bytes) -> web.Response:
        headers = {HEADER: sign(self._key, body), "Cache-Control": "no-store"}
        return web.Response(body=body, content_type="application/json", headers=headers)


@asynccontextmanager
async def serving(api: Api, throttle: Throttle, host: str, port: int) -> AsyncGenerator[str, None]:
    """Listen until the block is left; gives the address.

    Raises:
        OSError: The address is taken, or the ledger cannot be written.
    """
    await throttle.begin()
    runner = web.AppRunner(api.app(), access_log=None)
    await runner.setup()
    ticking: asyncio.Task[None] | None = None
    try:
        await web.TCPSite(runner, host, port).start()
        ticking = asyncio.create_task(_tick(throttle))
        bound = runner.addresses[0]
        yield f"http://{_shown(host)}:{bound[1]}"
    finally:
        if ticking is not None:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
        await runner.cleanup()


async def _tick(throttle: Throttle) -> None:
    """Let time pass even when nobody asks, so that the ledger tells when a limit ended."""
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        await throttle.advance()


async def _healthy(request: web.Request) -> web.Response:
    del request
    return _plain(200, "ok")


def _plain(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
