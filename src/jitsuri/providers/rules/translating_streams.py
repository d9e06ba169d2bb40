"""Streams of one dialect in the other, event by event."""

from __future__ import annotations

from jitsuri.providers.rules.ending import Standing


class StreamToOpenAI:
    """Anthropic events in, chunks of a chat completion out."""

    def __init__(self, *, created: int, wants_usage: bool) -> None:
        raise NotImplementedError

    def feed(self, event: bytes) -> list[bytes]:
        """The events that one raw event becomes; may be none."""
        raise NotImplementedError

    def close(self) -> list[bytes]:
        """The upstream closed: what is still to be said, where its end had come."""
        raise NotImplementedError

    def standing(self) -> Standing:
        """Where the translated stream stands, for ``end_of_stream``."""
        raise NotImplementedError


class StreamToAnthropic:
    """Chunks of a chat completion in, Anthropic events out."""

    def __init__(self) -> None:
        raise NotImplementedError

    def feed(self, event: bytes) -> list[bytes]:
        """The events that one raw event becomes; may be none."""
        raise NotImplementedError

    def close(self) -> list[bytes]:
        """The upstream closed: what is still to be said, where its end had come."""
        raise NotImplementedError

    def standing(self) -> Standing:
        """Where the translated stream stands, for ``end_of_stream``."""
        raise NotImplementedError
