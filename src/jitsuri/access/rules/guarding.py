"""What guards the door: forms of login and password, waits after failures, lives of sessions and links, hashes."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

from jitsuri.terms.outcomes import Refusal

FREE_FAILURES = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
MOST_FAILURES = 100
"""After the fifth failure in a row a wait begins, doubled by each further one up to the longest; after a hundred the
password is no longer taken until a link sets a new one. Source: NIST SP 800-63B §5.2.2 (at most 100 failures in a
row, growing waits before that); the figures below a hundred are decision 0005."""

SESSION_IDLE = timedelta(hours=12)
SESSION_LIFE = timedelta(days=7)
"""A session ends twelve hours after its last use, and a week after sign-in at the latest.
Source: decision 0005, inside NIST SP 800-63B §4.1.3 (a password alone: sign in again at least every 30 days)."""

RENEW_STEP = timedelta(minutes=5)
"""A session's end is written anew only when it has moved by this much, so that reading pages rarely writes."""

LINK_LIFE = timedelta(hours=24)
"""Source: decision 0005."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
"""Source: OWASP ASVS 4.0.3, V2.1.1 and V2.1.2."""

FEWEST_CHARACTERS = 5
"""Different characters that a password needs; 'aaaaaaaaaaaa' has one.
Source: NIST SP 800-63B §5.1.1.2 asks to refuse repetitive ones, the figure is decision 0005."""

LONGEST_LOGIN = 254
"""The longest e-mail address. Source: RFC 5321 §4.5.3.1.3 (a path of 256 with its brackets)."""


def login_form(text: str) -> str:
    """How a login is kept and compared: NFKC, no space around, lower case."""
    return unicodedata.normalize("NFKC", _encodable(text)).strip().lower()


def login_fault(login: str) -> Refusal | None:
    """Why this login (in its form) cannot be one: ``login_invalid``."""
    if 0 < len(login) <= LONGEST_LOGIN and login.isprintable() and " " not in login:
        return None
    return Refusal("login_invalid", {"value": login[:LONGEST_LOGIN], "longest": LONGEST_LOGIN})


def password_form(text: str) -> str:
    """How a password is hashed: NFKC, so that full-width and half-width input give the same one.

    Source: NIST SP 800-63B §5.1.1.2 (NFKC or NFKD before hashing).
    """
    return unicodedata.normalize("NFKC", _encodable(text))


def password_fault(password: str, login: str) -> Refusal | None:
    """Why this password (in its form) is refused: ``password_short``, ``password_long``, ``password_simple``,
    ``password_names_you``."""
    if len(password) < SHORTEST_PASSWORD:
        return Refusal("password_short", {"shortest": SHORTEST_PASSWORD})
    if len(password) > LONGEST_PASSWORD:
        return Refusal("password_long", {"longest": LONGEST_PASSWORD})
    if len(set(password)) < FEWEST_CHARACTERS:
        return Refusal("password_simple", {"fewest": FEWEST_CHARACTERS})
    name = login.partition("@")[0]
    if len(name) >= 3 and name in password.lower():
        return Refusal("password_names_you", {"value": name})
    return None


def wait_after(failures: Sequence[datetime], now: datetime) -> Refusal | None:
    """Must a further try wait? ``failures``: all since the last success, oldest first.

    ``sign_in_wait`` tells the seconds still to wait; ``sign_in_blocked`` that a link must set a new password.
    """
    count = len(failures)
    if count >= MOST_FAILURES:
        return Refusal("sign_in_blocked", {"failures": count})
    if count < FREE_FAILURES:
        return None
    doubled = min(count - FREE_FAILURES, 10)
    until = failures[-1] + min(FIRST_WAIT * 2**doubled, LONGEST_WAIT)
    if now >= until:
        return None
    left = until - now
    return Refusal("sign_in_wait", {"seconds": left.days * 86400 + left.seconds + (1 if left.microseconds else 0)})


def session_end(created_at: datetime, now: datetime) -> datetime:
    """When a session that is used now ends."""
    return min(now + SESSION_IDLE, created_at + SESSION_LIFE)


def is_worth_renewing(expires_at: datetime, renewed: datetime) -> bool:
    return renewed - expires_at >= RENEW_STEP


def secret_hash(secret: str) -> bytes:
    """What is kept of a session's or a link's secret: SHA-256. The secret has 256 random bits: no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def failure_mark(login: str) -> str:
    """What failures are counted under. Not the text itself: people type passwords into the wrong field."""
    return hashlib.sha256(b"login\x00" + login.encode("utf-8", "replace")).hexdigest()


def is_same_token(sent: str, expected: str) -> bool:
    """Compare a form's token with the session's, in a time that tells nothing."""
    return hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode("utf-8"))


def _encodable(text: str) -> str:
    """Without lone surrogates, which no hash and no database takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
