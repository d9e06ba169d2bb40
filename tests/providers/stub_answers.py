"""Answers as the vendors' APIs give them, made from a request alone: chat completions, embeddings, models, Messages.

Everything follows from the request: the same request has the same answer and the same usage, so that a test can say
what it expects (``tokens_of``, ``input_tokens``). Nothing here knows of sockets; ``stub_upstream`` serves it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Quirks = Literal["", "gemini", "azure"]
"""What an OpenAI-compatible endpoint does otherwise than OpenAI itself."""

CREATED = 1_790_000_000
REASONING_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Content:
    """What an answer says, where the request alone does not decide it."""

    text: str | None = None
    """The answer's text; None makes one from the last message."""
    output_tokens: int | None = None
    """As many tokens of text, unless the request's maximum is less."""
    pad_bytes: int = 0
    """Bytes of text added to the answer."""
    usage: Literal["right", "none", "negative", "huge", "text", "null"] | Json = "right"
    finish: str = ""
    """Finish reason in the dialect's word; '' follows from the answer. ``content_filter`` and ``refusal`` are of interest."""
    cached_tokens: int = 0
    """Prompt tokens told as read from a cache (chat completions)."""
    extra: bool = False
    """Whether fields that nobody knows stand everywhere."""
    no_text: bool = False
    """Whether the answer is empty: no text, no tool call."""


def tokens_of(text: str) -> int:
    """The stub's tokens: four bytes of UTF-8 each, begun ones counted."""
    return (len(text.encode()) + 3) // 4


def input_tokens(asked: Json) -> int:
    """The stub's prompt tokens: those of all texts in the request's messages, system prompt and tools."""
    parts = [*_texts(asked.get("system")), *(t for m in asked.get("messages", []) for t in _texts(m.get("content")))]
    if asked.get("tools"):
        parts.append(json.dumps(asked["tools"], ensure_ascii=False))
    return max(1, sum(tokens_of(text) for text in parts))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


def _id(prefix: str, asked: Json) -> str:
    told = json.dumps({**asked, "stream": None, "stream_options": None}, sort_keys=True, ensure_ascii=False).encode()
    return f"{prefix}{hashlib.sha256(told).hexdigest()[:24]}"


