"""What every call must have, whatever the log it came from."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from jitsuri.calls.rules.counting import checked_usage
from jitsuri.calls.rules.faulting import LineError, shown
from jitsuri.calls.rules.timing import checked_instant
from jitsuri.calls.shapes import Logged, Reading

_MOST_CHARACTERS = {
    "model_asked": 160, "model_answered": 160, "task": 100, "department": 100, "provider": 60, "tier": 40, "region": 60,
}  # fmt: skip
"""Together below a quarter of a database page even in four-byte characters, so that they can be indexed: PostgreSQL
allows 2,704 bytes (docs "B-Tree Indexes", implementation). The longest model names known are ARNs of about 110."""

_ALWAYS_SHORT_ENOUGH = min(_MOST_CHARACTERS.values())

_STANDARD_TIERS = frozenset({"", "default", "standard", "auto", "on_demand", "none"})
_CODE = re.compile(r"[\w.\-]{1,64}")


def checked(call: Logged, reading: Reading) -> Logged:
    """The same call. Faults: of time, of tokens, ``model_missing``, ``name_too_long``."""
    checked_instant(call.at, reading.now)
    checked_usage(call.usage)
    if not (call.model_answered or call.model_asked) and call.status != "error":
        raise LineError("model_missing")
    names = (call.model_asked, call.model_answered, call.task, call.department, call.provider, call.tier, call.region)
    if max(map(len, names)) <= _ALWAYS_SHORT_ENOUGH:
        return call
    for field, most in _MOST_CHARACTERS.items():
        if len(getattr(call, field)) > most:
            raise LineError("name_too_long", field=field, value=shown(getattr(call, field)), most=most)
    return call


def tier_of(value: Any) -> str:
    """The service tier in lower case; '' for the standard one, whatever it is called."""
    name = value.strip().lower() if isinstance(value, str) else ""
    return "" if name in _STANDARD_TIERS else name


def error_code_of(error: Any) -> str:
    """A short code out of an error object, never its message, which may repeat the prompt."""
    if isinstance(error, dict):
        inner = error.get("error")
        if isinstance(inner, dict):
            error = inner
        candidates = [error.get(name) for name in ("code", "type", "error_code", "error_class")]
    else:
        candidates = [error]
    for one in candidates:
        if (isinstance(one, str) and _CODE.fullmatch(one)) or (isinstance(one, int) and not isinstance(one, bool)):
            return str(one)
    return "error" if error else ""


def http_status_of(*candidates: Any) -> int | None:
    """The first of these that is an HTTP status."""
    for one in candidates:
        if one is None:
            continue
        if isinstance(one, str) and one.isdecimal() and len(one) == 3:
            one = int(one)
        if isinstance(one, int) and not isinstance(one, bool) and 100 <= one <= 599:
            return one
    return None


def amount_of(value: Any) -> Decimal | None:
    """A reported cost, exact as it was written; None where there is none or it is no amount."""
    if value is None or isinstance(value, (bool, dict, list)):
        return None
    try:
        amount = Decimal(value.strip()) if isinstance(value, str) else Decimal(repr(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() and amount >= 0 else None
