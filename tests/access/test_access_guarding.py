"""Forms, waits and lives, by hand-made figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jitsuri.access.rules.guarding import (
    failure_mark,
    is_same_token,
    login_fault,
    login_form,
    password_fault,
    password_form,
    secret_hash,
    session_end,
    wait_after,
)
from jitsuri.terms.outcomes import Refusal

NOW = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "wait"),
    [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (8, 240), (9, 480), (10, 900), (11, 900), (99, 900)],
)
def test_waits_grow_after_the_fifth_failure(failures: int, wait: int) -> None:
    times = [NOW - timedelta(hours=5)] * (failures - 1) + [NOW] * min(failures, 1)
    if wait == 0:
        assert wait_after(times, NOW) is None
        return
    assert wait_after(times, NOW) == Refusal("sign_in_wait", {"seconds": wait})
    assert wait_after(times, NOW + timedelta(seconds=wait, microseconds=-1)) == Refusal("sign_in_wait", {"seconds": 1})
    assert wait_after(times, NOW + timedelta(seconds=wait)) is None


def test_after_a_hundred_failures_no_wait_helps() -> None:
    assert wait_after([NOW] * 100, NOW + timedelta(days=30)) == Refusal("sign_in_blocked", {"failures": 100})


def test_a_session_ends_twelve_hours_after_use_and_after_a_week_at_the_latest() -> None:
    assert session_end(NOW, NOW) == NOW + timedelta(hours=12)
    assert session_end(NOW, NOW + timedelta(days=6)) == NOW + timedelta(days=6, hours=12)
    assert session_end(NOW, NOW + timedelta(days=6, hours=20)) == NOW + timedelta(days=7)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short-pass1", "password_short"),
        ("x" * 129, "password_long"),
        ("abcdabcdabcd", "password_simple"),
        ("AOKI-likes-cats-7", "password_names_you"),
        ("正しい馬の電池の釘十二字", None),
        ("tone brook nine", None),
    ],
)
def test_passwords(password: str, code: str | None) -> None:
    fault = password_fault(password, "aoki@example.jp")
    assert (fault.code if fault else None) == code


def test_full_width_input_gives_the_same_password_and_login() -> None:
    assert password_form("ａｂｃ　１２３") == "abc 123"
    assert login_form(" Ａoki@Example.JP ") == "aoki@example.jp"


@pytest.mark.parametrize("login", ["", "a b", "a\x00b", "a\nb", "x" * 255])
def test_what_is_no_login(login: str) -> None:
    fault = login_fault(login)
    assert fault is not None
    assert fault.code == "login_invalid"


def test_what_is_kept_of_a_secret_and_of_a_failed_login_is_not_the_text() -> None:
    assert secret_hash("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    mark = failure_mark("my-password-in-the-wrong-field")
    assert "my-password" not in mark
    assert mark != failure_mark("aoki@example.jp")


def test_tokens_are_compared_whole() -> None:
    assert is_same_token("t0ken", "t0ken")
    assert not is_same_token("t0ke", "t0ken")
    assert not is_same_token("\ud800", "t0ken")
