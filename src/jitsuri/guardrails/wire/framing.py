"""Messages between a gateway worker and its process for checks: four bytes of length, then MessagePack."""

from __future__ import annotations

import struct
from typing import BinaryIO

LENGTH = struct.Struct(">I")
MOST_BYTES = 1 << 30
"""A longer message is no message of ours."""


def framed(message: bytes) -> bytes:
    """A message with its length before it."""
    return LENGTH.pack(len(message)) + message


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next message; None where the other side has gone."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > MOST_BYTES:
        return None
    body = stream.read(length)
    return body if len(body) == length else None
