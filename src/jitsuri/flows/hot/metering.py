"""How the end of an attempt is counted: by whom it was brought about."""

from __future__ import annotations

from jitsuri.calls.shapes import AttemptOutcome, Status
from jitsuri.providers.rules.retrying import refuses_request

CALLER_GONE = "caller_gone"
"""The caller hung up while its request was with an upstream."""
NOT_ASKED = "not_asked"
"""The caller hung up before an upstream was asked."""
GATEWAY_FAILED = "gateway_failed"
"""The gateway itself failed over the call."""
LEDGER_AWAY = "ledger_away"
"""The code of a wait for the ledger that took too long, and of calls that come while it is away."""


def metered(status: Status, http_status: int | None, code: str, *, is_named_by_caller: bool) -> AttemptOutcome:
    """The outcome that meters keep of an attempt that is booked with this status and code.

    ``http_status`` is the upstream's, None where it did not answer; ``is_named_by_caller``: the model or the path was the
    caller's choice.
    """
    if http_status is None:
        if code in (CALLER_GONE, NOT_ASKED):
            return "caller_gone"
        if code in (GATEWAY_FAILED, LEDGER_AWAY):
            return "gateway_error"
    elif status == "error" and refuses_request(http_status, code, is_named_by_caller=is_named_by_caller):
        return "caller_error"
    return status
