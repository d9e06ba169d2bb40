"""Private certificates and proxies: whom an upstream's connection trusts, and through whom it goes."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from stub_upstream import StubUpstream
from test_asking import CHAT, FAST, MOST, body, client, failure, run

from jitsuri import words
from jitsuri.providers.shapes import Timeouts, Upstream
from jitsuri.providers.wire.asking import Client
from jitsuri.terms.errors import OperatorError, UpstreamError


def _certified(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *, is_ca: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    named = lambda name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])  # noqa: E731
    made = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_ca:
        hosts = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = made.add_extension(hosts, critical=False)
    return made.sign(signer, hashes.SHA256())


@dataclass
class Authority:
    """A company's own authority: its certificate as a file, and what a server under it is."""

    file: Path
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    top = tmp_path_factory.mktemp("ca")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certified("Sample CA", ca_key, "Sample CA", ca_key, is_ca=True)
    own = _certified("stub", key, "Sample CA", ca_key, is_ca=False)
    pem = serialization.Encoding.PEM
    (top / "ca.pem").write_bytes(ca.public_bytes(pem))
    (top / "own.pem").write_bytes(own.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (top / "own.key").write_bytes(private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(top / "own.pem", top / "own.key")
    return Authority(top / "ca.pem", server)


@pytest.fixture
def secret(authority: Authority) -> Iterator[StubUpstream]:
    with StubUpstream(tls=authority.server) as running:
        yield running


def _at(stub: StubUpstream, **more: Any) -> Upstream:
    return Upstream("暗号", "compatible", "openai", stub.url, "見本", **({"timeouts": FAST} | more))


def test_an_upstream_under_the_companys_own_authority_is_trusted_by_its_file(
    secret: StubUpstream, authority: Authority
) -> None:
    async def story(asks: Client) -> Any:
        one = _at(secret, ca_file=str(authority.file))
        first = json.loads(await (await asks.ask(one, CHAT, body(), {})).whole(MOST))
        await (await asks.ask(one, CHAT, body(), {})).whole(MOST)
        return first

    assert run(story)["object"] == "chat.completion"
    assert secret.connections == 1


def test_tls_runs_on_the_plain_loop_too(secret: StubUpstream, authority: Authority) -> None:
    async def story() -> None:
        async with client() as asks:
            one = _at(secret, ca_file=str(authority.file))
            for _ in range(3):
                assert json.loads(await (await asks.ask(one, CHAT, body(), {})).whole(MOST))["object"]
            large = await (await asks.ask(one, CHAT, body("stub-large-3000000"), {})).whole(MOST)
            assert len(large) > 3_000_000
            reply = await asks.ask(one, CHAT, body("stub-drip-0.1", stream=True), {})
            await anext(reply.pieces())
            reply.close()
            await asyncio.to_thread(secret.wait, lambda: secret.last.cancelled, 1.0)

    asyncio.run(story())
    assert secret.connections == 1


def test_without_the_file_it_is_not_trusted_and_nothing_is_sent(secret: StubUpstream) -> None:
    async def story(asks: Client) -> UpstreamError:
        return await failure(asks.ask(_at(secret), CHAT, body(), {}))

    error = run(story)
    assert (error.code, error.is_retryable) == ("upstream_tls", True)
    assert secret.requests == []


def test_the_wrong_hosts_certificate_is_not_trusted(secret: StubUpstream, authority: Authority) -> None:
    async def story(asks: Client) -> UpstreamError:
        url = f"https://localhost:{secret.port}/v1"
        one = Upstream("暗号", "compatible", "openai", url, "見本", ca_file=str(authority.file), timeouts=FAST)
        return await failure(asks.ask(one, CHAT, body(), {}))

    assert run(story).code == "upstream_tls"


def test_plain_http_where_tls_is_expected_is_no_tls(stub: StubUpstream) -> None:
    async def story(asks: Client) -> UpstreamError:
        url = f"https://127.0.0.1:{stub.port}/v1"
        one = Upstream("暗号", "compatible", "openai", url, "見本", timeouts=FAST)
        return await failure(asks.ask(one, CHAT, body(), {}))

    assert run(story).code in ("upstream_tls", "upstream_unreachable")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_holds_no_certificates_is_the_keepers_matter(
    stub: StubUpstream, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    async def story(asks: Client) -> OperatorError:
        with pytest.raises(OperatorError) as raised:
            asks.prepare(_at(stub, ca_file=str(file)))
        return raised.value

    error = run(story)
    assert (error.code, error.facts["path"]) == ("upstream_ca_unusable", str(file))
    assert all(words.sentence("error", error.code, lang, error.facts) for lang in words.LANGUAGES)


def test_a_caller_who_leaves_is_seen_through_tls_too(secret: StubUpstream, authority: Authority) -> None:
    async def story(asks: Client) -> None:
        one = _at(secret, ca_file=str(authority.file))
        reply = await asks.ask(one, CHAT, body("stub-drip-0.1", stream=True), {})
        await anext(reply.pieces())
        reply.close()
        await asyncio.to_thread(secret.wait, lambda: secret.last.cancelled, 1.0)

    run(story)


def test_time_outs_hold_through_tls_too(secret: StubUpstream, authority: Authority) -> None:
    async def story(asks: Client) -> tuple[str, str]:
        one = _at(secret, ca_file=str(authority.file))
        slow = await failure(asks.ask(one, CHAT, body("stub-slow-first-byte-9"), {}))
        reply = await asks.ask(one, CHAT, body("stub-stall-2", stream=True), {})
        stalled = await failure(reply.whole(MOST))
        return slow.code, stalled.code

    assert run(story) == ("upstream_slow", "upstream_stalled")


@dataclass
class Proxy:
    """A small proxy: tunnels by CONNECT, forwards plain requests to the host their address names."""

    user: str = ""
    refuses: bool = False
    asked: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Targets whose client closed its connection."""
    port: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n")[0].split(" ")
        self.asked.append(f"{method} {target}")
        expected = "proxy-authorization: basic " + base64.b64encode(self.user.encode()).decode().lower()
        if self.refuses or (self.user and expected not in head.lower()):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
            return
        address = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = address.partition(":")
        theirs, ours = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            ours.write(head.replace(f"http://{address}", "", 1).encode("latin-1"))
        await asyncio.gather(self._client(reader, ours, target), self._pipe(theirs, writer), return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
        try:
            await self._pipe(reader, writer)
        finally:
            self.left.append(target)

    @staticmethod
    async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def run(self, started: threading.Event, stopping: list[Any]) -> None:
        async def main() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ended = asyncio.Event()
            stopping.append((asyncio.get_running_loop(), ended))
            started.set()
            await ended.wait()
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.05)

        asyncio.run(main())


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made, started, stopping = Proxy(), threading.Event(), []
    thread = threading.Thread(target=made.run, args=(started, stopping), daemon=True)
    thread.start()
    assert started.wait(5)
    yield made
    loop, ended = stopping[0]
    loop.call_soon_threadsafe(ended.set)
    thread.join(5)


def test_through_tls_the_connection_itself_is_closed_also_to_a_server_that_hears_nothing(
    proxy: Proxy, authority: Authority
) -> None:
    """A server that reads no more would not see the end of TLS; it is the end of the connection that reaches it."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                with authority.server.wrap_socket(listening.accept()[0], server_side=True) as taken:
                    request = taken.recv(65536)
                    if b"stream" in request:
                        taken.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
                    ended.wait(10)
                    ended.clear()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        async def story(asks: Client) -> None:
            one = Upstream(
                "聾", "compatible", "openai", f"https://127.0.0.1:{port}", "見本", timeouts=FAST,
                ca_file=str(authority.file), proxy=f"http://127.0.0.1:{proxy.port}",
            )  # fmt: skip
            assert (await failure(asks.ask(one, CHAT, body(), {}))).code == "upstream_slow"
            await asyncio.to_thread(StubUpstream.wait, lambda: len(proxy.left) == 1, 1.0)
            ended.set()
            reply = await asks.ask(one, CHAT, body(stream=True), {})
            assert await anext(reply.pieces()) == b"x"
            reply.close()
            await asyncio.to_thread(StubUpstream.wait, lambda: len(proxy.left) == 2, 1.0)
            ended.set()

        run(story)
        thread.join(5)


async def _ask_once(asks: Client, one: Upstream) -> int:
    reply = await asks.ask(one, CHAT, body(), {})
    await reply.whole(MOST)
    return reply.status


def test_an_upstreams_own_proxy_tunnels_tls(proxy: Proxy, secret: StubUpstream, authority: Authority) -> None:
    async def story(asks: Client) -> None:
        one = _at(secret, ca_file=str(authority.file), proxy=f"http://127.0.0.1:{proxy.port}")
        assert [await _ask_once(asks, one) for _ in range(3)] == [200, 200, 200]

    run(story)
    assert proxy.asked == [f"CONNECT 127.0.0.1:{secret.port}"]
    assert "proxy-authorization" not in secret.last.headers


def test_a_plain_upstream_goes_through_its_proxy_too(proxy: Proxy, stub: StubUpstream) -> None:
    async def story(asks: Client) -> int:
        return await _ask_once(asks, _at(stub, proxy=f"http://127.0.0.1:{proxy.port}"))

    assert run(story) == 200
    assert proxy.asked == [f"POST {stub.url}/chat/completions"]


def test_a_proxys_name_and_password_are_sent_to_it_alone_and_shown_nowhere(
    proxy: Proxy, secret: StubUpstream, authority: Authority
) -> None:
    proxy.user = "taro:s3cret"

    async def story(asks: Client) -> UpstreamError:
        good = _at(secret, ca_file=str(authority.file), proxy=f"http://taro:s3cret@127.0.0.1:{proxy.port}")
        assert await _ask_once(asks, good) == 200
        bad = Upstream(
            "別", "compatible", "openai", secret.url, "見本", ca_file=str(authority.file), timeouts=FAST,
            proxy=f"http://taro:wr0ng@127.0.0.1:{proxy.port}",
        )  # fmt: skip
        return await failure(asks.ask(bad, CHAT, body(), {}))

    error = run(story)
    assert (error.code, error.is_retryable) == ("upstream_proxy", True)
    assert "wr0ng" not in f"{error!r} {error} {error.facts}"
    assert "407" in str(error.facts["reason"])


def test_the_environments_proxy_is_taken_for_hosts_that_it_does_not_except(proxy: Proxy) -> None:
    proxy.refuses = True

    async def story(asks: Client) -> int:
        one = Upstream("外", "compatible", "openai", "http://llm.example.jp/v1", "見本", timeouts=FAST)
        return await _ask_once(asks, one)

    environment = {"http_proxy": f"127.0.0.1:{proxy.port}", "NO_PROXY": "other.example.jp"}
    assert run(story, environment) == 407
    assert proxy.asked == ["POST http://llm.example.jp/v1/chat/completions"]


def test_a_proxy_that_is_not_there_is_told_as_one(stub: StubUpstream) -> None:
    async def story(asks: Client) -> UpstreamError:
        return await failure(asks.ask(_at(stub, proxy="http://u:p4ss@127.0.0.1:1"), CHAT, body(), {}))

    error = run(story)
    assert error.code == "upstream_proxy"
    assert "p4ss" not in f"{error!r} {error.facts}"


def test_a_proxy_of_the_environment_that_cannot_be_spoken_to_is_the_keepers_matter() -> None:
    async def story(asks: Client) -> OperatorError:
        with pytest.raises(OperatorError) as raised:
            asks.prepare(Upstream("外", "openai", "openai", "https://llm.example.jp/v1", "見本", key_env="KEY"))
        return raised.value

    error = run(story, {"KEY": "k", "HTTPS_PROXY": "socks5://u:p4ss@proxy.example.jp:1080"})
    assert error.code == "upstream_proxy_unusable"
    assert "p4ss" not in words.sentence("error", error.code, "ja", error.facts)


def test_the_waiting_for_a_proxy_counts_as_connecting(stub: StubUpstream) -> None:
    async def story(asks: Client, port: int) -> UpstreamError:
        one = Upstream(
            "遅", "compatible", "openai", f"https://127.0.0.1:{stub.port}/v1", "見本",
            proxy=f"http://127.0.0.1:{port}", timeouts=Timeouts(connect_s=0.4, first_byte_s=30),
        )  # fmt: skip
        return await failure(asks.ask(one, CHAT, body(), {}))

    async def whole(asks: Client) -> UpstreamError:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        try:
            return await story(asks, server.sockets[0].getsockname()[1])
        finally:
            server.close()

    assert run(whole).code == "upstream_unreachable"
