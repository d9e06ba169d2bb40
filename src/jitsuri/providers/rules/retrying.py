"""What to do after a failed attempt: ask the same upstream again, go on to the next, or give up.

The rule behind the table (decision 0019): the same upstream is asked again only where it did not take the request on –
it refused before working (429, 503, 529, 408) or never had it. After anything that may have been worked on, asking again
there could be paid twice for one answer; the fall-back may still be asked, because the caller waits for an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from jitsuri.providers.shapes import Said, Upstream
from jitsuri.terms.errors import UpstreamError

BASE_S: Final = 0.5
"""Upper end of the first wait in seconds; doubled each time. The vendors' own Python libraries begin with it too."""

CAP_S: Final = 8.0
"""Longest wait that we choose ourselves, in seconds; the vendors' own Python libraries end with it too."""

LONGEST_ASKED_S: Final = 20.0
"""Longest wait that an upstream may ask for (``Retry-After``, RFC 9110 §10.2.3), in seconds: a caller still waits for it,
while its budget is held. What asks for longer is not asked again."""

LONGEST_WITH_NEXT_S: Final = 2.0
"""The same where another upstream could answer instead: longer than this and going on is the faster way."""

SPREAD: Final = 0.1
"""A wait asked for is lengthened by up to this share, so that those refused at once do not return at once."""

Whom = Literal["caller", "operator", "upstream"]
"""Who can mend it: the one who asked, the keeper of the installation, or nobody here."""

Outcome = Literal["answered", "failed", "neutral"]
"""What an attempt says about an upstream's health (``live.Breakers``): ``neutral`` is no sign of it either way."""


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the same upstream again after so many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Onwards:
    """Ask the next upstream, if there is one; ``whom`` is told when there is none, the operator in any case."""

    whom: Whom = "upstream"


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Another attempt would end the same way."""

    whom: Whom


Step = Again | Onwards | GiveUp

_NOT_TAKEN: Final = frozenset({408, 425, 429, 503, 529})
"""Refused before being worked on: RFC 9110 §15.5.9 and §15.6.4, RFC 6585 §4, RFC 8470 §5.2; 529 is Anthropic's
"overloaded"."""

_OPERATORS: Final = frozenset({401, 403, 404, 405, 407, 410, 426})
"""Key, rights, address or model name are wrong: the keeper of the installation set them."""

_NOT_THERE: Final = frozenset({404, 405, 410})
"""What the request names, or how it asks for it, is not there (RFC 9110 §15.5.5, §15.5.6, §15.5.11)."""

_UNPAID: Final = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active"})
"""Words of vendors for money that has run out: no waiting helps. Source: OpenAI's and Anthropic's lists of errors."""

_FOR_OPERATOR: Final = frozenset({"upstream_tls", "upstream_proxy"})
_FINAL: Final = frozenset({"upstream_redirected", "upstream_too_large"})
_OURS: Final = frozenset({"upstream_full", "upstream_too_large"})
"""Limits of our own, which say nothing about the upstream."""


def next_step(
    failure: Said | UpstreamError,
    tries: int,
    upstream: Upstream,
    chance: float,
    *,
    has_begun: bool = False,
    has_next: bool = False,
) -> Step:
    """What follows from a failed attempt.

    ``tries`` counts the requests that this upstream has had for this call, 1 after the first. ``chance`` is uniform in
    [0, 1). ``has_begun``: the caller has had its first byte, so nothing can be asked again. ``has_next``: another
    upstream is there to go on to.
    """
    if has_begun:
        return GiveUp("upstream")
    has_tries = tries <= upstream.retries
    if isinstance(failure, UpstreamError):
        return _after_error(failure, tries, chance, has_tries=has_tries)
    return _after_refusal(failure, tries, chance, has_tries=has_tries, has_next=has_next)


def backoff_s(tries: int, chance: float) -> float:
    """Seconds to wait after so many tries: anything from nothing to twice the last upper end ("full jitter").

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015: of the ways compared there, full
    jitter needed the fewest calls.
    """
    return chance * min(CAP_S, BASE_S * 2.0 ** min(max(tries, 1) - 1, 16))


def outcome_of(failure: Said | UpstreamError) -> Outcome:
    """What a failed attempt says about the upstream's health.

    A refusal of the request, of the key or for want of money comes from an upstream that is well.
    """
    if isinstance(failure, UpstreamError):
        return "neutral" if failure.code in _OURS else "failed"
    if failure.status >= 500 or failure.status in (200, 408):
        return "failed"
    return "neutral" if failure.status in (425, 429) else "answered"


def refuses_request(status: int, code: str, *, is_named_by_caller: bool) -> bool:
    """Whether an upstream that answers with this status, and this code of its own, refused the request as its caller wrote it.

    Not where it refused before working on it, and not where the keeper of the installation must mend something: key, rights,
    money, address. What is not there (404) is the caller's if an API said so and not just any server (``code`` is then a
    word of its own), and if it was the caller who named it: not a task's variant.
    """
    if not 400 <= status < 500 or status in _NOT_TAKEN or status == 402 or code in _UNPAID:
        return False
    if status in _NOT_THERE:
        return is_named_by_caller and bool(code) and code != f"http_{status}"
    return status not in _OPERATORS


def _after_error(error: UpstreamError, tries: int, chance: float, *, has_tries: bool) -> Step:
    if error.code in _FINAL:
        return GiveUp("operator")
    if error.code in _FOR_OPERATOR:
        return Onwards("operator")
    if error.is_retryable and has_tries and error.code not in _OURS:
        return Again(backoff_s(tries, chance))
    return Onwards()


def _after_refusal(said: Said, tries: int, chance: float, *, has_tries: bool, has_next: bool) -> Step:
    if said.code in _UNPAID or said.status == 402:
        return Onwards("operator")
    if said.status in _NOT_TAKEN:
        return _waited(said, tries, chance, has_tries=has_tries, has_next=has_next)
    if said.status >= 500 or said.status < 300:
        return Onwards()
    if said.status in _OPERATORS or said.status < 400:
        return GiveUp("operator")
    return GiveUp("caller")


def _waited(said: Said, tries: int, chance: float, *, has_tries: bool, has_next: bool) -> Step:
    if not has_tries:
        return Onwards()
    if said.retry_after_s is None:
        return Again(backoff_s(tries, chance))
    if said.retry_after_s > (LONGEST_WITH_NEXT_S if has_next else LONGEST_ASKED_S):
        return Onwards()
    asked_s = max(0.0, said.retry_after_s)
    return Again(asked_s + chance * SPREAD * max(asked_s, BASE_S))
