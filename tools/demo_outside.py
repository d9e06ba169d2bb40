"""A stand-in for a vendor outside, for `make demo`: it speaks Chat Completions, whole and streamed, and shows what reached it.

It is no language model: it answers with one of two fixed sentences around whatever names and numbers stand in the request, so that
one sees what comes back. It listens on loopback only.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

MODEL = "outside-model"
_MARK = re.compile(r"\[([A-Z_]+)_\d+\]")
_PIECE = 3
"""Characters of an event: marks come in pieces."""


class Outside:
    """``with Outside() as outside``: ``url``, and ``seen``, the texts that reached it in order."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        outside = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                text = "\n".join(str(message["content"]) for message in asked["messages"])
                outside.seen.append(text)
                answer = reply(text)
                if asked.get("stream"):
                    self._send("text/event-stream", b"".join(_events(answer)))
                else:
                    self._send("application/json", json.dumps(_completion(answer)).encode())

            def _send(self, kind: str, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                """Say nothing: the demo shows what reached it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Outside:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def reply(text: str) -> str:
    """A draft of a reply around the marks of a request; as a model would, with one of them written in its own way."""
    marks = {found[1]: found[0] for found in _MARK.finditer(text)}
    person = marks.get("PERSON", "")
    phone = marks.get("PHONE", "").replace("[", "【").replace("]", "】")
    if not person:
        return "ご連絡ありがとうございます。担当より折り返します。"
    return f"{person}様、ご連絡ありがとうございます。納期の件は、{phone} へ本日中にお電話いたします。"


def _completion(answer: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    return {"id": "chatcmpl-sample", "object": "chat.completion", "created": 1_790_000_000, "model": MODEL,
            "choices": [choice], "usage": {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}}  # fmt: skip


def _events(answer: str) -> list[bytes]:
    head = {"id": "chatcmpl-sample", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": MODEL}
    pieces = [answer[at : at + _PIECE] for at in range(0, len(answer), _PIECE)]
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({**head, "choices": [], "usage": {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]
