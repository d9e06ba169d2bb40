"""Server-sent events: splitting them, and making those of both dialects."""

from __future__ import annotations


class Events:
    """Splits a stream into raw events, whatever its chunks."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Events that are complete now, each with its blank line."""
        raise NotImplementedError

    def rest(self) -> bytes:
        """What came after the last complete event; empties it."""
        raise NotImplementedError


def data_of(event: bytes) -> bytes:
    """The data of a raw event, its lines joined; b'' where it has none."""
    raise NotImplementedError


def openai_event(data: bytes) -> bytes:
    raise NotImplementedError


def anthropic_event(name: str, data: bytes) -> bytes:
    raise NotImplementedError
