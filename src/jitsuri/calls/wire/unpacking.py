"""Plain, gzip and zstd files become blocks of text bytes, told apart by their first bytes, never by their names."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterator

from jitsuri.terms.zstd import ZstdDecompressor, ZstdError

BLOCK_BYTES = 1024 * 1024

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
"""Behind a byte 50 to 5F: a frame without text, with which parallel packers begin (RFC 8878 §3.1.2)."""
_NOT_A_LOG = (
    (b"PK\x03\x04", "zip / xlsx"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"PAR1", "parquet"),
    (b"SQLite format 3\x00", "sqlite"), (b"%PDF", "pdf"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"\xd0\xcf\x11\xe0", "xls"),
)  # fmt: skip
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
"""UTF-32 first: its little-endian mark begins with that of UTF-16."""

_GZIP_STEP_BYTES = 64 * 1024
"""Of a damaged file at most what so much stands for is lost before the damage."""
_ZSTD_STEP_BYTES = 4096
"""So much is unpacked at once: 4 bytes can stand for 128 KiB (RFC 8878 §3.1.1.2), so at most 128 MiB come out."""

_LONGEST_WORD_BYTES = 64 * 1024 * 1024
"""More without a quote, comma, space or line end is no text and no record that could go in."""

Read = Callable[[int], bytes]


class ArchiveError(Exception):
    """The compressed file cannot be unpacked further: ``archive_truncated`` or ``archive_damaged``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def other_kind(beginning: bytes) -> str:
    """The name of a file kind that is no log, by its first bytes; '' for anything else."""
    if beginning[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _NOT_A_LOG if beginning.startswith(magic)), "")


def unpacked(read: Read, beginning: bytes) -> Iterator[bytes]:
    """Blocks of text bytes of at most about ``BLOCK_BYTES``. Raises ArchiveError behind the last readable block."""
    if beginning.startswith(_GZIP):
        return _gunzipped(read)
    is_skippable = beginning[1:4] == _ZSTD_SKIPPABLE and beginning[0] >> 4 == 5
    if beginning.startswith(_ZSTD) or is_skippable:
        return _unzstd(read)
    return iter(lambda: read(BLOCK_BYTES), b"")


def in_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text without a byte order mark; UTF-16 and UTF-32 (by their marks, or NULs in a JSON text) as UTF-8."""
    first = b""
    for block in blocks:
        first += block
        if len(first) >= 4:
            break
    name = next((name for mark, name in _ENCODINGS if first.startswith(mark)), "") or _unmarked(first)
    if not name:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(name)(errors="replace")
    yield decoder.decode(first).encode("utf-8", "replace")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def each_line_in_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same JSON text in UTF-8 where its lines are Shift_JIS, before brackets and backslashes are looked for.

    The second byte of a Shift_JIS character may be a backslash or a bracket, but never below 0x40: text is cut behind
    quotes, commas, spaces and line ends only. What is in neither encoding stays as it is and becomes a fault later.
    """
    held: list[bytes] = []
    held_bytes = 0
    for block in blocks:
        cut = max(block.rfind(mark) for mark in (b"\n", b'"', b",", b" ")) + 1
        held.append(block[:cut] if cut else block)
        held_bytes += len(held[-1])
        if cut or held_bytes > _LONGEST_WORD_BYTES:
            yield _piece_in_utf8(b"".join(held))
            held = [block[cut:]] if cut else []
            held_bytes = len(block) - cut if cut else 0
    yield _piece_in_utf8(b"".join(held))


def _piece_in_utf8(piece: bytes) -> bytes:
    if piece.isascii() or _decodes(piece, "utf-8"):
        return piece
    lines = piece.split(b"\n")
    return b"\n".join(
        line.decode("cp932").encode() if not _decodes(line, "utf-8") and _decodes(line, "cp932") else line
        for line in lines
    )


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _unmarked(first: bytes) -> str:
    """UTF-16 without a mark: two ASCII characters show as text and NUL in turn (RFC 4627 §3)."""
    if first[1:2] == b"\0" and first[3:4] == b"\0" and first[0:1] > b"\0" and first[2:3] > b"\0":
        return "utf-16-le"
    if first[0:1] == b"\0" and first[2:3] == b"\0" and first[1:2] > b"\0" and first[3:4] > b"\0":
        return "utf-16-be"
    return ""


def _gunzipped(read: Read) -> Iterator[bytes]:
    packed = read(_GZIP_STEP_BYTES)
    while packed:
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not packed:
                raise ArchiveError("archive_truncated")
            try:
                text = member.decompress(packed, BLOCK_BYTES)
            except zlib.error:
                raise ArchiveError("archive_damaged") from None
            if text:
                yield text
            packed = member.unconsumed_tail or (b"" if member.eof else read(_GZIP_STEP_BYTES))
        packed = member.unused_data.lstrip(b"\0") or read(_GZIP_STEP_BYTES).lstrip(b"\0")  # tapes pad with zeros
        if packed and not packed.startswith(_GZIP[: len(packed)]):
            raise ArchiveError("archive_damaged")


def _unzstd(read: Read) -> Iterator[bytes]:
    packed = read(BLOCK_BYTES)
    while packed:
        frame = ZstdDecompressor()
        held: list[bytes] = []
        held_bytes = 0
        while not frame.eof:
            if not packed:
                yield b"".join(held)
                raise ArchiveError("archive_truncated")
            try:
                text = frame.decompress(packed[:_ZSTD_STEP_BYTES])
            except ZstdError:
                yield b"".join(held)
                raise ArchiveError("archive_damaged") from None
            held.append(text)
            held_bytes += len(text)
            packed = frame.unused_data + packed[_ZSTD_STEP_BYTES:] or read(BLOCK_BYTES)
            if held_bytes >= BLOCK_BYTES:
                yield b"".join(held)
                held, held_bytes = [], 0
        yield b"".join(held)
