"""Passing an answer on: whole or piece by piece, translated where caller and upstream speak differently.

The first byte waits until the intent is durable, the last until the entry is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Literal

from jitsuri.flows.hot.booking import Attempt
from jitsuri.flows.hot.desk import Desk, Headers, Out, Reply
from jitsuri.flows.hot.guarding_outward import PAUSE_S, Outward, Unsure, outward_of
from jitsuri.flows.hot.telling import answer_headers, refused
from jitsuri.providers.rules.ending import Broken, Cut, end_of_stream
from jitsuri.providers.rules.reading import StreamReader, read_answer
from jitsuri.providers.rules.refusing import STATUS, read_error, refusal_body
from jitsuri.providers.rules.translating_answers import answer_to_anthropic, answer_to_openai
from jitsuri.providers.rules.translating_streams import StreamToAnthropic, StreamToOpenAI
from jitsuri.providers.shapes import Dialect, Said
from jitsuri.terms.errors import JitsuriError, UpstreamError
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import Language, text

MOST_ERROR_BYTES = 256 * 1024
"""Of an upstream's error this much is read (decision 0017)."""

_OURS = frozenset({401, 402, 403, 407})
"""Refusals that are about our key or contract with the upstream: the caller cannot mend them."""


class Failure:
    """An attempt that gave the caller nothing: what the upstream said, or what happened on the way."""

    __slots__ = ("fault", "is_final")

    def __init__(self, fault: Said | UpstreamError) -> None:
        self.fault = fault
        self.is_final = False

    @classmethod
    def of_error(cls, error: UpstreamError) -> Failure:
        return cls(error)

    @property
    def fault_code(self) -> str:
        return self.fault.code or f"upstream_{self.fault.status}" if isinstance(self.fault, Said) else self.fault.code

    def told(self, dialect: Dialect, language: Language, call_id: str) -> tuple[int, Headers, bytes]:
        """How the caller is told: an upstream's word about the request as it is, all else as a failure of the way."""
        fault = self.fault
        if not isinstance(fault, Said):
            return refused(dialect, fault, language, call_id)
        if fault.status in _OURS or fault.status < 400:
            facts = {"status": fault.status, "said": fault.message[:500] or fault.code}
            return refused(dialect, UpstreamError("upstream_refused", is_retryable=False, **facts), language, call_id)
        reason = _REASONS.get(fault.status, "bad_request" if fault.status < 500 else "upstream_failed")
        _, words = STATUS[reason]  # type: ignore[index]
        message = fault.message or text("error.upstream_said_nothing", language, status=fault.status)
        body = refusal_body(
            dialect, fault.status, words[dialect], fault.code or "upstream_error", message, fault.param or None, call_id
        )
        headers = answer_headers(call_id, len(body))
        if fault.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % max(0, round(fault.retry_after_s))))
        return fault.status, headers, body


_REASONS = {404: "unknown", 413: "too_large", 429: "rate", 503: "no_capacity", 504: "upstream_slow", 529: "no_capacity"}


async def pass_whole(desk: Desk, attempt: Attempt, reply: Reply, out: Out) -> Failure | None:
    """An answer that comes in one piece, or an error. Raises UpstreamError while nothing has been passed on."""
    call, upstream = attempt.call, attempt.leg.upstream
    if reply.status >= 300:
        data = await reply.whole(MOST_ERROR_BYTES)
        said = read_error(reply.status, reply.headers, data, desk.now())
        attempt.book("error", reply.status, (said.code or f"http_{reply.status}")[:64], ends_call=False)
        return Failure(said)
    data = await reply.whole(desk.most_answer_bytes)
    attempt.told = told = read_answer(upstream.dialect, call.asked.operation, data)
    attempt.response = data
    if told.error_code:
        attempt.book("error", reply.status, told.error_code[:64], ends_call=False)
        said = read_error(reply.status, reply.headers, data, desk.now())
        return Failure(Said(502, said.code or told.error_code, said.message, said.param, said.retry_after_s))
    body: bytes | Refusal = data
    if upstream.dialect != call.asked.dialect:
        created = int(call.at.timestamp())
        body = answer_to_openai(data, created=created) if upstream.dialect == "anthropic" else answer_to_anthropic(data)
    outward = None if call.guarded is None else outward_of(desk, attempt)
    if outward is not None and not isinstance(body, Refusal):
        body = await _judged(outward, attempt, body)
    entry = attempt.book("ok", reply.status, ends_call=True)
    if outward is not None:
        call.booked.append(desk.ledger.submit((("guard_runs", outward.run()),)))
    await call.durable()
    if isinstance(body, Refusal):
        await out.whole(*refused(call.asked.dialect, body, call.inquiry.language, str(call.call_id)))
        return None
    yen = entry.cost_jpy
    out.ready(
        reply.status,
        b"content-type: application/json\r\nx-jitsuri-call: %b\r\n%bx-jitsuri-cost-jpy: %b\r\n"
        % (str(call.call_id).encode(), attempt.leg.answered_by, b"" if yen is None else str(yen or _ZERO).encode()),
        body,
    )
    return None


