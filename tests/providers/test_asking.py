"""Asking an upstream over real sockets: what is sent, what comes back, what ends a wait, what a departure does."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from stub_upstream import Behaviour, StubUpstream

from jitsuri import words
from jitsuri.providers.shapes import Timeouts, Upstream
from jitsuri.providers.wire import asking, connecting
from jitsuri.providers.wire.asking import LARGE_BODY, Client, Reply
from jitsuri.providers.wire.keying import Keys
from jitsuri.terms.errors import OperatorError, UpstreamError

CHAT = "/chat/completions"
MOST = 10_000_000
FAST = Timeouts(connect_s=0.5, first_byte_s=0.4, between_s=0.4, whole_s=5.0)
SLACK_S = 1.2
"""How late a wait may end here: two looks, and a machine that is busy with other things."""


@pytest.fixture(autouse=True, params=["short", "session"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which a request goes out: in one write, and as the library's session sends it."""
    if request.param == "session":
        opened = connecting.open_session
        monkeypatch.setattr(asking, "open_session", lambda *asked: (opened(*asked)[0], False))
    return str(request.param)


def upstream(stub: StubUpstream, **more: Any) -> Upstream:
    told: dict[str, Any] = {"kind": "compatible", "dialect": "openai", "base_url": stub.url, "vendor": "見本"}
    return Upstream("近く", **(told | {"timeouts": FAST} | more))


def body(model: str = "stub", **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "はい"}], **more}).encode()


@asynccontextmanager
async def client(environment: dict[str, str] | None = None) -> AsyncIterator[Client]:
    environment = environment or {}
    made = Client(Keys(environment), environment, agent="jitsuri/test")
    try:
        yield made
    finally:
        await made.aclose()


def run(story: Callable[[Client], Awaitable[Any]], environment: dict[str, str] | None = None) -> Any:
    async def told() -> Any:
        async with client(environment) as one:
            return await story(one)

    return uvloop.run(told())


async def failure(asking: Awaitable[Any]) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await asking
    for lang in words.LANGUAGES:
        assert words.sentence("error", raised.value.code, lang, raised.value.facts)
    return raised.value


