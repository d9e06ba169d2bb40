"""Gemini's own paths passed through: google-genai's client asks, and every token is booked and priced."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from google import genai
from google.genai import errors, types
from running_gateway import RunningGateway, assume_dollar, make_key, settings_text

from jitsuri.store.door import Store

pytestmark = [pytest.mark.slow, pytest.mark.database]

USE = types.GenerateContentResponseUsageMetadata(
    prompt_token_count=1_000, cached_content_token_count=400, candidates_token_count=200, thoughts_token_count=500,
    tool_use_prompt_token_count=70, total_token_count=1_770,
)  # fmt: skip
UPSTREAM = """
[upstreams.gemini]
kind = "gemini"
base_url = "{url}/v1beta"
key_env = "STUB_KEY"
models = "gemini-*"
passes = "/models/*"
"""


def piece(text: str, usage: types.GenerateContentResponseUsageMetadata | None) -> Any:
    content = types.Content(role="model", parts=[types.Part(text=text)])
    made = types.GenerateContentResponse(
        candidates=[types.Candidate(content=content, finish_reason=types.FinishReason.STOP if usage else None)],
        usage_metadata=usage, model_version="gemini-2.5-flash", response_id="r-1",
    )  # fmt: skip
    return made.model_dump(mode="json", by_alias=True, exclude_none=True)


class Gemini(BaseHTTPRequestHandler):
    """Answers as the vendor's types are written; a model ``gemini-busy`` is refused."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.asked.append((self.path, self.headers["x-goog-api-key"]))
        kind, status = "application/json", 200
        if "gemini-busy" in self.path:
            status = 429
            body = json.dumps({"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}})
        elif "alt=sse" in self.path:
            kind = "text/event-stream"
            body = "".join(f"data: {json.dumps(one)}\r\n\r\n" for one in (piece("十", None), piece("月", USE)))
        else:
            body = json.dumps(piece("十月", USE))
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def gemini() -> Iterator[str]:
    Gemini.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gemini)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_token_of_its_own_paths_is_booked(tmp_path: Path, store: Store, gemini: str) -> None:
    assume_dollar(store)
    key = make_key(store)
    with RunningGateway(tmp_path, settings_text(gemini, more=UPSTREAM.format(url=gemini)), store.dsn) as running:
        running.wait_until_known(key)
        options = types.HttpOptions(
            base_url=running.url, api_version="v1", headers={"Authorization": f"Bearer {key}"},
            retry_options=types.HttpRetryOptions(attempts=1),
        )  # fmt: skip
        client = genai.Client(api_key="unused", http_options=options)
        whole = client.models.generate_content(model="gemini-2.5-flash", contents="何月ですか")
        streamed = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="何月ですか"))
        with pytest.raises(errors.ClientError) as caught:
            client.models.generate_content(model="gemini-busy", contents="何月ですか")
        client.close()
    assert whole.text == "".join(one.text or "" for one in streamed) == "十月"
    assert caught.value.code == 429
    assert {secret for _, secret in Gemini.asked} == {"sk-stub"}
    with store.reading() as tx:
        rows = tx.execute(
            "SELECT provider, model, input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, state, reason, cost "
            "FROM ledger_entries WHERE status = 'ok' ORDER BY at"
        ).fetchall()
    assert len(rows) == 2
    for *named, cost in rows:
        assert named == ["google", "gemini-2.5-flash", 1_070, 700, 400, 500, "priced", ""]
        assert float(cost) == pytest.approx((670 * 0.30 + 400 * 0.03 + 700 * 2.50) / 1e6)
