"""What an answer tells about itself, whole or as a stream."""

from __future__ import annotations

from jitsuri.providers.rules.ending import Standing
from jitsuri.providers.shapes import Dialect, Operation, Told


def read_answer(dialect: Dialect, operation: Operation, body: bytes) -> Told:
    """What a whole answer told; an error that came with status 200 is in ``error_code``."""
    raise NotImplementedError


class StreamReader:
    """Reads a stream while it passes."""

    def __init__(self, dialect: Dialect, *, wants_usage: bool = True, answers: int = 1) -> None:
        raise NotImplementedError

    is_done: bool

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events to pass on, each whole; the usage event only where the caller asked for it."""
        raise NotImplementedError

    def close(self) -> list[bytes]:
        """The upstream closed: an event without its blank line still counts."""
        raise NotImplementedError

    def told(self) -> Told:
        """What has been told until now."""
        raise NotImplementedError

    def standing(self) -> Standing:
        """Where the stream stands, for ``end_of_stream``."""
        raise NotImplementedError
