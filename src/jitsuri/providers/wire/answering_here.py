"""Answers of students and rule tables, in the shape of an upstream's reply.

Made on a small pool of threads: half a millisecond of work for a usual text, and never on the loop that serves callers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from jitsuri.providers.rules.answering_locally import answer_chat, answered_as, pieces, refused
from jitsuri.providers.rules.refusing import STATUS, refusal_body
from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire.local_files import LocalFolder
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import Language, text

THREADS = 1
"""Answers at one time: they are work for the processor, and more threads would only share it: two made the longest waits of
the loop twice as long (decision 0022)."""


class HereReply:
    """A reply that is there already."""

    __slots__ = ("_body", "headers", "status")

    def __init__(self, status: int, body: bytes, media_type: str) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": media_type}
        self._body = body

    async def whole(self, most_bytes: int) -> bytes:
        return self._body

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self._body

    def close(self) -> None:
        """Nothing is held."""

    release = close


class HereAnswers:
    """Asks the files of one folder."""

    def __init__(self, folder: LocalFolder, now_s: Callable[[], float], new_id: Callable[[], str], language: Language):
        self._folder = folder
        self._now_s = now_s
        self._new_id = new_id
        self._language: Language = language
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="answering-here")

    async def ask(
        self, upstream: Upstream, path: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST"
    ) -> HereReply:
        """Answer a chat completion. Raises OperatorError where the model's file is missing or broken."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, path, body)

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, path: str, body: bytes) -> HereReply:
        asked = msgspec.json.decode(body, type=dict[str, object])
        model = str(asked["model"])
        local = self._folder.find(model)
        if path != "/chat/completions":
            return self._refused(Refusal("local_cannot", {"field": path}))
        messages = asked["messages"]
        assert isinstance(messages, list)
        made = refused(local, asked) or answer_chat(
            local,
            messages,
            created=int(self._now_s()),
            response_id=f"chatcmpl-{self._new_id()}",
            model=answered_as(model, local),
        )
        if isinstance(made, Refusal):
            return self._refused(made)
        if not asked.get("stream"):
            return HereReply(200, msgspec.json.encode(made), "application/json")
        events = [b"data: %s\n\n" % msgspec.json.encode(piece) for piece in pieces(made, wants_usage=True)]
        return HereReply(200, b"".join((*events, b"data: [DONE]\n\n")), "text/event-stream")

    def _refused(self, refusal: Refusal) -> HereReply:
        status, words = STATUS["bad_request"]
        sentence = text(f"refusal.{refusal.code}", self._language, **refusal.facts)
        return HereReply(
            status, refusal_body("openai", status, words["openai"], refusal.code, sentence), "application/json"
        )
