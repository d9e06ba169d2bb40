"""Keys: how a secret is written and read, what a key may be and may do, and who decides about one.

A secret reads ``jk_``, 43 characters of base 62 that carry 256 random bits, and 6 that check the 46 before them
(CRC-32), so that a secret scanner knows it and a typing mistake is told from a key that does not exist. Kept is its
SHA-256 (why without salt is told in ``rules.guarding.secret_hash``). No refusal holds more of a secret than its end.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from jitsuri.access.rules.permitting import may as person_may
from jitsuri.access.shapes import KeptKey, Key, KeyScope, KeyStanding, Person
from jitsuri.terms.ids import OWN_KEY
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import COMPANY_ZONE, company_day

PREFIX = "jk_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY = 43
"""Characters of base 62 that 256 bits need: 62**43 > 2**256."""
_CHECK = 6
"""Characters of base 62 that 32 bits need."""
LENGTH = len(PREFIX) + _BODY + _CHECK
HINT = 4
"""Characters at the end of a secret that may be told."""

LONGEST_NAME = 64
LONGEST_TEXT = 500
"""Of a purpose or a reason."""
LONGEST_PATTERN, MOST_PATTERNS = 128, 20
MOST_REQUESTS, MOST_TOKENS = 1_000_000, 1_000_000_000
"""Per minute; beyond them a limit is no limit, which is written 0."""

USUAL_LIFE = timedelta(days=180)
LONGEST_LIFE = timedelta(days=366)
LONGEST_OVERLAP = timedelta(days=30)
SOON = timedelta(days=14)
"""A key lives for half a year unless asked otherwise, and for a year and a day at most; two secrets hold together for a
month at most; a key whose end is two weeks away is marked. Source: decision 0021."""

_EARLIEST, _LATEST = date(1970, 1, 1), date(9000, 1, 1)
_SECRET = re.compile(rf"{PREFIX}[0-9A-Za-z]{{16,}}")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


# -- secrets


def secret_text(chance: str) -> str:
    """The secret that 256 random bits, given as text, become."""
    number = int.from_bytes(hashlib.sha256(b"jitsuri key\x00" + chance.encode()).digest(), "big")
    body = PREFIX + _base_62(number, _BODY)
    return body + _check(body)


def hint_of(secret: str) -> str:
    return secret[-HINT:]


def is_well_formed(secret: str) -> bool:
    """Was this written by ``secret_text``, and is no character of it mistaken?"""
    return (
        len(secret) == LENGTH
        and secret.startswith(PREFIX)
        and secret.isascii()
        and _check(secret[:-_CHECK]) == secret[-_CHECK:]
    )


def without_secrets(told: str) -> str:
    """A text in which everything that looks like a secret is cut down to its end: people paste what they report."""
    return _SECRET.sub(lambda found: f"{PREFIX}…{hint_of(found[0])}", told)


def presented(authorization: bytes | None, x_api_key: bytes | None) -> bytes:
    """What a caller holds out: the bearer of ``Authorization``, else ``x-api-key``; b'' is nothing.

    A bearer that is none of ours gives way to an ``x-api-key``: clients send both where both are configured.
    """
    scheme, _, bearer = (authorization or b"").strip().partition(b" ")
    bearer = bearer.strip() if scheme.lower() == b"bearer" else b""
    other = (x_api_key or b"").strip()
    return bearer if bearer.startswith(PREFIX.encode()) or not other else other


def stranger(secret: bytes) -> Refusal:
    """Why something that no key stands behind is refused: ``key_missing``, ``key_malformed``, ``key_unknown``."""
    if not secret:
        return Refusal("key_missing")
    told = secret.decode("ascii", "replace")
    return Refusal("key_unknown" if is_well_formed(told) else "key_malformed", {"hint": _safe_hint(told)})


def lapse(key: Key, now: datetime) -> Refusal | None:
    """Why this key's secret does not hold now: ``key_revoked``, ``key_not_yet``, ``key_expired``, ``key_replaced``.

    Revocation is a state and no instant: no clock that jumps back brings a revoked key to life.
    """
    if key.starts_at <= now < key.ends_at and not key.is_revoked:
        return None
    facts = {"hint": key.hint, "name": key.name}
    if key.is_revoked:
        return Refusal("key_revoked", facts)
    if now < key.starts_at:
        return Refusal("key_not_yet", {**facts, "at": _instant(key.starts_at)})
    code = "key_replaced" if key.ends_at < key.expires_at and now < key.expires_at else "key_expired"
    return Refusal(code, {**facts, "at": _instant(key.ends_at)})


def may(key: Key, task: str, model: str, region: str) -> Refusal | None:
    """Why this key may not do this: ``key_task``, ``key_model``, ``key_region``; None is: it may.

    ``model`` is the name that an upstream would be asked for, ``region`` where that upstream computes; a region that is
    not known ('') is none of those that a key names.
    """
    if key.task and key.task != task:
        return Refusal("key_task", {"name": key.name, "task": task or "–", "only": key.task})
    if key.models and not _matches(key.models, model):
        return Refusal("key_model", {"name": key.name, "model": model, "only": ", ".join(key.models)})
    if key.regions and region not in key.regions:
        return Refusal("key_region", {"name": key.name, "region": region or "–", "only": ", ".join(key.regions)})
    return None


# -- keys


def standing_of(kept: KeptKey, now: datetime) -> KeyStanding:
    """What a key is now."""
    if kept.state in ("refused", "withdrawn", "revoked"):
        return kept.state
    if kept.scope.expires_at <= now:
        return "expired"
    if kept.state != "active":
        return kept.state
    if now < kept.scope.starts_at:
        return "not_yet"
    return "rotating" if any(s.ends_at is not None and now < s.ends_at for s in kept.secrets) else "active"


def is_living(standing: KeyStanding) -> bool:
    """Does it hold, or may it come to hold?"""
    return standing in ("asked", "approved", "not_yet", "active", "rotating")


def is_ending_soon(kept: KeptKey, now: datetime) -> bool:
    """Is this a key in use whose end is near?"""
    return standing_of(kept, now) in ("active", "rotating") and kept.scope.expires_at - now <= SOON


def span_of(first: date | None, last: date | None, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants from which and until which a key holds that is asked for from its first to its last day.

    Days of the company, both included; no first day, or one that has begun, is now; no last day is the usual life.
    """
    starts_at = max(now, _beginning(first, zone)) if first is not None else now
    last = last if last is not None else company_day(starts_at, zone) + USUAL_LIFE
    return starts_at, _beginning(min(last, _LATEST) + timedelta(days=1), zone)


