"""What tests of checked calls share: policies that hold, numbers that are valid and stand nowhere, and what reached the stub."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from jitsuri.flows.cold.guarding.keeping import holding_for, retire_policy, set_policy
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.shapes import Policy, Rule, StoredPolicy
from jitsuri.store.door import Store

TASK = "inquiry-triage"
KNOWN = Checks().known()


def my_number(first: str = "12345678901") -> str:
    """A number whose check digit is right (総務省令第八十五号 of 2014, Art. 5), made when it is asked for."""
    digits = [int(sign) for sign in reversed(first)]
    total = sum(digit * (n + 1 if n <= 6 else n - 5) for n, digit in enumerate(digits, 1))
    rest = total % 11
    return first + str(0 if rest <= 1 else 11 - rest)


def card(first: str = "411111111111111") -> str:
    """A card number that passes Luhn."""
    for last in "0123456789":
        digits = [int(sign) for sign in reversed(first + last)]
        total = sum(d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits))
        if total % 10 == 0:
            return first + last
    raise AssertionError


def policy(*rules: Rule, task: str = TASK, **more: Any) -> Policy:
    return Policy(task, 0, rules, **more)


def holds(store: Store, wanted: Policy) -> StoredPolicy:
    """Let a policy hold; the gateway reads it a moment later."""
    came = set_policy(store, datetime.now(UTC), "owner", wanted, "a test", KNOWN)
    if not isinstance(came, StoredPolicy) and came[0].code == "guard_policy_unchanged":
        with store.reading() as tx:
            found = holding_for(tx, wanted.task)
        assert found is not None
        return found
    assert isinstance(came, StoredPolicy), came
    return came


def off(store: Store, task: str = TASK) -> None:
    came = retire_policy(store, datetime.now(UTC), "owner", task, "a test")
    assert isinstance(came, StoredPolicy), came


def sent(stub: Any) -> str:
    """The texts that reached the stub last."""
    return json.dumps(json.loads(stub.requests[-1].body), ensure_ascii=False)
