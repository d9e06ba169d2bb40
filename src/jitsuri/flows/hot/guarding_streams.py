"""Altering a stream in the caller's dialect while it passes: marks become values, what is not to be shown is masked.

An event goes on as the very bytes that came once its text is decided and nothing of it was altered. Events without text keep
their place behind the text of their answer or block; what ends one (finish, stop of a block, the end) lets its text go on first.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jitsuri.flows.hot.guarding_answers import MakeHeld, alter_answer, judged, shown
from jitsuri.flows.hot.guarding_texts import (
    Path,
    Text,
    bare,
    place_of,
    put,
    read,
    says,
    texts_of_choice,
    texts_of_delta,
    written,
)
from jitsuri.guardrails.rules.holding_back import HeldText
from jitsuri.guardrails.rules.holding_json import HeldJson
from jitsuri.guardrails.rules.opening import HOLD
from jitsuri.guardrails.rules.pseudonyms import Change
from jitsuri.guardrails.shapes import Action, Finding
from jitsuri.providers.rules.ending import Standing
from jitsuri.providers.rules.eventing import anthropic_event, data_of, openai_event
from jitsuri.providers.rules.recognising import Repeats
from jitsuri.providers.shapes import Dialect

_STRING = re.compile(rb'\s*:\s*("(?:[^"\\]|\\.)*")')
_HALF = re.compile("[\ud800-\udfff]")
"""Halves of characters that stand alone: a server may cut a character in two."""

_Key = tuple[int, str]


class _Entry:
    """An event with a text that waits."""

    __slots__ = ("end", "event", "is_altered", "is_begun", "path", "said", "start", "text")

    def __init__(self, event: bytes, path: Path, text: str, start: int, *, is_altered: bool = False) -> None:
        self.event = event
        self.path = path
        self.text = text
        self.start = start
        self.end = start + len(text)
        self.said: list[str] = []
        """What is shown of it and has not gone on."""
        self.is_altered = is_altered
        self.is_begun = False
        """Whether a part of it has gone on."""


class _Channel:
    """One text in pieces: the events that wait for it."""

    __slots__ = ("came", "half", "held", "place", "waiting")

    def __init__(self, held: HeldText | HeldJson, place: str) -> None:
        self.held = held
        self.place = place
        self.waiting: deque[_Entry] = deque()
        self.came = 0
        self.half: _Entry | None = None
        """An event whose text ended with half a character."""

    @property
    def text(self) -> HeldText:
        return self.held.text if isinstance(self.held, HeldJson) else self.held


class GuardedStream:
    """A stream of one dialect, event by event. ``make`` gives what judges a text, told where it stands.

    When something was found that must not be shown, ``blocked`` is true and nothing more comes: the caller of this stops the
    upstream and ends the stream (``ending.end_of_stream``) from ``standing``.
    """

    __slots__ = (
        "_answers", "_channels", "_dialect", "_finished", "_has_started", "_known", "_last", "_make", "_open", "_repeats",
        "_whole", "blocked",
    )  # fmt: skip

    def __init__(self, dialect: Dialect, make: MakeHeld, *, answers: int = 1) -> None:
        self._dialect = dialect
        self._make = make
        self._answers = answers
        self._channels: dict[_Key, _Channel] = {}
        self._last: dict[int, _Key] = {}
        """Which text each answer or block told last."""
        self._repeats = Repeats()
        self._known: tuple[_Channel, Text] | None = None
        self._has_started = False
        self._open: dict[int, None] = {}
        self._finished: set[int] = set()
        self._whole: list[tuple[str, Finding, Action]] = []
        self.blocked = False

    @property
    def acted(self) -> list[tuple[str, Finding, Action]]:
        """What was found until now: its place, what, and what followed."""
        pieces = ((one.place, *acted) for one in self._channels.values() for acted in one.text.acted)
        return [*self._whole, *pieces]

    def standing(self, seen: Standing) -> Standing:
        """Where the stream stands as its receiver has seen it; ``seen`` is how the upstream's own stands."""
        answers = tuple(index for index in range(self._answers) if index not in self._finished)
        return replace(
            seen, has_started=self._has_started, is_done=False, open_answers=answers, open_blocks=tuple(self._open)
        )

    def feed(self, events: list[bytes]) -> list[bytes]:
        """Whole events, in order. What may go on now; may be none."""
        made: list[bytes] = []
        for event in events:
            if self.blocked:
                break
            size = self._repeats.size(event)
            if size > 0 and self._known is not None:
                start = self._repeats.start
                raw = event[start : start + size]
                said = read(b'"%b"' % raw) if b"\\" in raw else raw.decode("utf-8", "replace")
                channel, text = self._known
                made += self._piece(channel, event, text.path, said)
            else:
                made += self._one(event)
        return made

    def pause(self) -> list[bytes]:
        """Nothing has come for a while: what may go on without harm."""
        made: list[bytes] = []
        for channel in list(self._channels.values()):
            if channel.waiting and not self.blocked:
                made += self._moved(channel, channel.held.rest(), is_last=True)
        return made

    def close(self) -> list[bytes]:
        """Nothing more will come, well or not: what may still go on."""
        return [] if self.blocked else self._over(self._channels)

    def _one(self, event: bytes) -> list[bytes]:
        data = data_of(event)
        if not data:
            return self._body(event) if event[:1] == b"{" else [event]
        if data == b"[DONE]":
            return self._after(self._channels, event)
        try:
            told = read(data)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            return self._unknown(event, data)
        if self._dialect == "anthropic":
            return self._anthropic(event, told)
        return self._openai(event, told)

    def _openai(self, event: bytes, told: dict[str, Any]) -> list[bytes]:
        if told.get("error"):
            return self._after(self._channels, event)
        choices = told.get("choices")
        named: list[tuple[Path, dict[str, Any]]] = []
        if isinstance(choices, list):
            named = [(("choices", at), one) for at, one in enumerate(choices) if isinstance(one, dict)]
        if not named:
            return [event]
        self._has_started = True
        texts = [text for path, choice in named for text in texts_of_choice(choice, path, "delta")]
        spoken = [text for text in texts if text.said]
        if len(spoken) > 1 or (spoken and len(named) > 1):
            return [made for one in self._split(told, named, spoken) for made in self._one(one)]
        ended = [index for _, choice in named if choice.get("finish_reason") for index in [_index(choice)]]
        if not spoken:
            return self._silent(event, texts, ended)
        text = spoken[0]
        made = self._told(event, told, text, is_plain=not ended and len(texts) == 1)
        return made + self._ended(ended)

    def _silent(self, event: bytes, texts: list[Text], ended: list[int]) -> list[bytes]:
        """An event without text: behind the text that it belongs to, or behind all of the answers that it ends."""
        if ended:
            made = self._ended(ended)
            return made if self.blocked else [*made, event]
        key = (texts[0].answer, texts[0].channel) if texts else None
        channel = self._channels.get(key) if key is not None else None
        return self._behind(channel, event)

    def _behind(self, channel: _Channel | None, event: bytes) -> list[bytes]:
        """An event that keeps its place behind a text."""
        if channel is None or not channel.waiting:
            return [event]
        channel.waiting.append(_Entry(event, (), "", channel.came))
        return []

    def _ended(self, answers: list[int]) -> list[bytes]:
        """Answers have ended: all their texts go on."""
        made: list[bytes] = []
        for answer in answers:
            made += self._over([key for key in self._channels if key[0] == answer])
            if not self.blocked:
                self._finished.add(answer)
        return made

    def _split(
        self, told: dict[str, Any], named: list[tuple[Path, dict[str, Any]]], spoken: list[Text]
    ) -> Iterator[bytes]:
        """An event with several texts as events with one each; what it ends comes last."""
        frame = {key: value for key, value in told.items() if key not in ("choices", "usage", "obfuscation")}
        for path, choice in named:
            own = [text for text in spoken if text.path[: len(path)] == path]
            quiet = read(written(choice).encode())
            for text in own:
                put(quiet, text.path[len(path) :], "")
            head = {**quiet, "finish_reason": None, "logprobs": None}
            if says(head.get("delta")):
                yield openai_event(written({**frame, "choices": [head]}).encode())
            for text in own:
                one, _ = bare(choice, text.path[len(path) :])
                yield openai_event(written({**frame, "choices": [{**one, "finish_reason": None}]}).encode())
        ends = [
            {"index": _index(choice), "delta": {}, "finish_reason": choice["finish_reason"]}
            for _, choice in named
            if choice.get("finish_reason")
        ]
        if ends or told.get("usage"):
            yield openai_event(written({**frame, "choices": ends, "usage": told.get("usage")}).encode())

    def _anthropic(self, event: bytes, told: dict[str, Any]) -> list[bytes]:
        kind = told.get("type")
        if kind in ("content_block_delta", "content_block_start"):
            return self._block(event, told, kind == "content_block_start")
        if kind == "content_block_stop":
            made = self._after([key for key in self._channels if key[0] == _index(told)], event)
            if not self.blocked:
                self._open.pop(_index(told), None)
            return made
        if kind == "message_start":
            self._has_started = True
        return self._after(self._channels, event) if kind in ("message_delta", "message_stop", "error") else [event]

    def _block(self, event: bytes, told: dict[str, Any], is_start: bool) -> list[bytes]:
        texts = list(texts_of_delta(told))
        index = _index(told)
        if is_start:
            self._open[index] = None
        if is_start and any(text.kind != "text" for text in texts):
            return self._at_once(event, told, [text for text in texts if text.said])
        spoken = [text for text in texts if text.said]
        if not spoken:
            key = (index, texts[0].channel) if texts else self._last.get(index)
            return self._behind(self._channels.get(key) if key is not None else None, event)
        return self._told(event, told, spoken[0], is_plain=not is_start)

    def _at_once(self, event: bytes, told: dict[str, Any], texts: list[Text]) -> list[bytes]:
        """An event whose texts are whole."""
        is_altered = False
        for text in texts:
            place = place_of(self._dialect, text)
            held = self._make(place)
            said = judged(held, text)
            self._whole += ((place, finding, action) for finding, action in held.acted)
            if held.blocked:
                self.blocked = True
                return []
            if said != text.said:
                put(told, text.path, said)
                is_altered = True
        return [self._event(told) if is_altered else event]

    def _told(self, event: bytes, told: dict[str, Any], text: Text, *, is_plain: bool) -> list[bytes]:
        """An event with one text that goes on with others."""
        if text.kind == "whole":
            return self._at_once(event, told, [text])
        key = (text.answer, text.channel)
        channel = self._channels.get(key)
        if channel is None:
            place = place_of(self._dialect, text)
            held = self._make(place)
            channel = self._channels[key] = _Channel(HeldJson(held) if text.kind == "json" else held, place)
        before = self._last.get(text.answer)
        made: list[bytes] = []
        if before is not None and before != key:
            made = self._moved(self._channels[before], self._channels[before].held.rest(), is_last=True)
        self._last[text.answer] = key
        if is_plain:
            self._learn(event, channel, text)
        return [] if self.blocked else made + self._piece(channel, event, text.path, text.said)

    def _learn(self, event: bytes, channel: _Channel, text: Text) -> None:
        key = str(text.path[-1]).encode()
        at = event.find(b'"' + key + b'"')
        raw = _STRING.match(event, at + len(key) + 2) if at >= 0 else None
        if raw:
            self._repeats.learn(event, key, raw[1])
            self._known = (channel, text)

    def _piece(self, channel: _Channel, event: bytes, path: Path, said: str) -> list[bytes]:
        """A piece of a text has come with its event."""
        is_altered = False
        if channel.half is not None or (not said.isascii() and _HALF.search(said)):
            said, is_altered = self._joined(channel, event, path, said)
        channel.waiting.append(_Entry(event, path, said, channel.came, is_altered=is_altered))
        channel.came += len(said)
        return self._moved(channel, channel.held.take(said))

    def _joined(self, channel: _Channel, event: bytes, path: Path, said: str) -> tuple[str, bool]:
        """Halves of characters with their other halves; one that may still come is waited for."""
        before, channel.half = channel.half, None
        whole = (before.text if before is not None else "") + said
        whole = whole.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        if "\ud800" <= whole[-1:] < "\udc00":
            channel.half = _Entry(event, path, whole[-1], 0)
            whole = whole[:-1]
        return whole, before is not None or channel.half is not None

    def _over(self, keys: Any) -> list[bytes]:
        """Texts are over: all that may be shown of them goes on."""
        made: list[bytes] = []
        for key in list(keys):
            channel = self._channels[key]
            if channel.half is not None and not self.blocked:
                half, channel.half = channel.half, None
                entry = _Entry(half.event, half.path, half.text, channel.came, is_altered=True)
                entry.is_begun = True
                channel.waiting.append(entry)
                channel.came += 1
                made += self._moved(channel, channel.held.take(half.text))
            if channel.waiting and not self.blocked:
                made += self._moved(channel, channel.held.finish(), is_last=True)
        return made

    def _after(self, keys: Any, event: bytes) -> list[bytes]:
        """An event that ends texts, behind them."""
        made = self._over(keys)
        return made if self.blocked else [*made, event]

    def _moved(self, channel: _Channel, moves: list[Change], *, is_last: bool = False) -> list[bytes]:
        """The events that can go on now that so much of their text is decided."""
        made: list[bytes] = []
        waiting = channel.waiting
        for start, end, replacement in moves:
            if replacement is not None:
                self._skip(waiting, start, made)
                waiting[0].said.append(replacement)
            while start < end:
                self._skip(waiting, start, made)
                entry = waiting[0]
                stop = min(end, entry.end)
                if replacement is None:
                    entry.said.append(entry.text[start - entry.start : stop - entry.start])
                else:
                    entry.is_altered = True
                start = stop
                if stop == entry.end:
                    made += self._gone(waiting.popleft())
        if channel.text.blocked:
            self.blocked = True
        if waiting:
            self._skip(waiting, moves[-1].end if moves else -1, made)
        if waiting and waiting[0].said and (is_last or self.blocked or channel.came - waiting[0].start > HOLD):
            made += self._part(waiting[0])
        return made

    def _skip(self, waiting: deque[_Entry], place: int, made: list[bytes]) -> None:
        """Events without text whose turn has come."""
        while waiting and waiting[0].end <= place and not waiting[0].text:
            made += self._gone(waiting.popleft())

    def _gone(self, entry: _Entry) -> list[bytes]:
        """An event whose text is decided, as it came or rewritten."""
        if not entry.is_altered and not entry.is_begun:
            return [entry.event]
        return self._rewritten(entry, is_whole=True)

    def _part(self, entry: _Entry) -> list[bytes]:
        """The begin of an event's text, before the rest is decided."""
        made = self._rewritten(entry, is_whole=False)
        entry.is_begun = True
        entry.said = []
        return made

    def _rewritten(self, entry: _Entry, *, is_whole: bool) -> list[bytes]:
        """An event with another text: without the probabilities of what it said, and without its head where that has gone on."""
        told, said, path = read(data_of(entry.event)), "".join(entry.said), entry.path
        if self._dialect == "openai":
            choice, rest = told["choices"][path[1]], path[2:]
            if entry.is_begun:
                short, rest = bare(choice, rest)
                choice = {"index": 0, **short, "finish_reason": choice.get("finish_reason")}
                path = ("choices", 0, *rest)
            if "logprobs" in choice:
                choice["logprobs"] = None
            if not is_whole:
                choice["finish_reason"] = None
            told["choices"] = [choice]
            told.pop("obfuscation", None)
            put(told, path, said)
            is_empty = (
                not said and not says(choice.get("delta")) and not choice.get("finish_reason") and not told.get("usage")
            )
        else:
            if told["type"] == "content_block_start" and entry.is_begun:
                block = told["content_block"]["type"]
                told = {
                    "type": "content_block_delta",
                    "index": told["index"],
                    "delta": {"type": f"{block}_delta", path[1]: ""},
                }
                path = ("delta", path[1])
            put(told, path, said)
            is_empty = not said and told["type"] == "content_block_delta"
        return [] if is_empty else [self._event(told)]

    def _event(self, told: dict[str, Any]) -> bytes:
        data = written(told).encode()
        return anthropic_event(told["type"], data) if self._dialect == "anthropic" else openai_event(data)

    def _unknown(self, event: bytes, data: bytes) -> list[bytes]:
        """Data that is no JSON object: judged as one text."""
        held = self._make("")
        text = data.decode("utf-8", "surrogateescape")
        said = shown(text, held.whole(text))
        self._whole += (("", finding, action) for finding, action in held.acted)
        self.blocked = self.blocked or held.blocked
        if self.blocked or said == text:
            return [] if self.blocked else [event]
        return [
            b"".join(b"data: " + line + b"\n" for line in said.encode("utf-8", "surrogateescape").split(b"\n")) + b"\n"
        ]

    def _body(self, body: bytes) -> list[bytes]:
        """A whole answer where a stream was asked for."""
        altered = alter_answer(self._dialect, body, self._make)
        self._whole += altered.acted
        self.blocked = self.blocked or altered.blocked
        return [] if self.blocked else [altered.body]


def _index(told: dict[str, Any]) -> int:
    value = told.get("index")
    return value if isinstance(value, int) else 0
