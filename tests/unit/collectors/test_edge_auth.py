"""Who may send, who is sent to, and what is kept of the headers that a request came with."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import bcrypt
import grpc
import grpc.aio
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from pydantic import ValidationError

from collectors.component import Context, Extension, StartError
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.extensions.basicauth import BasicAuth, BasicAuthConfig
from collectors.extensions.bearertokenauth import BearerTokenAuth, BearerTokenAuthConfig
from collectors.net.auth import ClientAuthConfig, Unauthenticated, client_authenticator
from collectors.net.sender import SenderConfig, Senders
from collectors.net.watch import RELOAD_NS
from collectors.receivers.otlp import OtlpConfig, OtlpReceiver
from collectors.testing import MemoryIntake, MemoryMeter, settings, traces_request

BODY = traces_request().SerializeToString()
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
HERE = settings(Path("/nowhere"))


def bearer(**raw: object) -> BearerTokenAuth:
    return BearerTokenAuth(BearerTokenAuthConfig.model_validate(raw), HERE)


def basic(**raw: object) -> BasicAuth:
    return BasicAuth(BasicAuthConfig.model_validate(raw), HERE)


def users(*lines: str) -> BasicAuth:
    return basic(htpasswd={"inline": "\n".join(lines)})


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def asked(extension: BasicAuth | BearerTokenAuth, headers: Mapping[str, str]) -> str:
    return asyncio.run(extension.authenticate(headers))


# ------------------------------------------------------------- tokens


def test_a_server_takes_each_of_its_tokens_and_a_client_shows_the_first() -> None:
    auth = bearer(tokens=["new", "old"])

    assert auth.credentials(Context()) == {"authorization": "Bearer new"}
    assert asked(auth, {"authorization": "Bearer new"}) == ""
    assert asked(auth, {"authorization": "Bearer old"}) == ""


@pytest.mark.parametrize(
    "shown", ["Bearer", "Bearer ", "Bearer nex", "new", "bearer new", "é\udcff"]
)
def test_anything_but_the_token_is_turned_away(shown: str) -> None:
    with pytest.raises(Unauthenticated, match="is not one that is known") as caught:
        asked(bearer(token="new"), {"authorization": shown})

    assert caught.value.challenge == "Bearer"
    assert shown not in str(caught.value) or shown == "Bearer"


def test_no_token_is_turned_away() -> None:
    with pytest.raises(Unauthenticated, match="is missing"):
        asked(bearer(token="new"), {})


def test_header_and_scheme_may_be_others() -> None:
    auth = bearer(token="k", header="X-Api-Key", scheme="")

    assert auth.credentials(Context()) == {"x-api-key": "k"}
    assert asked(auth, {"x-api-key": "k"}) == ""


def test_a_token_file_is_read_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = tmp_path / "token", [0]
    path.write_text("one\n")
    monkeypatch.setattr("collectors.net.watch.time.monotonic_ns", lambda: now[0])
    auth = bearer(filename=str(path))
    auth._tokens._clock = lambda: now[0]
    auth._tokens._looked_ns = 0
    path.write_text("another\n")
    now[0] = RELOAD_NS

    assert auth.credentials(Context()) == {"authorization": "Bearer another"}


@pytest.mark.parametrize(
    "raw", [{}, {"token": "a", "tokens": ["b"]}, {"token": ""}, {"token": "a", "filename": "b"}]
)
def test_one_source_of_tokens_is_needed(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BearerTokenAuthConfig.model_validate(raw)


def test_a_token_file_that_is_empty_or_missing_keeps_the_daemon_from_starting(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").write_text("\n")

    with pytest.raises(StartError, match="holds no token"):
        bearer(filename=str(tmp_path / "empty"))
    with pytest.raises(StartError, match="No such file"):
        bearer(filename=str(tmp_path / "missing"))


# ------------------------------------------------------------- users


@pytest.mark.parametrize(
    "stored",
    [
        "pass:word",
        bcrypt.hashpw(b"pass:word", bcrypt.gensalt(4)).decode(),
        bcrypt.hashpw(b"pass:word", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"),
        "{SHA}" + base64.b64encode(hashlib.sha1(b"pass:word").digest()).decode(),
    ],
    ids=["plain", "bcrypt", "htpasswd -B", "htpasswd -s"],
)
def test_a_user_with_the_right_password_has_a_name(stored: str) -> None:
    auth = users("# a comment", f"ann:{stored}", "bob:x")

    assert asked(auth, {"authorization": header("ann", "pass:word")}) == "ann"
    for wrong in (header("ann", "pass"), header("bob", "pass:word"), header("eve", "pass:word")):
        with pytest.raises(Unauthenticated, match="do not belong together") as caught:
            asked(auth, {"authorization": wrong})
        assert caught.value.challenge.startswith("Basic ")


@pytest.mark.parametrize("shown", ["", "Bearer x", "Basic", "Basic !!!", "Basic /w=="])
def test_what_is_no_user_and_password_is_turned_away(shown: str) -> None:
    with pytest.raises(Unauthenticated):
        asked(users("ann:x"), {"authorization": shown})


def test_a_password_is_worked_out_once_and_forgotten_when_it_changes() -> None:
    auth = users("ann:old")
    shown = {"authorization": header("ann", "old")}

    async def main() -> None:
        for _ in range(3):
            assert await auth.authenticate(shown) == "ann"
        assert len(auth._known) == 1
        auth._users._value = {"ann": "new"}
        with pytest.raises(Unauthenticated):
            await auth.authenticate(shown)

    asyncio.run(main())


@pytest.mark.parametrize("line", ["ann", ":x", "ann:", "ann:$apr1$abc$def", "ann:{SSHA}abc"])
def test_a_line_that_cannot_be_read_keeps_the_daemon_from_starting(line: str) -> None:
    with pytest.raises(StartError, match="line 2 of htpasswd must be user:password"):
        users(line)


def test_a_client_shows_user_and_password_from_files(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    auth = basic(client_auth={"username": "me", "password_file": str(tmp_path / "password")})

    assert auth.credentials(Context()) == {"authorization": header("me", "secret")}


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"htpasswd": {}},
        {"client_auth": {"username": "a"}},
        {"client_auth": {"username": "a:b", "password": "c"}},
        {"htpasswd": {"inline": "a:b"}, "client_auth": {"username": "a", "password": "b"}},
    ],
)
def test_one_side_is_needed_and_all_of_it(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BasicAuthConfig.model_validate(raw)


# ------------------------------------------------------------- in the receiver


@dataclass
class Running:
    receiver: OtlpReceiver
    intake: MemoryIntake
    meter: MemoryMeter

    async def post(self, **headers: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.receiver.http_port}/v1/traces"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                url, data=BODY, headers={"Content-Type": "application/x-protobuf", **named}
            ) as response,
        ):
            return response.status, response.headers.get("WWW-Authenticate", "")

    async def call(self, **metadata: str) -> None:
        pairs = tuple((name.replace("_", "-"), value) for name, value in metadata.items())
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.receiver.grpc_port}") as channel:
            await channel.unary_unary(METHOD)(BODY, metadata=pairs, timeout=10)


@asynccontextmanager
async def running(
    sender: dict[str, object], extensions: Mapping[str, Extension]
) -> AsyncGenerator[Running]:
    intake, meter = MemoryIntake(), MemoryMeter()
    block = {"endpoint": "127.0.0.1:0", **sender}
    config = OtlpConfig.model_validate({"protocols": {"grpc": block, "http": block}})
    given = replace(settings(Path("/nowhere"), "otlp", meter=meter), extensions=extensions)
    receiver = OtlpReceiver(config, given, intake)
    await receiver.start()
    try:
        yield Running(receiver, intake, meter)
    finally:
        await receiver.stop()


def with_receiver(
    use: Callable[[Running], Awaitable[None]],
    sender: dict[str, object],
    extensions: Mapping[str, Extension] | None = None,
) -> None:
    async def main() -> None:
        async with asyncio.timeout(30), running(sender, extensions or {}) as run:
            await use(run)

    asyncio.run(main())


def test_whoever_has_no_token_gets_no_further_than_the_door() -> None:
    async def use(run: Running) -> None:
        assert await run.post() == (401, "Bearer")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await run.call(authorization="Bearer wrong")
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert run.intake.taken == []

        assert (await run.post(authorization="Bearer right"))[0] == 200
        await run.call(authorization="Bearer right")
        assert len(run.intake.taken) == 2
        assert run.meter.total("fleetslo_receiver_rejected_requests_total", reason="sender") == 2

    with_receiver(use, {"auth": {"authenticator": "b"}}, {"b": bearer(token="right")})


def test_the_official_exporter_authenticates_by_its_headers() -> None:
    async def use(run: Running) -> None:
        def export() -> None:
            url = f"http://127.0.0.1:{run.receiver.http_port}/v1/traces"
            exporter = OTLPSpanExporter(url, headers={"Authorization": header("ann", "x")})
            provider = TracerProvider(shutdown_on_exit=False)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            with provider.get_tracer("test").start_as_current_span("step"):
                pass
            provider.shutdown()

        await asyncio.to_thread(export)
        assert [taken.context.tenant for taken in run.intake.taken] == ["ann"]

    with_receiver(use, {"auth": {"authenticator": "users"}}, {"users": users("ann:x")})


def test_the_tenant_is_the_header_that_is_named_and_only_named_headers_are_kept() -> None:
    async def use(run: Running) -> None:
        await run.post(X_Scope_OrgID="blue", X_Team="core", X_Other="y", Authorization="secret")
        await run.call(**{"x-scope-orgid": "blue", "x-team": "core", "x-other": "y"})

        for taken in run.intake.taken:
            assert taken.context.tenant == "blue"
            assert taken.context.headers == (("x-team", "core"),)

    with_receiver(use, {"include_metadata": ["X-Team"], "tenant_header": "X-Scope-OrgID"})


def test_credentials_and_the_words_of_the_transport_are_never_kept() -> None:
    async def use(run: Running) -> None:
        await run.post(X_Team="core", Authorization="secret", Cookie="secret", X_Api_Key="secret")
        await run.call(authorization="secret", cookie="secret", **{"x-team": "core"})

        assert [taken.context.headers for taken in run.intake.taken] == [(("x-team", "core"),)] * 2

    with_receiver(use, {"include_metadata": True})


@pytest.mark.parametrize(
    "raw",
    [
        {"include_metadata": ["Authorization"]},
        {"tenant_header": "Cookie"},
        {"tenant_header": "a b"},
    ],
)
def test_asking_for_credentials_to_be_kept_is_a_mistake(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SenderConfig.model_validate(raw)


@pytest.mark.parametrize("tenant", ["é", "x" * 257, "a\tb"])
def test_a_tenant_that_could_not_be_sent_on_is_turned_away(tenant: str) -> None:
    async def use(run: Running) -> None:
        assert (await run.post(X_Tenant=tenant))[0] == 400
        assert (await run.post(X_Tenant="x" * 256))[0] == 200
        assert len(run.intake.taken) == 1

    with_receiver(use, {"tenant_header": "X-Tenant"})


def test_a_kept_header_that_is_no_text_is_made_one() -> None:
    senders = Senders(SenderConfig(include_metadata=("x-team",)), "http", None)

    context = asyncio.run(senders.context({"x-team": "a\udcff"}, ""))

    assert context.headers == (("x-team", "a\ufffd"),)


def test_without_a_tenant_header_in_the_request_the_tenant_is_the_default() -> None:
    senders = Senders(SenderConfig(tenant_header="x-scope-orgid"), "http", None)

    assert asyncio.run(senders.context({}, "1.2.3.4:5")) == Context("", "1.2.3.4:5", (), "http")


# ------------------------------------------------------------- in the configuration


def read(extensions: str, started: str, receiver_auth: str, exporter_auth: str) -> list[str]:
    text = f"""
