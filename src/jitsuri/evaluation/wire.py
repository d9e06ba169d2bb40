"""A scorer's spec as a file: JSON or TOML, by its name; numbers are read exactly."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

from jitsuri.terms.errors import CallerError

MOST_BYTES = 1_000_000
"""A spec is written by a person; a JSON schema of a large form is 50 KB."""


def read_spec(path: Path) -> object:
    """What the file holds. Raises CallerError ``scorer_file_unreadable`` with what is wrong with it."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _unreadable(path, f"> {MOST_BYTES} bytes")
        text = path.read_bytes().decode("utf-8-sig")
        if path.suffix.lower() == ".toml":
            return tomllib.loads(text, parse_float=Decimal)
        found: object = json.loads(text, parse_float=Decimal, parse_constant=_constant)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except RecursionError:
        raise _unreadable(path, "nested too deeply") from None
    except ValueError as error:  # broken UTF-8, JSON, TOML, an integer of thousands of digits
        raise _unreadable(path, str(error)[:200]) from None
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _unreadable(path: Path, reason: str) -> CallerError:
    return CallerError("scorer_file_unreadable", path=str(path), reason=reason)
