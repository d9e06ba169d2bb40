"""Own checks are found by their entry points, and told when they cannot be."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_check_parts import PART_NUMBER, install

from jitsuri import words
from jitsuri.guardrails.live.checks import BUILT_IN, SLOW, Checks
from jitsuri.guardrails.shapes import Policy, Rule
from jitsuri.guardrails.wire.plugging_in import own_checks


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]
    importlib.invalidate_caches()


def policy(*names: str, outward: bool = False) -> Policy:
    return Policy("quote", 1, tuple(Rule(name, "mask", "mask" if outward else None) for name in names))


def test_an_installed_check_is_known_and_runs(site: Path) -> None:
    install(site, "our-checks", {"part_number": "own_part:PartNumber"}, {"own_part": PART_NUMBER})
    checks = Checks()

    assert checks.known()["part_number"] == ("PART_NUMBER",)
    assert checks.versions()["part_number"] == "1"
    assert [one.source for one in checks.own()] == ["our-checks 1.2 (own_part:PartNumber)"]
    scanned = checks.scanner(policy("part_number"), "in").scan("部品ＺＸ－１２３４を")
    assert [(one.start, one.end, one.check) for one in scanned.findings] == [(2, 9, "part_number")]
    assert scanned.is_whole
    assert "part_number" in {one.check for one in checks.everything().scan("").ran}
    assert not checks.is_quick(policy("part_number"), "in")


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("import nothing_of_this_name", "own_check_not_imported"),
        ("raise SystemError('no')", "own_check_not_imported"),
        ("PartNumber = 5", "own_check_not_imported"),
        (PART_NUMBER.replace('"part_number"\n', '"other"\n', 1), "own_check_malformed"),
        (PART_NUMBER.replace('("PART_NUMBER",)', '["PART_NUMBER"]'), "own_check_malformed"),
        (PART_NUMBER.replace('version = "1"', "version = 1"), "own_check_malformed"),
    ],
)
def test_a_check_that_cannot_be_opened_is_failed_and_told(site: Path, module: str, code: str) -> None:
    install(site, "our-checks", {"part_number": "own_part:PartNumber"}, {"own_part": module})
    checks = Checks()

    assert checks.known()["part_number"] == ()
    assert [one.code for one in checks.problems()] == [code]
    for language in words.LANGUAGES:
        told = words.text(f"refusal.{code}", language, **checks.problems()[0].facts)
        assert "our-checks 1.2" in told
    scanned = checks.scanner(policy("part_number", "phone"), "in").scan("03-1234-5678")
    assert not scanned.is_whole
    assert {one.check: one.state for one in scanned.ran} == {"phone": "ran", "part_number": "failed"}


def test_names_that_clash_are_refused(site: Path) -> None:
    install(
        site, "ours", {"part_number": "own_one:PartNumber", "phone": "own_one:PartNumber"}, {"own_one": PART_NUMBER}
    )
    install(site, "theirs", {"part_number": "own_two:PartNumber"}, {"own_two": PART_NUMBER})
    checks = Checks()

    assert sorted(one.facts["name"] for one in checks.problems()) == ["part_number", "part_number", "phone"]
    assert {one.code for one in checks.problems()} == {"own_check_name_taken"}
    assert checks.known()["phone"] == ("PHONE",)
    ran = checks.scanner(policy("part_number", "phone"), "in").scan("").ran
    assert {one.check: one.state for one in ran} == {"phone": "ran", "part_number": "failed"}


def test_what_is_not_here_is_told_in_every_result() -> None:
    checks = Checks(own=tuple)
    wanted = policy("secret", *SLOW, "gone", outward=True)

    for direction in ("in", "out"):
        ran = {one.check: one.state for one in checks.scanner(wanted, direction).scan("x").ran}  # type: ignore[arg-type]
        assert ran["secret"] == "ran"
        assert ran["gone"] == "failed"
        assert all(ran[name] in ("ran", "skipped") for name in SLOW)
    assert own_checks(points=()) == ()


def test_the_scanner_of_a_policy_is_made_once_and_per_direction() -> None:
    checks = Checks(own=tuple)
    one, other = policy("secret", "phone"), policy("secret", "phone")

    assert checks.scanner(one, "in") is checks.scanner(one, "in")
    assert checks.scanner(one, "in") is not checks.scanner(other, "in")
    assert checks.scanner(one, "out").checks == ()
    assert checks.is_quick(one, "in")
    assert not checks.is_quick(policy("secret", "person_slow"), "in")
    assert checks.is_quick(policy("person_slow"), "out")
    assert set(checks.known()) == set(BUILT_IN)


def test_terms_and_patterns_are_those_of_the_policy() -> None:
    checks = Checks(own=tuple)
    rules = (Rule("confidential_term", "mask"), Rule("employee_id", "mask"))
    one = Policy("a", 1, rules, terms=("極光計画",), employee_patterns=("A9999-99",))
    other = Policy("a", 2, rules, terms=("黎明計画",))
    text = "極光計画はB1234-56さんの案です。"

    assert [find.type for find in checks.scanner(one, "in").scan(text).findings] == ["CONFIDENTIAL_TERM", "EMPLOYEE_ID"]
    assert checks.scanner(other, "in").scan(text).findings == ()
