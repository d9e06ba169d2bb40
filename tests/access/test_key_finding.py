"""The gateway's snapshot of keys: what it finds, what it says, how fast it is, and that it holds no secret."""

from __future__ import annotations

import timeit
from datetime import timedelta

import pytest
from key_parts import NOW, behind, secrets

from jitsuri.access.live.keys import Keys
from jitsuri.access.shapes import Key
from jitsuri.terms.outcomes import Refusal

ONE, TWO, GONE, PAST = secrets(1), secrets(2), secrets(3), secrets(4)


def snapshot() -> Keys:
    return Keys(
        dict([
            behind(ONE, name="one"), behind(TWO, name="two"), behind(GONE, is_revoked=True),
            behind(PAST, ends_at=NOW, expires_at=NOW),
        ])
    )  # fmt: skip


def told(keys: Keys, authorization: str | None, x_api_key: str | None = None) -> str:
    """The name of the key that is found, or the code of the refusal."""
    came = keys.find(
        authorization.encode() if authorization is not None else None,
        x_api_key.encode() if x_api_key is not None else None,
        NOW,
    )
    return came.name if isinstance(came, Key) else came.code


def test_a_key_is_found_by_either_header() -> None:
    keys = snapshot()

    assert told(keys, f"Bearer {ONE}") == "one"
    assert told(keys, f"bearer  {ONE}") == "one"
    assert told(keys, None, ONE) == "one"
    assert told(keys, None, f" {ONE} ") == "one"
    assert told(keys, f"Bearer {ONE}", TWO) == "one"
    assert told(keys, "Bearer sk-somebody-elses-key-of-the-same-kind-and-52-characters", TWO) == "two"
    assert told(keys, "Basic amtfYQ==", TWO) == "two"


def test_what_does_not_hold_is_refused_with_its_reason() -> None:
    keys = snapshot()

    assert told(keys, None) == "key_missing"
    assert told(keys, "", "") == "key_missing"
    assert told(keys, f"Bearer {GONE}") == "key_revoked"
    assert told(keys, f"Bearer {PAST}") == "key_expired"
    assert told(keys, f"Bearer {secrets(9)}") == "key_unknown"
    assert told(keys, f"Bearer {ONE[:-1]}") == "key_malformed"
    assert told(keys, f"Bearer {ONE}x") == "key_malformed"
    assert told(keys, None, "jk_" + "あ" * 20) == "key_malformed"
    assert told(Keys(), f"Bearer {ONE}") == "key_unknown"


def test_a_revoked_bearer_does_not_pass_by_a_good_key_beside_it() -> None:
    assert told(snapshot(), f"Bearer {GONE}", ONE) == "key_revoked"


def test_the_replaced_snapshot_holds_at_once() -> None:
    keys = snapshot()

    keys.replace(dict([behind(ONE, is_revoked=True)]))

    assert told(keys, f"Bearer {ONE}") == "key_revoked"
    assert told(keys, f"Bearer {TWO}") == "key_unknown"


def test_expiry_is_judged_by_the_clock_handed_in() -> None:
    keys, header = snapshot(), f"Bearer {ONE}".encode()

    assert isinstance(keys.find(header, None, NOW), Key)
    later = keys.find(header, None, NOW + timedelta(days=90))
    assert isinstance(later, Refusal)
    assert later.code == "key_expired"
    assert isinstance(keys.find(header, None, NOW + timedelta(days=1)), Key)


def test_nothing_that_is_held_tells_a_secret() -> None:
    keys = snapshot()
    found = keys.find(f"Bearer {ONE}".encode(), None, NOW)

    for value in (keys, vars(keys), found):
        assert ONE[3:-4] not in repr(value)


@pytest.mark.quiet
def test_finding_takes_microseconds() -> None:
    """A bound that catches a slow way in; the figure is told in decision 0021."""
    keys, header = snapshot(), f"Bearer {ONE}".encode()

    seconds = min(timeit.repeat(lambda: keys.find(header, None, NOW), number=2_000, repeat=20)) / 2_000

    assert seconds < 8e-6