def last_day(expires_at: datetime, zone: ZoneInfo) -> date:
    """The last day on which a key that expires then holds."""
    return company_day(expires_at - timedelta(microseconds=1), zone)


def parts_of(told: str) -> tuple[str, ...]:
    """Patterns or regions as people write them: by comma, space or line; each once, in order."""
    return tuple(dict.fromkeys(part for part in re.split(r"[\s,、，]+", told) if part))


def scope_fault(scope: KeyScope, now: datetime) -> Refusal | None:
    """Why there can be no such key: ``key_name_invalid``, ``key_name_reserved``, ``key_models_invalid``,
    ``key_regions_invalid``, and what ``span_fault`` and ``limits_fault`` refuse."""
    if not 0 < len(scope.name) <= LONGEST_NAME or not scope.name.isprintable() or scope.name != scope.name.strip():
        return Refusal("key_name_invalid", {"longest": LONGEST_NAME})
    if scope.name.startswith(OWN_KEY):
        return Refusal("key_name_reserved", {"value": scope.name, "beginning": OWN_KEY})
    for pattern in scope.models:
        if not _is_pattern(pattern):
            return Refusal("key_models_invalid", {"value": without_secrets(pattern)[:LONGEST_PATTERN]})
    for region in scope.regions:
        if _REGION.fullmatch(region) is None:
            return Refusal("key_regions_invalid", {"value": without_secrets(region)[:LONGEST_PATTERN]})
    if max(len(scope.models), len(scope.regions)) > MOST_PATTERNS:
        return Refusal("key_patterns_many", {"most": MOST_PATTERNS})
    return span_fault(scope, now) or limits_fault(scope.requests_per_minute, scope.tokens_per_minute)


