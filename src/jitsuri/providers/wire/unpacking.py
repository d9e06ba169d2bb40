"""Bodies that come packed although nobody asked for it: unpacked in pieces of a bounded length."""

from __future__ import annotations

import zlib
from typing import Final

from aiohttp.http_exceptions import ContentEncodingError

MOST_AT_ONCE: Final = 2**18
"""Bytes unpacked at a time, so that a small packed body cannot fill the memory before anybody counts."""

_GZIP: Final = 16 + zlib.MAX_WBITS

PACKINGS: Final = frozenset({b"gzip", b"deflate"})
UNKNOWN_PACKINGS: Final = frozenset({b"br", b"zstd"})
"""Those that we have no means for: an answer in one of them is broken."""


class Unpacker:
    """Unpacks one body. Raises ContentEncodingError for what is not packed as it says."""

    __slots__ = ("_is_begun", "_is_full", "_is_gzip", "_left", "_unpacking", "has_more")

    def __init__(self, packing: bytes) -> None:
        self._is_gzip = packing == b"gzip"
        self._unpacking = zlib.decompressobj(_GZIP if self._is_gzip else zlib.MAX_WBITS)
        self._left = b""
        """What has come and is not unpacked yet."""
        self._is_begun = False
        self._is_full = False
        """Whether the last piece was as long as one may be, so that more of it may be held back."""
        self.has_more = False
        """Whether there may be more to unpack of what has come."""

    def piece(self, packed: bytes) -> bytes:
        """Unpack what has come, up to the bound; call it with nothing while it ``has_more``."""
        left = self._left + packed if self._left else packed
        if not left and (not self._is_full or self._unpacking.eof):
            self.has_more = False
            return b""
        if not self._is_begun:
            self._is_begun = True
            if not self._is_gzip and left[0] & 0xF != 8:  # some send it without its frame (RFC 1950)
                self._unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        if self._unpacking.eof:
            if not self._is_gzip:
                raise ContentEncodingError("more than was packed")
            self._unpacking = zlib.decompressobj(_GZIP)  # the next of several in a row (RFC 1952 §2.2)
        try:
            piece = self._unpacking.decompress(left, MOST_AT_ONCE)
        except zlib.error as error:
            raise ContentEncodingError(f"cannot unpack: {error}") from error
        self._left = self._unpacking.unused_data if self._unpacking.eof else self._unpacking.unconsumed_tail
        self._is_full = len(piece) == MOST_AT_ONCE
        self.has_more = bool(self._left) or self._is_full
        return piece

    def end(self) -> None:
        """The body has ended. One without a frame of its own must have come whole."""
        if self._is_begun and not self._is_gzip and not self._unpacking.eof:
            raise ContentEncodingError("the packed body ends early")