async def _judged(outward: Outward, attempt: Attempt, body: bytes) -> bytes | Refusal:
    """An answer as the caller may have it, and as it is kept."""
    shown = await outward.answer(body)
    attempt.kept_response = shown or b""
    if shown is not None:
        return shown
    assert outward.refusal is not None
    return outward.refusal


_ZERO = Decimal(0)
"""As one is written: a ledger's zero has its six places."""


async def pass_stream(desk: Desk, attempt: Attempt, reply: Reply, out: Out) -> Failure | None:
    """A stream. A failure comes back only while the caller has not got a byte; later ones end the stream."""
    if reply.status >= 300:
        return await pass_whole(desk, attempt, reply, out)
    stream = _Stream(desk, attempt, out)
    reason: Cut | Broken | None = None
    try:
        came = await (_flow(stream, reply) if stream.guard is None else _flow_judged(stream, reply))
        if isinstance(came, Failure):
            return came
        reason = came
    except UpstreamError as error:
        if not stream.has_begun:
            raise
        reason = _broken(attempt, error.code)
        if stream.guard is not None:
            await stream.pass_on(await stream.step(stream.guard.close, []))
            reason = Cut("content_filter") if stream.is_stopped() else reason
    finally:
        attempt.told = stream.reader.told()  # also for a caller that has gone: what was seen is paid for
        if stream.reader.is_done and not stream.is_stopped():
            reply.release()
        else:
            reply.close()
    await stream.ended(reason)
    return None


async def _flow(stream: _Stream, reply: Reply) -> Failure | Cut | Broken | None:
    """Pass pieces on as they come; what ended it, None where it is whole."""
    async for chunk in reply.pieces():
        events = stream.fed(chunk)
        if not stream.has_begun:
            failure = stream.failure()
            if failure is not None:
                return failure
        await stream.pass_on(events)
        if stream.reader.is_done:
            return None
        if stream.is_over_hold():
            return Cut("length")
    await stream.pass_on(stream.closed())
    return stream.failure() or (None if stream.reader.is_done else _broken(stream.attempt, "upstream_broken"))


async def _flow_judged(stream: _Stream, reply: Reply) -> Failure | Cut | Broken | None:
    """The same, as far as the policy of the task lets it pass."""
    async for chunk in with_pauses(reply.pieces(), PAUSE_S):
        events = await stream.judged(chunk)
        if not stream.has_begun:
            failure = stream.failure()
            if failure is not None:
                return failure
        await stream.pass_on(events)
        if stream.is_stopped():
            return Cut("content_filter")
        if stream.reader.is_done:
            return None
        if stream.is_over_hold():
            return Cut("length")
    await stream.pass_on(await stream.closed_judged())
    failure = stream.failure()
    if failure is not None:
        return failure
    if stream.is_stopped():
        return Cut("content_filter")
    return None if stream.reader.is_done else _broken(stream.attempt, "upstream_broken")


def _broken(attempt: Attempt, code: str) -> Broken:
    """How a stream that the upstream broke off ends: the caller's library raises it as an error."""
    call = attempt.call
    _, words = STATUS["upstream_failed"]
    message = text("error.upstream_broken_short", call.inquiry.language)
    return Broken(words[call.asked.dialect], code, message, str(call.call_id))


