"""Bytes of one record become text or JSON, whatever their encoding.

UTF-8 is tried first and strictly, then Shift_JIS (cp932), record by record, as real files are mixed. What the database
cannot hold is told instead of lost: NUL and unpaired surrogates stand as the six characters of their JSON escape
(decision 0004).
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from jitsuri.calls.rules.faulting import LineError

_decode = msgspec.json.Decoder().decode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode
_NUL_ESCAPE = b"\\u0000"
_ESCAPE = re.compile(r"\\(u0000|.)")
_NOT_SHIFT_JIS = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
"""What Python's cp932 makes of the bytes 80, A0 and FD to FF, which stand for nothing in Shift_JIS (JIS X 0208)."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def decoded_text(raw: bytes) -> str:
    """Text of one record. Faults: ``encoding_unknown`` with the byte (from 1) that is neither UTF-8 nor Shift_JIS."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as not_utf8:
        try:
            text = raw.decode("cp932")
        except UnicodeDecodeError as neither:
            raise LineError("encoding_unknown", at=max(not_utf8.start, neither.start) + 1) from None
        if strange := _NOT_SHIFT_JIS.search(text):
            raise LineError("encoding_unknown", at=len(text[: strange.start()].encode("cp932")) + 1) from None
    return text.removeprefix("\ufeff").replace("\x00", "\\u0000")


def decoded(raw: bytes) -> Any:
    """JSON value of one record. Faults: ``encoding_unknown``, ``not_json`` with the character where it breaks."""
    try:
        if _NUL_ESCAPE not in raw:
            return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return _decoded_leniently(decoded_text(raw))


def decoded_field(value: Any) -> Any:
    """A field that may hold JSON as text (databases and CSV exports do): its value, or the text as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return decoded(value.encode())
    except LineError:
        return value


def canonical(value: object) -> bytes:
    """JSON bytes that do not depend on the order of keys or on white space."""
    try:
        return _encode_sorted(value)
    except (OverflowError, msgspec.MsgspecError):  # whole numbers beyond 64 bits
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _decoded_leniently(text: str) -> Any:
    """Read what strict JSON refuses but loggers write: NaN, Infinity, numbers beyond a double, unpaired surrogates."""
    try:
        value = json.loads(text, parse_constant=str, parse_float=_finite)
        rewritten = json.dumps(value, ensure_ascii=False)
        rewritten = _ESCAPE.sub(lambda m: "\\\\u0000" if m[1] == "u0000" else m[0], rewritten)
        rewritten = _SURROGATE.sub(lambda m: f"\\\\u{ord(m[0]):04x}", rewritten)
        return _decode(rewritten)
    except json.JSONDecodeError as error:
        raise LineError("not_json", at=error.pos + 1) from None
    except (RecursionError, ValueError):  # ValueError: a number of more than 4,300 digits
        raise LineError("not_json", at=1) from None


def _finite(text: str) -> float | str:
    number = float(text)
    return text if number in (float("inf"), float("-inf")) else number