def _plain_text(asked: Json, content: Content, nth: int = 0) -> str:
    if content.no_text:
        return ""
    if content.text is not None:
        text = content.text
    elif content.output_tokens is not None:
        text = (
            ("業務 " * (content.output_tokens * 4 // 7 + 1))
            .encode()[: content.output_tokens * 4]
            .decode(errors="ignore")
        )
        text += "." * (content.output_tokens * 4 - len(text.encode()))
    else:
        messages = asked.get("messages") or [{}]
        last = "".join(_texts(messages[-1].get("content")))
        text = f"承知しました。「{last[:200]}」について、担当の者からご連絡いたします。"
    if nth:
        text += f"（{nth + 1}）"
    return text + "x" * content.pad_bytes


def _cut(text: str, most_tokens: int | None, stops: list[str]) -> tuple[str, str]:
    """The text as far as maximum and stop sequences let it, and why it ended: ``stop``, ``length`` or the sequence."""
    why = "stop"
    for stop in stops:
        if stop and stop in text:
            text, why = text.partition(stop)[0], stop
    if most_tokens is not None and tokens_of(text) > most_tokens:
        return text.encode()[: most_tokens * 4].decode(errors="ignore"), "length"
    return text, why


def pieces_of(text: str, size: int = 4) -> list[str]:
    """The pieces in which a text is streamed: of ``size`` characters, larger where there would be over a thousand."""
    size = max(size, len(text) // 1000)
    return [text[at : at + size] for at in range(0, len(text), size)]


def example_of(schema: Json) -> Any:
    """A value that a JSON schema of the kinds that structured outputs allow accepts."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("anyOf"):
        return example_of(schema["anyOf"][0])
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {name: example_of(part) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_of(schema.get("items", {"type": "string"}))] * max(1, schema.get("minItems", 1))
    return {"string": "見本", "integer": schema.get("minimum", 1), "number": 0.5, "boolean": True, "null": None}[kind]


def _schema_of(asked: Json) -> Json | None:
    form = asked.get("response_format") or {}
    if form.get("type") == "json_schema":
        return form["json_schema"].get("schema", {})
    if form.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    form = asked.get("output_format") or (asked.get("output_config") or {}).get("format") or {}
    return form.get("schema", {}) if form.get("type") == "json_schema" else None


def _tool_calls(asked: Json, dialect: Literal["openai", "anthropic"]) -> list[tuple[str, str, Json]]:
    """The tools that the answer calls: id, name and input. Two at most, one where parallel calls are not wanted."""
    tools, choice = asked.get("tools") or [], asked.get("tool_choice")
    last = (asked.get("messages") or [{}])[-1]
    has_result = last.get("role") == "tool" or any(
        isinstance(part, dict) and part.get("type") == "tool_result" for part in last.get("content") or []
    )
    kind = choice.get("type") if isinstance(choice, dict) else choice
    if not tools or kind == "none" or has_result:
        return []
    if dialect == "openai":
        known = [
            (t["function"]["name"], t["function"].get("parameters", {})) for t in tools if t.get("type") == "function"
        ]
        named = choice["function"]["name"] if kind == "function" else None
        is_single = asked.get("parallel_tool_calls") is False
    else:
        known = [(t["name"], t.get("input_schema", {})) for t in tools]
        named = choice["name"] if kind == "tool" else None
        is_single = isinstance(choice, dict) and bool(choice.get("disable_parallel_tool_use"))
    chosen = [one for one in known if named in (None, one[0])][: 1 if is_single or named else 2]
    prefix = "call_" if dialect == "openai" else "toolu_"
    return [
        (_id(prefix, {"n": n, "t": name, **asked}), name, example_of(schema)) for n, (name, schema) in enumerate(chosen)
    ]


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _distorted(usage: Json, how: object) -> Json | None:
    """A usage made absurd: its numbers negative, huge or texts."""
    if isinstance(how, dict):
        return how
    if how in ("none", "null"):
        return None
    change = {"right": lambda n: n, "negative": lambda n: -n - 1, "huge": lambda n: n + 10**15, "text": str}[str(how)]

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(part) for name, part in value.items()}
        return change(value) if isinstance(value, int) and not isinstance(value, bool) else value

    return walk(usage)


# ---- chat completions -------------------------------------------------------------------------------------------------


def chat(asked: Json, content: Content = Content(), quirks: Quirks = "") -> Json:
    """A whole ``chat.completion``."""
    choices, said = [], ""
    for nth in range(asked.get("n") or 1):
        message, finish, text, logprobs = _choice(asked, content, nth)
        if quirks == "gemini" and finish == "tool_calls":
            finish = "stop"
        choice: Json = {"index": nth, "message": message, "logprobs": logprobs, "finish_reason": finish}
        if quirks == "azure":
            choice["content_filter_results"] = _SAFE
        choices.append(choice)
        said += text
    body: Json = {
        "id": _id("chatcmpl-", asked),
        "object": "chat.completion",
        "created": CREATED,
        "model": asked["model"],
        "choices": choices,
        "usage": _distorted(chat_usage(asked, said, content, quirks), content.usage),
        "service_tier": _tier(asked),
        "system_fingerprint": "fp_stub",
    }
    if content.usage == "none":
        del body["usage"]
    if quirks == "azure":
        body["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _SAFE}]
    return _with_extra(body) if content.extra else body


_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


def _choice(asked: Json, content: Content, nth: int) -> tuple[Json, str, str, Json | None]:
    """A choice's message, finish reason, everything said in it as one text, and its logprobs."""
    calls = [] if content.no_text else _tool_calls(asked, "openai")
    if calls:
        told = [{"id": i, "type": "function", "function": {"name": n, "arguments": _dumped(a)}} for i, n, a in calls]
        message = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": told}
        return message, content.finish or "tool_calls", _dumped(told), None
    schema = _schema_of(asked)
    text = (
        _dumped(example_of(schema)) if schema is not None and not content.no_text else _plain_text(asked, content, nth)
    )
    stops = asked.get("stop") or []
    most = asked.get("max_completion_tokens") or asked.get("max_tokens")
    text, why = _cut(text, most, [stops] if isinstance(stops, str) else stops)
    finish = content.finish or ("length" if why == "length" else "stop")
    message = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    return message, finish, text, _logprobs(asked, text)


def _logprobs(asked: Json, text: str) -> Json | None:
    if not asked.get("logprobs"):
        return None
    return {"content": [_logprob(piece, asked.get("top_logprobs") or 0) for piece in pieces_of(text)], "refusal": None}


def _logprob(piece: str, top: int) -> Json:
    token = {"token": piece, "logprob": -0.05, "bytes": list(piece.encode())}
    others = [{"token": f"other{n}", "logprob": -3.0 - n, "bytes": list(f"other{n}".encode())} for n in range(1, top)]
    return {**token, "top_logprobs": [token, *others] if top else []}


def _tier(asked: Json) -> str:
    tier = asked.get("service_tier")
    return tier if tier in ("flex", "priority", "scale") else "default"


def chat_usage(asked: Json, said: str, content: Content = Content(), quirks: Quirks = "") -> Json:
    """The usage of a chat completion in which ``said`` was said over all choices."""
    thought = REASONING_TOKENS if asked.get("reasoning_effort") else 0
    prompt, output = input_tokens(asked), tokens_of(said)
    if content.output_tokens is not None and not _tool_calls(asked, "openai"):
        most = asked.get("max_completion_tokens") or asked.get("max_tokens") or content.output_tokens
        output = min(content.output_tokens, most) * (asked.get("n") or 1)
    told = output if quirks == "gemini" else output + thought
    usage: Json = {"prompt_tokens": prompt, "completion_tokens": told, "total_tokens": prompt + output + thought}
    if quirks != "gemini":
        usage["prompt_tokens_details"] = {"cached_tokens": min(content.cached_tokens, prompt), "audio_tokens": 0}
        usage["completion_tokens_details"] = {
            "reasoning_tokens": thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    return usage


def chat_events(asked: Json, content: Content = Content(), quirks: Quirks = "") -> list[Json]:
    """The chunks of a streamed chat completion, without the ``[DONE]`` that ends it.

    ``gemini``: usage stands on every chunk and leaves out what was thought, tool calls come whole and without an index,
    and finish with ``stop``. ``azure``: a first chunk without choices tells what was filtered.
    """
    wants_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
    head: Json = {"id": _id("chatcmpl-", asked), "object": "chat.completion.chunk", "created": CREATED}
    head |= {"model": asked["model"], "service_tier": _tier(asked), "system_fingerprint": "fp_stub"}
    if quirks == "gemini":
        head = {name: head[name] for name in ("id", "object", "created", "model")}
    events: list[Json] = []
    said = ""

    def add(choices: list[Json], so_far: str = "") -> None:
        event = {**head, "choices": choices}
        if wants_usage and quirks == "gemini":
            event["usage"] = _distorted(chat_usage(asked, so_far, content, quirks), content.usage)
        elif wants_usage:
            event["usage"] = None
        events.append(event)

    if quirks == "azure":
        add([])
        events[0] |= {"model": "", "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _SAFE}]}
    for nth in range(asked.get("n") or 1):
        for choice, text in _deltas(asked, content, quirks, nth):
            said += text
            add([choice], said)
    if wants_usage and quirks != "gemini" and content.usage != "none":
        full = said if not _tool_calls(asked, "openai") else _choice(asked, content, 0)[2] * (asked.get("n") or 1)
        events.append({**head, "choices": [], "usage": _distorted(chat_usage(asked, full, content), content.usage)})
    if content.usage == "none":
        for event in events:
            event.pop("usage", None)
    return [_with_extra(event) for event in events] if content.extra else events


def _deltas(asked: Json, content: Content, quirks: Quirks, nth: int) -> Iterator[tuple[Json, str]]:
    """The choices of one answer's chunks, each with the text said in it."""
    message, finish, text, logprobs = _choice(asked, content, nth)

    def choice(delta: Json, why: str | None = None, probable: Json | None = None) -> Json:
        told: Json = {"index": nth, "delta": delta, "logprobs": probable, "finish_reason": why}
        if quirks == "gemini":
            del told["logprobs"]
            if why is None:
                del told["finish_reason"]
        return told

    calls = message.get("tool_calls") or []
    if quirks == "gemini":
        for call in calls:
            signed = {**call, "extra_content": {"google": {"thought_signature": "c3R1Yg=="}}}
            yield choice({"role": "assistant", "tool_calls": [signed]}), _dumped(call)
        for piece in pieces_of(text, 40) if not calls else ():
            yield choice({"role": "assistant", "content": piece}), piece
        yield choice({"role": "assistant"}, "stop" if calls else finish), ""
        return
    yield choice({"role": "assistant", "content": None if calls else "", "refusal": None}), ""
    for at, call in enumerate(calls):
        begun = {**call["function"], "arguments": ""}
        yield choice({"tool_calls": [{"index": at, "id": call["id"], "type": "function", "function": begun}]}), ""
        for piece in pieces_of(call["function"]["arguments"], 12):
            yield choice({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}), piece
    for at, piece in enumerate(pieces_of(text) if not calls else ()):
        probable = {"content": [logprobs["content"][at]], "refusal": None} if logprobs else None
        yield choice({"content": piece}, None, probable), piece
    yield choice({}, finish), ""


def _with_extra(body: Json) -> Json:
    """Unknown fields at the top, in choices, in messages and in the usage."""
    extra = {"x_unknown": {"deep": [1, "二", None]}}
    changed = {**body, **extra}
    if changed.get("usage"):
        changed["usage"] = {**changed["usage"], "x_unknown_tokens": 3, "x_unknown_details": {"a": 1}}
    if changed.get("choices"):
        changed["choices"] = [
            {name: {**part, **extra} if isinstance(part, dict) else part for name, part in {**one, **extra}.items()}
            for one in changed["choices"]
        ]
    return changed


# ---- embeddings and models --------------------------------------------------------------------------------------------


def embeddings(asked: Json, content: Content = Content()) -> Json:
    """Vectors that follow from the texts, as floats or as base64 of little-endian float32."""
    wanted = asked["input"]
    if isinstance(wanted, str) or (wanted and isinstance(wanted[0], int)):
        wanted = [wanted]
    size = asked.get("dimensions") or 8
    data = []
    for index, one in enumerate(wanted):
        seed = hashlib.sha256(_dumped(one).encode()).digest()
        vector = [(seed[n % 32] - 127.5) / 256 for n in range(size)]
        packed = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        told = packed if asked.get("encoding_format") == "base64" else vector
        data.append({"object": "embedding", "index": index, "embedding": told})
    tokens = sum(len(one) if isinstance(one, list) else tokens_of(one) for one in wanted)
    body: Json = {"object": "list", "data": data, "model": asked["model"]}
    usage = _distorted({"prompt_tokens": tokens, "total_tokens": tokens}, content.usage)
    if content.usage != "none":
        body["usage"] = usage
    return _with_extra(body) if content.extra else body


MODELS = ("stub", "stub-small", "stub-large")


def models(dialect: Literal["openai", "anthropic"]) -> Json:
    if dialect == "openai":
        return {
            "object": "list",
            "data": [{"id": m, "object": "model", "created": CREATED, "owned_by": "stub"} for m in MODELS],
        }
    told = [{"type": "model", "id": m, "display_name": m, "created_at": "2026-09-21T00:00:00Z"} for m in MODELS]
    return {"data": told, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


# ---- Messages ---------------------------------------------------------------------------------------------------------


def message(asked: Json, content: Content = Content(), *, has_cache: bool = False) -> Json:
    """A whole Messages answer. ``has_cache``: what the request marks to be cached was seen before, so it is read."""
    blocks, stop, sequence, said = _blocks(asked, content)
    body: Json = {
        "id": _id("msg_", asked),
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": sequence,
        "usage": _distorted(message_usage(asked, said, content, has_cache=has_cache), content.usage),
    }
    if content.usage == "none":
        del body["usage"]
    return {**body, "x_unknown": {"deep": [1]}} if content.extra else body


def _blocks(asked: Json, content: Content) -> tuple[list[Json], str, str | None, str]:
    """Content blocks, stop reason, the stop sequence met, and all that was said as one text."""
    blocks: list[Json] = []
    if (asked.get("thinking") or {}).get("type") in ("enabled", "adaptive") and not content.no_text:
        blocks.append(
            {"type": "thinking", "thinking": "要点を整理する。期日を確かめる。", "signature": "c3R1Yi1zaWduYXR1cmU="}
        )
    calls = [] if content.no_text else _tool_calls(asked, "anthropic")
    if calls:
        blocks += [{"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a in calls]
        return blocks, content.finish or "tool_use", None, _dumped(blocks)
    schema = _schema_of(asked)
    text = _dumped(example_of(schema)) if schema is not None and not content.no_text else _plain_text(asked, content)
    text, why = _cut(text, asked.get("max_tokens"), asked.get("stop_sequences") or [])
    if text:
        blocks.append({"type": "text", "text": text, "citations": None})
    said = text + "".join(block.get("thinking", "") for block in blocks)
    if why in ("stop", "length"):
        return blocks, content.finish or {"stop": "end_turn", "length": "max_tokens"}[why], None, said
    return blocks, content.finish or "stop_sequence", why, said


def marked_tokens(asked: Json) -> int:
    """Tokens of what a request marks to be cached, with all that stands before it."""
    marked = 0
    before = 0
    holders = [asked.get("system"), *(m.get("content") for m in asked.get("messages", []))]
    for holder in holders:
        for part in holder if isinstance(holder, list) else [holder]:
            before += sum(tokens_of(text) for text in _texts([part] if isinstance(part, dict) else part))
            if isinstance(part, dict) and part.get("cache_control"):
                marked = before
    return marked


def message_usage(asked: Json, said: str, content: Content = Content(), *, has_cache: bool = False) -> Json:
    """The usage of a Messages answer; ``input_tokens`` leaves out what was written to or read from the cache."""
    marked = marked_tokens(asked)
    output = tokens_of(said)
    if content.output_tokens is not None and not _tool_calls(asked, "anthropic"):
        output = min(content.output_tokens, asked.get("max_tokens") or content.output_tokens)
    written = 0 if has_cache else marked
    return {
        "input_tokens": max(0, input_tokens(asked) - marked),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": marked if has_cache else 0,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": max(1, output),
        "service_tier": "standard",
        "server_tool_use": None,
    }


def message_events(asked: Json, content: Content = Content(), *, has_cache: bool = False) -> list[Json]:
    """All events of a streamed Messages answer, in order, a ``ping`` among them."""
    whole = message(asked, content, has_cache=has_cache)
    usage = whole.pop("usage", None)
    begun = {**whole, "content": [], "stop_reason": None, "stop_sequence": None}
    if usage is not None:
        begun["usage"] = {**usage, "output_tokens": 1} if content.usage == "right" else usage
    elif content.usage == "null":
        begun["usage"] = None
    events: list[Json] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(whole["content"]):
        events += _block_events(index, block)
        if index == 0:
            events.insert(2, {"type": "ping"})
    end: Json = {"type": "message_delta"}
    end["delta"] = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
    if usage is not None:
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        end["usage"] = {name: usage[name] for name in names if name in usage}
    return [*events, end, {"type": "message_stop"}]


def _block_events(index: int, block: Json) -> Iterator[Json]:
    def delta(told: Json) -> Json:
        return {"type": "content_block_delta", "index": index, "delta": told}

    empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty[block["type"]]}}
    if block["type"] == "text":
        for piece in pieces_of(block["text"]):
            yield delta({"type": "text_delta", "text": piece})
    elif block["type"] == "thinking":
        for piece in pieces_of(block["thinking"], 8):
            yield delta({"type": "thinking_delta", "thinking": piece})
        yield delta({"type": "signature_delta", "signature": block["signature"]})
    else:
        yield delta({"type": "input_json_delta", "partial_json": ""})
        for piece in pieces_of(_dumped(block["input"]), 12):
            yield delta({"type": "input_json_delta", "partial_json": piece})
    yield {"type": "content_block_stop", "index": index}


# ---- errors -----------------------------------------------------------------------------------------------------------

_WORDS = {
    400: ("invalid_request_error", "invalid_request_error"),
    401: ("invalid_request_error", "authentication_error"),
    402: ("insufficient_quota", "billing_error"),
    403: ("insufficient_permissions", "permission_error"),
    404: ("invalid_request_error", "not_found_error"),
    413: ("invalid_request_error", "request_too_large"),
    422: ("invalid_request_error", "invalid_request_error"),
    429: ("requests", "rate_limit_error"),
    500: ("server_error", "api_error"),
    503: ("server_error", "api_error"),
    504: ("server_error", "timeout_error"),
    529: ("server_error", "overloaded_error"),
}
_CODES = {401: "invalid_api_key", 402: "insufficient_quota", 404: "model_not_found", 429: "rate_limit_exceeded"}
_GOOGLE = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"} | {
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def error(
    dialect: Literal["openai", "anthropic"], status: int, code: str = "", message: str = "", quirks: Quirks = ""
) -> Any:
    """An error's body in the dialect's shape; Gemini's is a list of one."""
    openai, anthropic = _WORDS.get(status, ("server_error" if status >= 500 else "invalid_request_error", "api_error"))
    message = message or f"stub error {status}"
    if dialect == "anthropic":
        told = {"type": code or anthropic, "message": message}
        return {"type": "error", "error": told, "request_id": "req_stub"}
    if quirks == "gemini":
        return [{"error": {"code": status, "message": message, "status": code or _GOOGLE.get(status, "UNKNOWN")}}]
    kind = "insufficient_quota" if code == "insufficient_quota" else openai
    return {"error": {"message": message, "type": kind, "param": None, "code": code or _CODES.get(status)}}