class _Stream:
    """One stream on its way through."""

    __slots__ = ("attempt", "desk", "guard", "has_begun", "last", "out", "outward", "reader", "texts", "translator")

    def __init__(self, desk: Desk, attempt: Attempt, out: Out) -> None:
        call, upstream = attempt.call, attempt.leg.upstream
        self.desk, self.attempt, self.out = desk, attempt, out
        is_same = upstream.dialect == call.asked.dialect
        self.reader = StreamReader(
            upstream.dialect, wants_usage=call.asked.wants_usage or not is_same, answers=call.asked.answers
        )
        self.translator: StreamToOpenAI | StreamToAnthropic | None = None
        if not is_same and upstream.dialect == "anthropic":
            created = int(call.at.timestamp())
            self.translator = StreamToOpenAI(created=created, wants_usage=call.asked.wants_usage)
        elif not is_same:
            self.translator = StreamToAnthropic()
        self.has_begun = False
        self.last = b""
        """The end of the stream, held back until the entry is durable."""
        self.texts: list[bytes] | None = [] if desk.sealing.keeps(call.way.plan.task) else None
        self.outward = None if call.guarded is None else outward_of(desk, attempt)
        self.guard = None if self.outward is None else self.outward.stream()

    def fed(self, chunk: bytes) -> list[bytes]:
        if self.texts is not None and self.guard is None:
            self.texts.append(chunk)
        return self._turned(self.reader.feed(chunk))

    async def judged(self, chunk: bytes | None) -> list[bytes]:
        """As ``fed``, as far as the policy of the task lets it pass; None: nothing has come for a while."""
        assert self.guard is not None
        if chunk is None:
            return await self.step(self.guard.pause, [])
        events = self.fed(chunk)
        return await self.step(self.guard.feed, events) if events else []

    async def closed_judged(self) -> list[bytes]:
        """As ``closed``."""
        assert self.guard is not None
        events = self.closed()
        made = await self.step(self.guard.feed, events) if events else []
        return made + await self.step(self.guard.close, [])

    async def step(self, work: Callable[..., list[bytes]], events: list[bytes]) -> list[bytes]:
        """A step of the guard; nothing comes of it where a check could not tell."""
        assert self.outward is not None
        if self.outward.refusal is not None:
            return []
        try:
            return await self.outward.passed(work, events)
        except Unsure:
            return []

    def is_stopped(self) -> bool:
        """Whether the policy of the task lets nothing more of it pass."""
        if self.guard is None or self.outward is None:
            return False
        if self.guard.blocked and self.outward.refusal is None:
            self.outward.acted = self.guard.acted
            self.outward.block()
        return self.outward.refusal is not None

    def closed(self) -> list[bytes]:
        """The upstream has closed."""
        events = self._turned(self.reader.close())
        return events + self.translator.close() if self.translator is not None else events

    def _turned(self, events: list[bytes]) -> list[bytes]:
        if self.translator is None:
            return events
        return [made for event in events for made in self.translator.feed(event)]

    def failure(self) -> Failure | None:
        """An error that came before anything was passed on: another attempt may do."""
        if self.has_begun:
            return None
        told = self.reader.told()
        if not told.error_code:
            return None
        self.attempt.told = told
        status: Literal["cut", "error"] = "cut" if told.output_events else "error"  # what was made is paid for
        self.attempt.book(status, 200, told.error_code[:64], ends_call=False)
        return Failure(Said(502, told.error_code, told.error_message))

    async def pass_on(self, events: list[bytes]) -> None:
        """Send what may go; the first waits for the intent, the last stays for the entry."""
        if not events:
            return
        if not self.has_begun:
            attempt = self.attempt
            attempt.first_token_ms = int(1000 * (self.desk.monotonic() - attempt.started_s))
            await attempt.begun()
            self.has_begun = True
            await self.out.begin(200, _stream_headers(attempt))
        if self.reader.is_done and not self.is_stopped():
            self.last = events.pop()
        if events:
            data = b"".join(events)
            if self.texts is not None and self.guard is not None:
                self.texts.append(data)
            await self.out.piece(data)

    def _code(self, reason: Cut | Broken) -> str:
        """The reason of an entry that was cut."""
        if self.outward is not None and self.outward.refusal is not None:
            return self.outward.refusal.code
        return "hold_reached" if isinstance(reason, Cut) else reason.code

    def is_over_hold(self) -> bool:
        """Has the upstream sent more than was held? It was told the maximum; one that ignores it is cut."""
        attempt = self.attempt
        most = attempt.bound.output_tokens
        return bool(attempt.micro_jpy and most and self.reader.output_events > most)

    async def ended(self, reason: Cut | Broken | None) -> None:
        """Book, wait until that is durable, send the end."""
        attempt = self.attempt
        attempt.told = told = self.reader.told()
        if self.texts is not None:
            attempt.response = b"".join(self.texts)
            if self.guard is not None:
                attempt.kept_response = attempt.response + self.last
        if reason is None and told.error_code:
            attempt.book("cut", 200, told.error_code[:64], ends_call=True)
        elif reason is None:
            attempt.book("ok", 200, ends_call=True)
        else:
            attempt.book("cut", 200, self._code(reason), ends_call=True)
        if self.outward is not None and self.guard is not None:
            self.outward.acted = self.guard.acted
            attempt.call.booked.append(self.desk.ledger.submit((("guard_runs", self.outward.run()),)))
        last = self.last
        if reason is not None:
            standing = self.translator.standing() if self.translator is not None else self.reader.standing()
            if self.guard is not None:
                standing = self.guard.standing(standing)
            last = end_of_stream(attempt.call.asked.dialect, standing, reason)
        try:
            if not self.has_begun:
                await attempt.begun()
                await self.out.begin(200, _stream_headers(attempt))
            await attempt.call.durable()
        except JitsuriError:
            self.out.cut()
            return
        await self.out.end(last)


async def with_pauses(pieces: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes | None]:
    """The pieces, and None wherever none has come for so long, once for each."""
    iterator = pieces.__aiter__()
    coming: asyncio.Future[bytes] | None = None
    has_told = False
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(anext(iterator))
            if not has_told:
                done, _ = await asyncio.wait((coming,), timeout=seconds)
                if not done:
                    has_told = True
                    yield None
                    continue
            try:
                piece = await coming
            except StopAsyncIteration:
                return
            finally:
                coming = None
            has_told = False
            yield piece
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait((coming,))


def _stream_headers(attempt: Attempt) -> Headers:
    return [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-cache"),
        (b"x-jitsuri-call", str(attempt.call.call_id).encode()),
        (b"x-jitsuri-answered-by", attempt.leg.told),
    ]
