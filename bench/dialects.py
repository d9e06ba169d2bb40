"""Microseconds that reading a request and passing a stream cost: python bench/dialects.py

The least of 400 short rounds: on a shared machine everything else is somebody else's time.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable
from typing import Any

from jitsuri.providers.rules.asking import body_for, read_ask
from jitsuri.providers.rules.reading import StreamReader, read_answer
from jitsuri.providers.rules.translating_streams import StreamToAnthropic, StreamToOpenAI
from jitsuri.providers.shapes import Asked, Dialect

JAPANESE = "納期はいつごろになりますか。"
ENGLISH = 'She said "hello" and\n went away, '
TOOLS = [
    {"type": "function", "function": {"name": f"f{n}", "description": "d" * 100, "parameters": {"type": "object"}}}
    for n in range(8)
]
CHUNK = (
    b'data: {"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion.chunk","created":1790000000,'
    b'"model":"gpt-x-2026-08-06","service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,'
    b'"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abcdefg"}\n\n'
)
DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":" hello"}      }\n\n'
)
USAGE = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 0},
}


def told(name: str, work: Callable[[], Any], times: int, per: int = 1) -> None:
    least = min(timeit.repeat(work, number=times, repeat=400)) / times / per * 1e6
    print(f"{name:52} {least:6.2f} us")


def body(content: Any, *, escaped: bool = False, **more: Any) -> bytes:
    fields = {"model": "m", "messages": [{"role": "user", "content": content}], "max_tokens": 300, **more}
    return json.dumps(fields, ensure_ascii=escaped).encode()


def requests() -> None:
    stream = {"temperature": 0.2, "stream": True, "stream_options": {"include_usage": True}}
    marked = [{"type": "text", "text": JAPANESE * 710, "cache_control": {"type": "ephemeral"}}]
    bodies: list[tuple[str, Dialect, bytes]] = [
        ("1 KB, OpenAI", "openai", body(ENGLISH * 26, **stream)),
        ("1 KB, Anthropic", "anthropic", body(ENGLISH * 26)),
        ("2 KB, eight tools", "openai", body(ENGLISH * 20, tools=TOOLS)),
        ("30 KB, Japanese", "openai", body(JAPANESE * 710, **stream)),
        ("30 KB, English", "openai", body(ENGLISH * 800, **stream)),
        ("30 KB, Japanese in \\u escapes", "openai", body(JAPANESE * 357, escaped=True, **stream)),
        ("30 KB, Japanese in parts with a mark", "anthropic", body(marked)),
    ]
    for name, dialect, raw in bodies:
        asked = read_ask(dialect, "chat", raw)
        assert isinstance(asked, Asked)
        told(f"read_ask {name} ({len(raw)} bytes)", lambda d=dialect, r=raw: read_ask(d, "chat", r), 400)
        told(
            f"body_for {name}",
            lambda a=asked: body_for(a, model="gpt-x", most_output_tokens=100, with_usage=True),
            40,
        )


def answers() -> None:
    message = {"role": "assistant", "content": "x" * 1100, "refusal": None, "annotations": []}
    completion = {
        "id": "chatcmpl-x", "object": "chat.completion", "created": 1, "model": "gpt-x", "usage": USAGE,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
    }  # fmt: skip
    whole = json.dumps(completion).encode()
    vectors = {"data": [{"index": 0, "embedding": [0.0123456] * 1536}], "model": "e", "usage": USAGE}
    embeddings = json.dumps(vectors).encode()
    told(f"read_answer chat ({len(whole)} bytes)", lambda: read_answer("openai", "chat", whole), 40)
    told(
        f"read_answer embeddings ({len(embeddings)} bytes)",
        lambda: read_answer("openai", "embeddings", embeddings),
        20,
    )


def streams() -> None:
    unlike = CHUNK.replace(b" hello", b'\\"hello')
    cases: list[tuple[str, Dialect, bytes]] = [
        ("OpenAI", "openai", CHUNK), ("Anthropic", "anthropic", DELTA), ("OpenAI, unlike the last (decoded)", "openai", unlike),
    ]  # fmt: skip
    for name, dialect, event in cases:
        reader = StreamReader(dialect)
        told(f"StreamReader per event, one a chunk: {name}", lambda r=reader, e=event: r.feed(e), 100)
        told(f"StreamReader per event, eight a chunk: {name}", lambda r=reader, e=event * 8: r.feed(e), 20, per=8)
    there, back = StreamToAnthropic(), StreamToOpenAI(created=1, wants_usage=True)
    told("translated per event, to Anthropic", lambda: there.feed(CHUNK), 50)
    told("translated per event, to OpenAI", lambda: back.feed(DELTA), 50)


if __name__ == "__main__":
    requests()
    answers()
    streams()