def span_fault(scope: KeyScope, now: datetime) -> Refusal | None:
    """Why a key cannot hold for this span: ``key_span_ended`` (over, or empty), ``key_span_long``."""
    begins = max(scope.starts_at, now)
    if scope.expires_at <= begins:
        return Refusal("key_span_ended")
    if scope.expires_at - begins > LONGEST_LIFE:
        return Refusal("key_span_long", {"days": LONGEST_LIFE.days})
    return None


def limits_fault(requests_per_minute: int, tokens_per_minute: int) -> Refusal | None:
    """Why these cannot be limits: ``key_limit_invalid``."""
    if 0 <= requests_per_minute <= MOST_REQUESTS and 0 <= tokens_per_minute <= MOST_TOKENS:
        return None
    return Refusal("key_limit_invalid", {"requests": f"{MOST_REQUESTS:,}", "tokens": f"{MOST_TOKENS:,}"})


def overlap_fault(overlap: timedelta) -> Refusal | None:
    """Why an old secret and a new one cannot hold together for this long: ``key_overlap_invalid``."""
    if timedelta(0) <= overlap <= LONGEST_OVERLAP:
        return None
    return Refusal("key_overlap_invalid", {"days": LONGEST_OVERLAP.days})


def told_fault(code: str, told: str) -> Refusal | None:
    """Why a purpose or a reason is none: the code given (nothing is told, or too much)."""
    return None if 0 < len(told) <= LONGEST_TEXT else Refusal(code, {"longest": LONGEST_TEXT})


# -- who


def is_owner(person: Person, owner: str) -> bool:
    """Is this the person whom a task names as its owner, by login or by name?"""
    return owner != "" and owner in (person.login, person.name)


def deciding_fault(person: Person, kept: KeptKey, owner: str, other_admins: bool) -> Refusal | None:
    """Why this person may not decide about this key: ``key_not_yours``, ``key_own_request``.

    Deciding is for administrators, and for the owner of the key's task (``owner`` as the task names it, '' for none).
    Nobody decides about a key of their own, but an administrator where no other one can sign in. Source: decision 0021.
    """
    is_admin = person_may(person, "edit_settings")
    owns = kept.scope.task != "" and person_may(person, "confirm_tasks") and is_owner(person, owner)
    if not is_admin and not owns:
        return Refusal("key_not_yours", {"name": kept.scope.name})
    if kept.asked_by == person.login and (other_admins or not is_admin):
        return Refusal("key_own_request", {"name": kept.scope.name})
    return None


def is_keeper(person: Person, kept: KeptKey) -> bool:
    """May this person make the key's next secret: its holder, or an administrator (holders leave)?"""
    is_holder = kept.asked_by == person.login and person_may(person, "ask_keys")
    return is_holder or person_may(person, "edit_settings")


def found(keys: Sequence[KeptKey], told: str, now: datetime) -> KeptKey | None:
    """The key of this id or name; of several with the name the living one, else the one asked for last."""
    named = [kept for kept in keys if told in (str(kept.key_id), kept.scope.name)]
    return max(named, key=lambda kept: (is_living(standing_of(kept, now)), kept.asked_at), default=None)


def _beginning(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins; days at the calendar's edges stand for themselves, so that no sum leaves it."""
    day = min(max(day, _EARLIEST), _LATEST)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _matches(patterns: tuple[str, ...], model: str) -> bool:
    for pattern in patterns:  # noqa: SIM110  # any() with its generator takes four times as long, for every call
        if model == pattern or (pattern[-1] == "*" and model.startswith(pattern[:-1])):
            return True
    return False


def _is_pattern(told: str) -> bool:
    is_text = 0 < len(told) <= LONGEST_PATTERN and told.isprintable()
    return is_text and "*" not in told[:-1] and _SECRET.search(told) is None


def _check(body: str) -> str:
    return _base_62(zlib.crc32(body.encode()), _CHECK)


def _base_62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _safe_hint(told: str) -> str:
    """The end of what was held out, if it is long enough that this tells nothing, and plain enough to be shown."""
    end = hint_of(told) if len(told) >= 4 * HINT else ""
    return end if end.isascii() and end.isalnum() else "…"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(COMPANY_ZONE):%Y-%m-%d %H:%M %Z}"
