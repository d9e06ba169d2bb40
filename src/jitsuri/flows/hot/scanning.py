"""``/v1/guard/scan``: what a policy's checks see in texts that an application sends. Nothing is kept, nothing is sent on.

The texts are looked at in the process apart, so that calls under way never wait for them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from jitsuri.flows.hot.attempting import refuse
from jitsuri.flows.hot.desk import Desk, Inquiry, Out
from jitsuri.flows.hot.telling import answer_headers
from jitsuri.guardrails.shapes import Policy, Scanned
from jitsuri.routing.rules.choosing import task_of
from jitsuri.terms.outcomes import Refusal

MOST_TEXTS, MOST_CHARACTERS, LONGEST_TEXT = 1_000, 100_000, 30_000
"""Of one request; more belongs into several. The longest text takes a fifth of a second, for which checks of calls may have to wait
(decision 0039)."""
AT_ONCE = 5_000
"""Characters of short texts that are looked at together, before a call has its turn again (decision 0039)."""


class _Text(msgspec.Struct):
    text: str
    id: Any = None


class _Scan(msgspec.Struct):
    text: str | None = None
    texts: list[_Text] | None = None
    task: str = ""


_READ = msgspec.json.Decoder(_Scan)


async def scan(desk: Desk, inquiry: Inquiry, out: Out) -> None:
    """Answer ``{"text"}`` with ``{"entities"}`` and ``{"texts": [{"id", "text"}]}`` with ``{"results": [{"id", "entities"}]}``.

    By the policy of the key's task, of the task that the body or the header names, or of ``*``; by all built-in quick checks
    where none holds. Refuses what a call of the key would be, ``task_not_of_key``, ``task_unknown``, ``guard_scan_body``,
    ``guard_scan_size`` and ``guard_scan_failed``.
    """
    key = desk.keys.find(inquiry.authorization, inquiry.x_api_key, desk.now())
    if isinstance(key, Refusal):
        await refuse(desk, inquiry, None, key, out)
        return
    asked = _read(inquiry.body)
    if isinstance(asked, Refusal):
        await refuse(desk, inquiry, None, asked, out)
        return
    task = _task(desk, key.task, asked.task or inquiry.task)
    if isinstance(task, Refusal):
        await refuse(desk, inquiry, None, task, out)
        return
    if key.requests_per_minute or key.tokens_per_minute:
        limited = desk.pace.take(key, 0, desk.monotonic())
        if limited is not None:
            await refuse(desk, inquiry, None, limited, out)
            return
    policy = desk.guards.of(task)
    told = await _told(desk, asked, policy)
    if told is None:
        await refuse(desk, inquiry, None, Refusal("guard_scan_failed"), out)
        return
    version = {"task": policy.task, "version": policy.version} if policy is not None else None
    results = b",".join(told)
    body = b'{"results":[' + results + b"]" if asked.texts is not None else results[:-1]
    body += b"}" if version is None else b',"policy":' + msgspec.json.encode(version) + b"}"
    await out.whole(200, answer_headers(str(desk.new_id()), len(body)), body)


async def _told(desk: Desk, asked: _Scan, policy: Policy | None) -> list[bytes] | None:
    """What was found in each text, as JSON; None where a check could not come to its end. A few texts at a time, so that neither
    the loop nor calls that are checked in between wait long."""
    texts = asked.texts if asked.texts is not None else [_Text(asked.text or "")]
    told: list[bytes] = []
    for group in _groups(texts):
        scanned = await desk.guards.scan(policy, [one.text for one in group])
        if scanned is None:
            return None
        for text, found in zip(group, scanned, strict=True):
            named = {"id": text.id} if asked.texts is not None else {}
            told.append(msgspec.json.encode({**named, **_one(found)}))
    return told


def _groups(texts: list[_Text]) -> list[list[_Text]]:
    """Texts in order, so many together as have ``AT_ONCE`` characters, or one that has more."""
    groups: list[list[_Text]] = []
    size = AT_ONCE
    for text in texts:
        size += len(text.text)
        if size > AT_ONCE or not groups:
            groups.append([])
            size = len(text.text)
        groups[-1].append(text)
    return groups


def _read(body: bytes) -> _Scan | Refusal:
    try:
        asked = _READ.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        why = str(error)[:200] if isinstance(error, msgspec.ValidationError) else "JSON"
        return Refusal("guard_scan_body", {"why": why})
    if (asked.text is None) == (asked.texts is None):
        return Refusal("guard_scan_body", {"why": "text / texts"})
    sizes = [len(one.text) for one in asked.texts] if asked.texts is not None else [len(asked.text or "")]
    if len(sizes) > MOST_TEXTS or sum(sizes) > MOST_CHARACTERS or max(sizes, default=0) > LONGEST_TEXT:
        facts = {"most_texts": MOST_TEXTS, "most": MOST_CHARACTERS, "longest": LONGEST_TEXT, "texts": len(sizes),
                 "characters": sum(sizes)}  # fmt: skip
        return Refusal("guard_scan_size", facts)
    return asked


def _task(desk: Desk, own: str, named: str) -> str | Refusal:
    """The task whose policy is used: a key that is of one task may name no other."""
    task = task_of("", named, own)
    if not isinstance(task, Refusal) and task and not desk.table.knows(task):
        return Refusal("task_unknown", {"name": task[:100]})
    return task


def _one(scanned: Scanned) -> dict[str, Any]:
    missing = {one.check: one.state for one in scanned.ran if one.state != "ran"}
    entities = [
        {"start": one.start, "end": one.end, "type": one.type, "score": round(one.score, 4), "reason": one.reason}
        for one in scanned.findings
    ]
    return {"entities": entities, **({"not_run": missing} if missing else {})}