def test_a_whole_answer_comes_as_it_was_sent(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        reply = await asks.ask(upstream(stub), CHAT, body(), {})
        assert reply.status == 200
        assert reply.headers["Content-Type"] == reply.headers["content-type"] == "application/json"
        assert json.loads(await reply.whole(MOST))["choices"][0]["message"]["content"].startswith("承知")

    run(story)
    assert stub.last.body == body()
    assert stub.last.answered


def test_a_stream_comes_in_pieces_as_they_arrive(stub: StubUpstream) -> None:
    async def story(asks: Client) -> list[tuple[float, bytes]]:
        reply = await asks.ask(upstream(stub), CHAT, body("stub-drip-0.05", stream=True), {})
        return [(time.monotonic(), piece) async for piece in reply.pieces()]

    pieces = run(story)
    assert len(pieces) > 5
    assert all(piece for _, piece in pieces)
    assert pieces[-1][0] - pieces[0][0] > 0.2
    whole = b"".join(piece for _, piece in pieces)
    assert whole.count(b"data: ") == stub.last.events_sent
    assert whole.endswith(b"data: [DONE]\n\n")


def test_refusals_are_replies_with_their_status_and_headers(stub: StubUpstream) -> None:
    async def story(asks: Client) -> tuple[int, str, bytes]:
        reply = await asks.ask(upstream(stub), CHAT, body("stub-429-retry-after-3"), {})
        return reply.status, reply.headers["retry-after"], await reply.whole(MOST)

    status, after, told = run(story)
    assert (status, after) == (429, "3")
    assert json.loads(told)["error"]["code"] == "rate_limit_exceeded"


def test_what_is_sent_carries_the_upstreams_key_and_of_the_callers_headers_only_what_may_travel(
    stub: StubUpstream,
) -> None:
    asked = {
        "Authorization": "Bearer the-callers",
        "x-api-key": "the-callers",
        "Cookie": "a=b",
        "X-Forwarded-For": "192.0.2.7",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "OpenAI-Organization": "org-sample",
        "OpenAI-Project": "総務",
        "Host": "elsewhere.example.jp",
        "Content-Length": "1",
    }

    async def story(asks: Client) -> None:
        one = upstream(stub, key_env="KEY", headers=(("X-Team", "soumu"),))
        await (await asks.ask(one, CHAT, body(), asked)).whole(MOST)

    run(story, {"KEY": " sk-the-companys\n"})
    sent = stub.last.headers
    assert sent == {
        "accept": "*/*",
        "accept-encoding": "identity",
        "authorization": "Bearer sk-the-companys",
        "content-length": str(len(body())),
        "content-type": "application/json",
        "host": f"127.0.0.1:{stub.port}",
        "openai-organization": "org-sample",
        "traceparent": asked["traceparent"],
        "user-agent": "jitsuri/test",
        "x-team": "soumu",
    }


def test_an_anthropic_upstream_gets_its_own_headers_and_an_azure_one_its_path(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        claude = upstream(stub, kind="anthropic", dialect="anthropic", key_env="KEY")
        asked = body(max_tokens=9)
        reply = await asks.ask(
            claude, "/messages", asked, {"anthropic-beta": "context-1m", "anthropic-version": "2024-01-01"}
        )
        assert json.loads(await reply.whole(MOST))["type"] == "message"
        azure = Upstream(
            "青", "azure", "openai", stub.origin, "azure", key_env="KEY", api_version="2024-10-21", timeouts=FAST
        )
        path = "/openai/deployments/gpt%2D4o/chat/completions?api-version=2024-10-21"
        assert json.loads(await (await asks.ask(azure, path, body(), {})).whole(MOST))["object"] == "chat.completion"

    run(story, {"KEY": "sk-1"})
    claude, azure = stub.requests
    assert (claude.headers["x-api-key"], claude.headers["anthropic-version"]) == ("sk-1", "2024-01-01")
    assert claude.headers["anthropic-beta"] == "context-1m"
    assert "authorization" not in claude.headers
    assert (azure.headers["api-key"], azure.query) == ("sk-1", "api-version=2024-10-21")
    assert "authorization" not in azure.headers


def test_a_get_has_no_body_and_a_pass_through_keeps_its_content_type(stub: StubUpstream) -> None:
    async def story(asks: Client) -> bytes:
        one = upstream(stub)
        listed = await (await asks.ask(one, "/models", b"", {}, method="GET")).whole(MOST)
        assert json.loads(listed)["object"] == "list"
        sound = await asks.ask(one, "/audio/speech", b"--x--", {"content-type": "multipart/form-data; boundary=x"})
        assert sound.headers["content-type"] == "audio/mpeg"
        return await sound.whole(MOST)

    assert run(story).startswith(b"ID3")
    listing, sound = stub.requests
    assert (listing.body, sound.body) == (b"", b"--x--")
    assert sound.headers["content-type"] == "multipart/form-data; boundary=x"


def test_connections_are_kept_and_used_again(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        one = upstream(stub)
        for n in range(20):
            reply = await asks.ask(one, CHAT, body(stream=bool(n % 2)), {})
            if n % 2:
                assert [piece async for piece in reply.pieces()]
            else:
                await reply.whole(MOST)

    run(story)
    assert len(stub.requests) == 20
    assert stub.connections == 1


def test_a_packed_answer_is_unpacked_whole_and_in_pieces(stub: StubUpstream) -> None:
    async def story(asks: Client) -> tuple[bytes, bytes]:
        whole = await (await asks.ask(upstream(stub), CHAT, body("stub-gzip"), {})).whole(MOST)
        reply = await asks.ask(upstream(stub), CHAT, body("stub-gzip", stream=True), {})
        return whole, b"".join([piece async for piece in reply.pieces()])

    whole, stream = run(story)
    assert json.loads(whole)["object"] == "chat.completion"
    assert stream.endswith(b"data: [DONE]\n\n")


def test_a_body_of_many_megabytes_arrives(stub: StubUpstream) -> None:
    large = body(padding="x" * (8 * LARGE_BODY))

    async def story(asks: Client) -> None:
        one = upstream(stub, timeouts=Timeouts(connect_s=2, first_byte_s=20))
        await (await asks.ask(one, CHAT, large, {})).whole(MOST)

    run(story)
    assert stub.last.body == large


@pytest.mark.parametrize("model", ["stub-large-3000000", "stub-large-300000"])
def test_an_answer_beyond_the_bound_is_not_read(stub: StubUpstream, model: str) -> None:
    async def story(asks: Client) -> UpstreamError:
        reply = await asks.ask(upstream(stub), CHAT, body(model), {})
        return await failure(reply.whole(200_000))

    error = run(story)
    assert (error.code, error.is_retryable) == ("upstream_too_large", False)
    assert error.facts == {"upstream": "近く", "most": "0.2"}


def test_a_streamed_answer_beyond_the_bound_is_dropped_too(stub: StubUpstream) -> None:
    async def story(asks: Client) -> UpstreamError:
        stub.behave(Behaviour(pad_bytes=4_000_000, drip_s=0.005))
        reply = await asks.ask(upstream(stub), CHAT, body(stream=True), {})
        return await failure(reply.whole(200_000))

    assert run(story).code == "upstream_too_large"
    stub.wait(lambda: stub.last.cancelled)


def test_an_answer_without_a_body_is_empty(stub: StubUpstream) -> None:
    async def story(asks: Client) -> tuple[bytes, list[bytes]]:
        whole = await (await asks.ask(upstream(stub), CHAT, body("stub-empty"), {})).whole(MOST)
        reply = await asks.ask(upstream(stub), CHAT, body("stub-empty", stream=True), {})
        return whole, [piece async for piece in reply.pieces()]

    assert run(story) == (b"", [])
    assert stub.connections == 1


async def _timed(asking: Awaitable[Any]) -> tuple[UpstreamError, float]:
    before_s = time.monotonic()
    error = await failure(asking)
    return error, time.monotonic() - before_s


def test_no_first_byte_in_time_is_slow(stub: StubUpstream) -> None:
    async def story(asks: Client) -> tuple[UpstreamError, float]:
        return await _timed(asks.ask(upstream(stub), CHAT, body("stub-slow-first-byte-9"), {}))

    error, seconds = run(story)
    assert (error.code, error.is_retryable) == ("upstream_slow", False)
    assert error.facts == {"upstream": "近く", "seconds": "0.4"}
    assert 0.4 <= seconds < 0.4 + SLACK_S
    stub.wait(lambda: stub.last.cancelled, 1.0)


async def _all_of(reply: Reply) -> bytes:
    return b"".join([piece async for piece in reply.pieces()])


@pytest.mark.slow
@pytest.mark.parametrize("way", ["whole", "pieces"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_halt_in_the_midst_is_stalled(stub: StubUpstream, is_stream: bool, way: str) -> None:
    async def story(asks: Client) -> tuple[UpstreamError, float]:
        reply = await asks.ask(upstream(stub), CHAT, body("stub-stall-3", stream=is_stream), {})
        return await _timed(reply.whole(MOST) if way == "whole" else _all_of(reply))

    error, seconds = run(story)
    assert (error.code, error.is_retryable) == ("upstream_stalled", False)
    assert 0.4 <= seconds < 0.4 + SLACK_S
    stub.wait(lambda: stub.last.cancelled, 1.0)


def test_drops_that_never_end_are_overtime(stub: StubUpstream) -> None:
    async def story(asks: Client) -> tuple[UpstreamError, float]:
        one = upstream(stub, timeouts=Timeouts(0.5, 0.4, 0.4, whole_s=0.8))
        reply = await asks.ask(one, CHAT, body("stub-drip-0.1", stream=True), {})
        return await _timed(_all_of(reply))

    error, seconds = run(story)
    assert (error.code, error.is_retryable) == ("upstream_overtime", False)
    assert error.facts["seconds"] == "0.8"
    assert 0.5 < seconds < 0.8 + SLACK_S
    stub.wait(lambda: stub.last.cancelled, 1.0)


@pytest.mark.slow
def test_a_reader_that_pauses_is_no_stall_but_its_time_runs_out(stub: StubUpstream) -> None:
    async def story(asks: Client) -> tuple[bytes, UpstreamError, UpstreamError]:
        one = upstream(stub, timeouts=Timeouts(0.5, 0.4, 0.2, whole_s=1.5))
        stub.behave(Behaviour(output_tokens=1000, drip_s=0.05))
        reply = await asks.ask(one, CHAT, body(stream=True), {})
        first = await anext(reply.pieces())
        await asyncio.sleep(0.7)
        second = await anext(reply.pieces())
        await asyncio.sleep(1.2)
        ended = await failure(anext(reply.pieces()))
        again = await failure(anext(reply.pieces()))
        reply.close()
        return first + second, ended, again

    told, ended, again = run(story)
    assert told.startswith(b"data: ")
    assert ended.code == again.code == "upstream_overtime"


def test_a_reader_may_take_its_time_with_what_has_arrived(stub: StubUpstream) -> None:
    async def story(asks: Client) -> bytes:
        one = upstream(stub, timeouts=Timeouts(0.5, 0.4, 0.2, whole_s=0.4))
        reply = await asks.ask(one, CHAT, body(stream=True), {})
        await asyncio.sleep(0.8)
        return await _all_of(reply)

    assert run(story).endswith(b"[DONE]\n\n")


def test_a_port_where_nobody_listens_is_unreachable_and_may_be_asked_again() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def story(asks: Client) -> UpstreamError:
        nobody = Upstream("無人", "compatible", "openai", f"http://127.0.0.1:{port}/v1", "見本", timeouts=FAST)
        return await failure(asks.ask(nobody, CHAT, body(), {}))

    error = run(story)
    assert (error.code, error.is_retryable) == ("upstream_unreachable", True)
    assert error.facts["upstream"] == "無人"


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    async def story(asks: Client) -> UpstreamError:
        nowhere = Upstream("無", "compatible", "openai", "https://nowhere.invalid/v1", "見本", timeouts=FAST)
        return await failure(asks.ask(nowhere, CHAT, body(), {}))

    error = run(story)
    assert (error.code, error.is_retryable) == ("upstream_unreachable", True)


def test_a_connection_that_is_not_taken_in_time_is_unreachable() -> None:
    """A queue of connections that is full drops what comes more, as a host behind a silent firewall does."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)

        async def story(asks: Client) -> tuple[UpstreamError, float]:
            waits = Timeouts(connect_s=0.5, first_byte_s=30)
            url = f"http://127.0.0.1:{address[1]}"
            silent = Upstream("黙", "compatible", "openai", url, "見本", timeouts=waits)
            return await _timed(asks.ask(silent, CHAT, body(), {}))

        error, seconds = run(story)
        for filler in fillers:
            filler.close()
    assert (error.code, error.is_retryable) == ("upstream_unreachable", True)
    assert 0.5 <= seconds < 0.5 + SLACK_S


def test_when_all_connections_are_in_use_the_wait_for_one_is_full_not_unreachable(stub: StubUpstream) -> None:
    async def story(asks: Client) -> UpstreamError:
        one = upstream(stub, most_connections=2, timeouts=Timeouts(0.3, 5, 5, 5))
        held = [await asks.ask(one, CHAT, body("stub-stall-1", stream=True), {}) for _ in range(2)]
        error = await failure(asks.ask(one, CHAT, body(), {}))
        held[0].close()
        assert await (await asks.ask(one, CHAT, body(), {})).whole(MOST)
        held[1].close()
        return error

    error = run(story)
    assert (error.code, error.is_retryable) == ("upstream_full", True)


@pytest.mark.parametrize(
    ("model", "is_stream"),
    [
        ("stub-garbage", False),
        ("stub-long-length", False),
        ("stub-close-3", False),
        ("stub-close-3", True),
        ("stub-garbage-3", True),
    ],
)
def test_answers_that_break_are_broken_and_not_asked_again(stub: StubUpstream, model: str, is_stream: bool) -> None:
    async def story(asks: Client) -> UpstreamError:
        async def asked() -> bytes:
            return await (await asks.ask(upstream(stub), CHAT, body(model, stream=is_stream), {})).whole(MOST)

        error = await failure(asked())
        assert await (await asks.ask(upstream(stub), CHAT, body(), {})).whole(MOST)
        return error

    error = run(story)
    assert (error.code, error.is_retryable) == ("upstream_broken", False)


def test_a_connection_that_ends_before_any_byte_of_an_answer_is_not_retryable(stub: StubUpstream) -> None:
    """POST is not idempotent (RFC 9110 §9.2.2): the upstream may have worked on it."""

    async def story(asks: Client) -> UpstreamError:
        one = upstream(stub)
        await (await asks.ask(one, CHAT, body(), {})).whole(MOST)
        asking = asyncio.create_task(failure(asks.ask(one, CHAT, body("stub-slow-first-byte-5"), {})))
        await asyncio.sleep(0.1)
        stub.drop_connections()
        return await asking

    error = run(story)
    assert (error.code, error.is_retryable) == ("upstream_broken", False)
    assert len(stub.requests) == 2


def test_an_idle_connection_that_the_upstream_closed_is_not_used(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        one = upstream(stub)
        await (await asks.ask(one, CHAT, body(), {})).whole(MOST)
        stub.drop_connections()
        await asyncio.sleep(0.1)
        await (await asks.ask(one, CHAT, body(), {})).whole(MOST)

    run(story)
    assert stub.connections == 2


def test_an_idle_connection_is_dropped_by_us_before_a_server_in_the_house_would(
    stub: StubUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "KEPT_IDLE_AT_HOME_S", 0.2)

    async def story(asks: Client) -> None:
        one = upstream(stub)
        for pause_s in (0.05, 0.4, 0):
            await (await asks.ask(one, CHAT, body(), {})).whole(MOST)
            await asyncio.sleep(pause_s)

    run(story)
    assert [request.connection for request in stub.requests] == [1, 1, 2]


def test_a_redirect_is_never_followed(stub: StubUpstream) -> None:
    async def story(asks: Client) -> UpstreamError:
        stub.behave(Behaviour(status=307, redirect=f"{stub.url}/chat/completions"))
        return await failure(asks.ask(upstream(stub), CHAT, body(), {}))

    error = run(story)
    assert (error.code, error.facts["status"]) == ("upstream_redirected", 307)
    assert len(stub.requests) == 1


@pytest.mark.parametrize("way", ["close", "cancel", "abandon"])
def test_a_caller_who_leaves_is_seen_by_the_upstream_within_a_second(stub: StubUpstream, way: str) -> None:
    async def story(asks: Client) -> float:
        reply = await asks.ask(upstream(stub), CHAT, body("stub-drip-0.1", stream=True), {})
        await anext(reply.pieces())
        left_s = time.monotonic()
        if way == "cancel":
            task = asyncio.create_task(_all_of(reply))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        elif way == "abandon":
            await asks.aclose()
        else:
            getattr(reply, way)()
        await asyncio.to_thread(stub.wait, lambda: stub.last.cancelled, 1.0)
        return left_s

    left_s = run(story)
    assert stub.last.cancelled_at_s - left_s < 1.0
    assert stub.last.events_sent < 10


def test_streams_released_at_their_last_event_share_one_connection(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        stub.behave(Behaviour(end_s=0.02), times=10)
        for _ in range(10):
            reply = await asks.ask(upstream(stub), CHAT, body(stream=True), {})
            async for piece in reply.pieces():
                if b"[DONE]" in piece:
                    break
            reply.release()
            await asyncio.sleep(0.05)

    run(story)
    assert stub.connections == 1
    assert stub.cancelled == []


@pytest.mark.slow
def test_an_answer_released_in_its_midst_is_dropped_within_the_second(stub: StubUpstream) -> None:
    async def story(asks: Client) -> float:
        stub.behave(Behaviour(output_tokens=1000, drip_s=0.1))
        reply = await asks.ask(upstream(stub), CHAT, body(stream=True), {})
        await anext(reply.pieces())
        left_s = time.monotonic()
        reply.release()
        assert [piece async for piece in reply.pieces()] == []
        await asyncio.to_thread(stub.wait, lambda: stub.last.cancelled, 1.0 + SLACK_S)
        assert asks._lines["近く"].under_way == set()
        return left_s

    left_s = run(story)
    assert 0.9 < stub.last.cancelled_at_s - left_s < 1.0 + SLACK_S


def test_a_caller_who_leaves_before_the_answer_begins_is_seen_too(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        asking = asyncio.create_task(asks.ask(upstream(stub), CHAT, body("stub-slow-first-byte-9"), {}))
        await asyncio.to_thread(stub.wait, lambda: stub.requests)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.to_thread(stub.wait, lambda: stub.last.cancelled, 1.0)

    run(story)


def test_a_cancellation_from_outside_at_the_very_moment_of_a_time_out_stays_one(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        reply = await asks.ask(upstream(stub), CHAT, body("stub-stall-1", stream=True), {})
        await anext(reply.pieces())
        reading = asyncio.create_task(_all_of(reply))
        await asyncio.sleep(0.05)
        reply._expire("upstream_stalled")
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    run(story)


def test_a_time_out_leaves_no_cancellation_behind(stub: StubUpstream) -> None:
    """The task goes on after the error, within a time-out of its own too."""

    async def story(asks: Client) -> int:
        one = upstream(stub, timeouts=Timeouts(0.5, 0.2, 0.2, 5))
        async with asyncio.timeout(5):
            for _ in range(3):
                await failure(asks.ask(one, CHAT, body("stub-slow-first-byte-9"), {}))
            await (await asks.ask(one, CHAT, body(), {})).whole(MOST)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert run(story) == 0


def test_kinds_of_this_machine_and_paths_that_leave_the_base_are_errors_of_the_program(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        local = Upstream("手元", "llama_cpp", "openai", "", "local")
        with pytest.raises(ValueError, match="answers on this machine"):
            await asks.ask(local, CHAT, body(), {})
        for path in ("chat", "//example.jp/x", "/../admin", "/a/%2e%2e/b", "/a\r\nx: y", "/a#b", "/a%2fb", "/a\\b"):
            with pytest.raises(ValueError, match="not a path"):
                await asks.ask(upstream(stub), path, body(), {})

    run(story)
    assert stub.requests == []


def test_a_missing_key_stops_before_anything_is_sent(stub: StubUpstream) -> None:
    async def story(asks: Client) -> OperatorError:
        with pytest.raises(OperatorError) as raised:
            await asks.ask(upstream(stub, key_env="NONE"), CHAT, body(), {})
        return raised.value

    error = run(story)
    assert words.sentence("error", error.code, "ja", error.facts)
    assert (error.code, error.facts) == ("upstream_key_missing", {"upstream": "近く", "place": "NONE"})
    assert stub.connections == 0


def test_another_definition_of_the_same_name_gets_a_pool_of_its_own(stub: StubUpstream) -> None:
    async def story(asks: Client) -> None:
        with StubUpstream() as other:
            reply = await asks.ask(upstream(stub), CHAT, body("stub-drip-0.02", stream=True), {})
            await (await asks.ask(upstream(other), CHAT, body(), {})).whole(MOST)
            await (await asks.ask(upstream(other, retries=2), CHAT, body(), {})).whole(MOST)
            assert (await _all_of(reply)).endswith(b"[DONE]\n\n")
            assert (stub.connections, other.connections) == (1, 1)

    run(story)


@pytest.mark.slow
def test_five_hundred_broken_streams_leave_no_connection_and_no_request_behind(stub: StubUpstream) -> None:
    ways = ["stub-close-2", "stub-garbage-2", "stub-stall-2", "stub-drip-0.05"]

    async def one(asks: Client, at: Upstream, n: int) -> None:
        try:
            reply = await asks.ask(at, CHAT, body(ways[n % 4], stream=True), {})
            async for _ in reply.pieces():
                if n % 4 == 3:
                    reply.close()
        except UpstreamError:
            pass

    async def story(asks: Client) -> None:
        at = upstream(stub, timeouts=Timeouts(2, 5, 0.3, 10), most_connections=50)
        for n in range(0, 500, 50):
            await asyncio.gather(*(one(asks, at, k) for k in range(n, n + 50)))
        line = asks._lines[at.name]
        assert line.under_way == set()
        await asyncio.sleep(0.3)
        assert asks._timer is None
        await asyncio.to_thread(stub.wait, lambda: stub.open_connections == 0)
        await (await asks.ask(at, CHAT, body(), {})).whole(MOST)

    run(story)
    assert len(stub.requests) == 501


def test_it_runs_on_the_plain_loop_too(stub: StubUpstream) -> None:
    async def story() -> UpstreamError:
        async with client() as asks:
            await (await asks.ask(upstream(stub), CHAT, body(), {})).whole(MOST)
            return await failure(asks.ask(upstream(stub), CHAT, body("stub-slow-first-byte-9"), {}))

    assert asyncio.run(story()).code == "upstream_slow"
