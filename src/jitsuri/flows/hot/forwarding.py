"""Metered pass-through: other paths of an upstream, forwarded untouched and booked from what the answer reports."""

from __future__ import annotations

import msgspec

from jitsuri.access.rules.keying import may
from jitsuri.access.shapes import Key
from jitsuri.calls.rules.identifying import named_thread
from jitsuri.flows.hot.attempting import attempted, entered, refuse
from jitsuri.flows.hot.booking import Attempt, CallUnderWay
from jitsuri.flows.hot.desk import Desk, Headers, Inquiry, Out, Reply
from jitsuri.flows.hot.guarding import guard_unread, keeps_out
from jitsuri.flows.hot.holding import Held, held
from jitsuri.flows.hot.passing import MOST_ERROR_BYTES, Failure
from jitsuri.flows.hot.telling import told_target
from jitsuri.flows.hot.ways import Leg, way_of
from jitsuri.providers.rules.addressing import path_for
from jitsuri.providers.rules.refusing import read_error
from jitsuri.providers.rules.reporting import model_of_path, told_of, told_of_events
from jitsuri.providers.shapes import Asked, Told, Upstream
from jitsuri.routing.rules.choosing import matches
from jitsuri.routing.shapes import Plan
from jitsuri.terms.errors import OperatorError, UpstreamError
from jitsuri.terms.outcomes import Refusal

TAIL_BYTES = 256 * 1024
"""Of a stream that is passed through so much of its end is looked at for its usage (decision 0017)."""


async def forward(desk: Desk, inquiry: Inquiry, out: Out) -> None:
    """Forward a request whose path an upstream has opened, or refuse it."""
    came = _admitted(desk, inquiry)
    if isinstance(came, Refusal):
        await refuse(desk, inquiry, None, came, out)
        return
    call, leg = came
    guard_unread(desk, call)
    kept_out = keeps_out(call, leg)
    if kept_out is not None:
        await refuse(desk, inquiry, call, kept_out, out)
        return
    holding = held(desk, call, leg)
    if not isinstance(holding, Held | Refusal):
        holding = await holding
    failure = holding if isinstance(holding, Refusal) else await _forwarded(desk, call, leg, holding, out)
    if failure is not None:
        await refuse(desk, inquiry, call, failure, out)


def _admitted(desk: Desk, inquiry: Inquiry) -> tuple[CallUnderWay, Leg] | Refusal:
    now = desk.now()
    key = entered(desk, inquiry, now)
    if isinstance(key, Refusal):
        return key
    open_to = [u for u in desk.upstreams.values() if any(matches(inquiry.path, p) for p in u.passes)]
    if not open_to:
        return Refusal("path_not_opened", {"path": inquiry.path[:200]})
    model, is_stream = _named(inquiry.body)
    if not model:
        model, is_stream = model_of_path(inquiry.path)
    asked = Asked(
        inquiry.dialect, "other", model, is_stream, {}, None, 1, True, "", False, (inquiry.path,), len(inquiry.body)
    )
    chosen = _chosen(desk, key, inquiry, model, open_to)
    if isinstance(chosen, Refusal):
        return chosen
    plan, name = chosen
    limited = desk.pace.take(key, len(inquiry.body) // 4, desk.monotonic())
    if limited is not None:
        return limited
    way = way_of(desk, key, plan, name, "other")
    call_id = desk.new_id()
    thread_id = named_thread(inquiry.thread) if inquiry.thread else call_id
    return CallUnderWay(desk, inquiry, way, asked, now, call_id, thread_id), way.legs[0]


def _chosen(desk: Desk, key: Key, inquiry: Inquiry, model: str, open_to: list[Upstream]) -> tuple[Plan, str] | Refusal:
    """Where it goes: the model's upstream where it opens the path, else the first that opens it and may be asked."""
    names = [f"{u.name}/{model or inquiry.path}" for u in open_to]
    found: tuple[Plan, str] | Refusal = Refusal("path_not_opened", {"path": inquiry.path[:200]})
    by_model = desk.table.plan(model, inquiry.task, key.task) if model else None
    if isinstance(by_model, Plan) and by_model.targets[0].upstream in {u.name for u in open_to}:
        names = [str(by_model.targets[0])]
    for name in names:
        plan = desk.table.plan(name, inquiry.task, key.task)
        if isinstance(plan, Refusal):
            found = plan
            continue
        target = plan.targets[0]
        upstream = desk.upstreams[target.upstream]
        refusal = may(key, plan.task, target.model, upstream.region)
        if refusal is None:
            return plan, name
        found = refusal
    return found


def _named(body: bytes) -> tuple[str, bool]:
    """The model and the wish for a stream, where the body is JSON that says so."""
    if not body.startswith(b"{"):
        return "", False
    try:
        asked = msgspec.json.decode(body, type=_Named)
    except msgspec.DecodeError:
        return "", False
    return asked.model, asked.stream


class _Named(msgspec.Struct):
    model: str = ""
    stream: bool = False


async def _forwarded(
    desk: Desk, call: CallUnderWay, leg: Leg, holding: Held, out: Out
) -> Failure | OperatorError | None:
    inquiry = call.inquiry
    path = path_for(leg.upstream, inquiry.path, leg.target.model) + (f"?{inquiry.query}" if inquiry.query else "")
    with Attempt(desk, call, leg, holding.bound, holding.micro_jpy, holding.hold) as attempt:
        return await attempted(desk, attempt, path, inquiry.body, inquiry.method, _passed, out)


async def _passed(desk: Desk, attempt: Attempt, reply: Reply, out: Out) -> Failure | None:
    if reply.status >= 400:
        data = await reply.whole(MOST_ERROR_BYTES)
        said = read_error(reply.status, reply.headers, data, desk.now())
        attempt.book("error", reply.status, (said.code or f"http_{reply.status}")[:64], ends_call=False)
        return Failure(said)
    media_type = reply.headers.get("content-type", "application/octet-stream")
    headers = [
        (b"content-type", media_type.encode("latin-1", "replace")),
        (b"x-jitsuri-call", str(attempt.call.call_id).encode()),
        (b"x-jitsuri-answered-by", told_target(attempt.leg.target)),
    ]
    if "event-stream" in media_type:
        await _pass_pieces(attempt, reply, out, headers)
        return None
    data = await reply.whole(desk.most_answer_bytes)
    attempt.told = told_of(data) if "json" in media_type else Told()
    attempt.book("ok", reply.status, ends_call=True)
    await attempt.call.durable()
    await out.whole(reply.status, [*headers, (b"content-length", b"%d" % len(data))], data)
    return None


async def _pass_pieces(attempt: Attempt, reply: Reply, out: Out, headers: Headers) -> None:
    """A stream whose events are not ours to know: passed on, its last piece held back until it is booked."""
    held_back = tail = b""
    has_begun = False
    try:
        async for piece in reply.pieces():
            if not has_begun:
                await attempt.begun()
                await out.begin(reply.status, headers)
                has_begun = True
            if held_back:
                await out.piece(held_back)
            held_back = piece
            tail = (tail + piece)[-TAIL_BYTES:]
    except UpstreamError as error:
        if not has_begun:
            raise
        attempt.told = told_of_events(tail)
        attempt.book("cut", reply.status, error.code, ends_call=True)
        out.cut()
        return
    finally:
        reply.close()
    attempt.told = told_of_events(tail)
    attempt.book("ok", reply.status, ends_call=True)
    if not has_begun:
        await out.begin(reply.status, headers)
    try:
        await attempt.call.durable()
    except OperatorError:
        out.cut()
        return
    await out.end(held_back)
