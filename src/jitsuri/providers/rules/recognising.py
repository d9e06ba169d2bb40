"""Recognises an event that differs from a known one in one text only, without decoding it.

A stream repeats itself: the same structure, another piece of text. Where everything before a text is byte for byte what
a decoded event had, and everything after its closing quote too, the structure is the same, for a text without a quote
cannot hold any. Two things may differ behind the text: spaces (Anthropic pads its events) and the value of a last
field (OpenAI's ``obfuscation``), for both vendors hide the lengths of their pieces.
"""

from __future__ import annotations

_MOST_LESSONS = 32
"""A stream whose events never repeat is not learned from for ever."""
_LAST_FIELD = b'"obfuscation":"'
_END = b'"}\n\n'


class Repeats:
    """What is known of the events of one stream."""

    __slots__ = ("_head", "_last", "_lessons", "_start", "_tail", "_tight")

    def __init__(self) -> None:
        self._head = self._tail = self._tight = self._last = b""
        self._start = 0
        self._lessons = 0

    def learn(self, event: bytes, key: bytes, text: bytes) -> None:
        """Remember a decoded event whose only content is ``text`` (with its quotes) under ``key``."""
        self._lessons += 1
        if self._lessons > _MOST_LESSONS or text[:1] != b'"' or event.count(b'"' + key + b'"') != 1:
            return
        at = event.find(text, event.find(b'"' + key + b'"') + len(key) + 2)
        gap = event[event.find(b'"' + key + b'"') + len(key) + 2 : at]
        if gap.strip(b" ") != b":":
            return
        self._head = event[: at + 1]
        self._start = at + 1
        self._tail = event[at + len(text) - 1 :]
        self._tight = self._tail.translate(None, b" \n")
        last = self._tail.find(_LAST_FIELD)
        self._last = self._tail[: last + len(_LAST_FIELD)] if last > 0 and self._ends_there(self._tail, last) else b""

    @property
    def start(self) -> int:
        """Where the text of an event stands that is like the known one; 0 where none is known."""
        return self._start

    def forget(self) -> None:
        """Something that a known event would say again has changed."""
        self._start = 0

    def size(self, event: bytes) -> int:
        """Bytes of the text of an event that is like the known one; -1 where it is not."""
        start = self._start
        if not start or not event.startswith(self._head):
            return -1
        end = event.find(b'"', start)
        if end < 0 or event[end - 1 : end] == b"\\":
            return -1
        tail = event[end:]
        if tail == self._tail or (self._last and self._is_hidden(tail)) or tail.translate(None, b" \n") == self._tight:
            return end - start
        return -1

    def _is_hidden(self, tail: bytes) -> bool:
        return tail.startswith(self._last) and self._ends_there(tail, len(self._last) - len(_LAST_FIELD))

    @staticmethod
    def _ends_there(tail: bytes, at: int) -> bool:
        """Whether the event ends with the field that stands there."""
        return tail.find(b'"', at + len(_LAST_FIELD)) == len(tail) - len(_END) and tail.endswith(_END)