receivers: {{otlp: {{protocols: {{http: {{auth: {{authenticator: {receiver_auth}}}}}}}}}}}
exporters: {{otlp_http: {{endpoint: http://x, auth: {{authenticator: {exporter_auth}}}}}}}
extensions: {extensions}
service:
  extensions: [{started}]
  pipelines: {{traces: {{receivers: [otlp], exporters: [otlp_http]}}}}
"""
    _, problems = load([Text("c.yaml", text)], Surroundings({}, str), Registry.installed())
    return [f"{problem.text} | {problem.help}" for problem in problems]


ADD = "add bearertokenauth to service.extensions"
BOTH = "{bearertokenauth: {token: x}, basicauth: {htpasswd: {inline: 'a:b'}}, health_check: {}}"


def test_authenticators_that_are_right_are_no_problem() -> None:
    started = "bearertokenauth, basicauth, health_check"

    assert read(BOTH, started, "basicauth", "bearertokenauth") == []


def test_an_authenticator_that_cannot_do_it_is_told_where_it_is_named() -> None:
    started = "basicauth, health_check"

    assert read(BOTH, started, "bearertokenauth", "basicauth") == [
        f"extension bearertokenauth is not started | {ADD}",
        "extension basicauth as it is configured does not authenticate a client | ",
        "extension bearertokenauth is defined and not used | ",
    ]
    assert read(BOTH, started + ", bearertokenauth", "basicaut", "health_check") == [
        "extension basicaut is not defined | did you mean basicauth?",
        "extension health_check authenticates nobody | ",
    ]


def test_a_third_partys_extension_that_is_no_authenticator_is_told_at_start() -> None:
    with pytest.raises(StartError, match="must be an extension that authenticates a client"):
        client_authenticator(HERE, ClientAuthConfig(authenticator="x"))
