"""Reading lines that are to be scanned: ``{"id", "text"}``, one JSON object each."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from jitsuri.terms.outcomes import Refusal


class Line(msgspec.Struct, frozen=True):
    """One text to be scanned."""

    text: str
    id: Any = msgspec.UNSET


_READ = msgspec.json.Decoder(Line)


def read_line(number: int, line: bytes) -> Line | Refusal:
    """The text in a line; else ``guard_line_json`` with its ``line`` and why. Halves of surrogate pairs (``\\ud800``) are read as
    they are written, so that offsets stay those of the text that was sent."""
    try:
        return _READ.decode(line)
    except msgspec.ValidationError as error:
        return Refusal("guard_line_json", {"line": number, "why": str(error)[:200]})
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _read_slowly(number, line)


def _read_slowly(number: int, line: bytes) -> Line | Refusal:
    """JSON that the fast reader refuses: halves of surrogate pairs, deep nesting beside the text, NaN."""
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except RecursionError:
        return Refusal("guard_line_json", {"line": number, "why": "nesting"})
    except UnicodeDecodeError:
        return Refusal("guard_line_json", {"line": number, "why": "UTF-8"})
    except json.JSONDecodeError as error:
        return Refusal("guard_line_json", {"line": number, "why": f"{error.msg} ({error.colno})"})
    except ValueError as error:  # a number of thousands of digits
        return Refusal("guard_line_json", {"line": number, "why": type(error).__name__})
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return Refusal("guard_line_json", {"line": number, "why": "text"})
    return Line(value["text"], value.get("id", msgspec.UNSET))
