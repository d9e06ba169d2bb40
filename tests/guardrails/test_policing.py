"""What a policy may say, what it says about a finding, and what it is as a file."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.guardrails.live.policies import Policies
from jitsuri.guardrails.rules.checking import unsure
from jitsuri.guardrails.rules.coding import document_of, policy_from, policy_of, toml_of
from jitsuri.guardrails.rules.differing import differing
from jitsuri.guardrails.rules.policing import (
    BUILT_IN,
    action_of,
    is_exempt,
    outcome_of,
    policy_faults,
    ruled,
    strictest,
)
from jitsuri.guardrails.rules.presets import PRESETS, preset, recommended, strict
from jitsuri.guardrails.shapes import ACTIONS, CheckRan, Exemption, Finding, Policy, Rule, StoredPolicy
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, text

DAY = date(2026, 11, 27)
PHONE = Finding(0, 12, "PHONE", 0.9, "context", "phone")
NUMBER = Finding(0, 12, "MY_NUMBER", 0.9, "context", "my_number")


def policy(*rules: Rule, **more: Any) -> Policy:
    return Policy("triage", 3, rules or (Rule("phone", "mask", "observe"),), **more)


def exemption(**more: Any) -> Exemption:
    return replace(Exemption("phone", "03-1234-5678", "aoki@example.jp", DAY, "代表番号"), **more)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_sound(name: Any) -> None:
    assert policy_faults(preset(name, "*"), BUILT_IN, DAY) == []
    assert {rule.check for rule in preset(name, "*").rules} == set(BUILT_IN) - {"person_slow"}


def test_what_is_recommended() -> None:
    said = {rule.check: (rule.inward, rule.outward) for rule in recommended("*").rules}
    assert said["my_number"] == ("mask", "mask")
    assert said["secret"] == ("block", "mask")
    assert said["marking"] == ("on_premises", "observe")
    assert said["postal_code"] == said["corporate_number"] == ("observe", "observe")
    assert all(said[name] == ("pseudonymise", "observe") for name in ("person", "credit_card", "confidential_term"))


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        (policy(Rule("fone", "mask")), "guard_check_unknown", "rules[1].check"),
        (policy(Rule("phone", "mask"), Rule("phone", "observe")), "guard_check_twice", "rules[2].check"),
        (policy(Rule("phone", "mask", threshold=1.01)), "guard_threshold", "rules[1].threshold"),
        (policy(Rule("phone", "mask", threshold=math.nan)), "guard_threshold", "rules[1].threshold"),
        (policy(Rule("phone", None, None)), "guard_rule_idle", "rules[1].in"),
        (policy(Rule("phone", cast(Any, "hide"))), "guard_choice", "rules[1].in"),
        (policy(Rule("phone", "mask", cast(Any, "hide"))), "guard_choice", "rules[1].out"),
        (policy(Rule("phone", "mask", "pseudonymise")), "guard_outward", "rules[1].out"),
        (policy(Rule("phone", "mask", "on_premises")), "guard_outward", "rules[1].out"),
        (policy(Rule("phone", "mask", on_failure=cast(Any, "ajar"))), "guard_choice", "rules[1].on_failure"),
        (policy(Rule("my_number", "pseudonymise")), "guard_my_number", "rules[1].in"),
        (Policy("triage", 0, ()), "guard_rules_none", "rules"),
        (policy(exemptions=(exemption(check="email"),)), "guard_exemption_check", "exemptions[1].check"),
        (policy(exemptions=(exemption(owner=" "),)), "guard_exemption_owner", "exemptions[1].owner"),
        (policy(exemptions=(exemption(reason=""),)), "guard_exemption_reason", "exemptions[1].reason"),
        (policy(exemptions=(exemption(expires_on=DAY - timedelta(1)),)), "guard_exemption_expired", "exemptions[1].expires_on"),
        (policy(exemptions=(exemption(expires_on=DAY + timedelta(367)),)), "guard_exemption_long", "exemptions[1].expires_on"),
        (policy(exemptions=(exemption(value="　"),)), "guard_exemption_blank", "exemptions[1].value"),
        (policy(exemptions=(exemption(value="1" * 201),)), "guard_too_long", "exemptions[1].value"),
        (policy(terms=("極",)), "guard_too_short", "terms[1]"),
        (policy(terms=("極秘計画", "長" * 65)), "guard_too_long", "terms[2]"),
        (policy(employee_patterns=("AAA",)), "guard_pattern", "employee_patterns[1]"),
        (policy(customer_patterns=("99",)), "guard_pattern", "customer_patterns[1]"),
        (policy(on_premises=cast(Any, "never")), "guard_choice", "on_premises"),
        (policy(timeout_ms=49), "guard_timeout", "timeout_ms"),
    ],
)  # fmt: skip
def test_what_a_policy_may_not_say(changed: Policy, code: str, field: str) -> None:
    faults = policy_faults(changed, BUILT_IN, DAY)
    assert [(one.code, one.facts["field"]) for one in faults] == [(code, field)]
    assert all(
        str(one.facts["field"]) in text(f"refusal.{one.code}", lang, **one.facts)
        for one in faults
        for lang in LANGUAGES
    )


def test_no_fault_tells_an_exempt_value() -> None:
    secret = "山田太郎" * 60
    faults = policy_faults(policy(exemptions=(exemption(value=secret, owner="", check="email"),)), BUILT_IN, DAY)
    assert len(faults) == 3
    assert "山田" not in repr(faults)


def test_my_number_comes_back_only_where_the_policy_says_so() -> None:
    said = policy(Rule("my_number", "pseudonymise"))
    assert ruled(said, NUMBER, "in") == "mask"
    assert ruled(replace(said, restores_my_number=True), NUMBER, "in") == "pseudonymise"
    assert policy_faults(replace(said, restores_my_number=True), BUILT_IN, DAY) == []


def test_what_follows_from_a_finding() -> None:
    said = policy(Rule("phone", "pseudonymise", "observe", threshold=0.9))
    assert action_of(said, PHONE, "03", "in", DAY) == "pseudonymise"
    assert action_of(said, PHONE, "03", "out", DAY) == "observe"
    assert action_of(said, Finding(0, 1, "PHONE", 0.89, "", "phone"), "03", "in", DAY) is None
    assert action_of(said, NUMBER, "03", "in", DAY) is None
    assert action_of(said, PHONE, "03", "in", DAY, is_outside=False) == "observe"
    assert action_of(replace(said, on_premises="same"), PHONE, "03", "in", DAY, is_outside=False) == "pseudonymise"
    assert action_of(policy(Rule("phone", None, "block")), PHONE, "03", "in", DAY) is None


def test_exemptions_hold_to_their_last_day_and_for_their_value() -> None:
    one = policy(exemptions=(exemption(),))
    assert is_exempt(one, PHONE, "０３−１２３４‐５６７８", DAY)
    assert not is_exempt(one, PHONE, "03-1234-5678", DAY + timedelta(1))
    assert not is_exempt(one, PHONE, "03-1234-5679", DAY)
    assert not is_exempt(one, NUMBER, "03-1234-5678", DAY)
    assert action_of(one, PHONE, "03-1234-5678", "in", DAY) is None
    assert is_exempt(policy(exemptions=(exemption(value=""),)), PHONE, "anything", DAY)
    assert is_exempt(policy(exemptions=(exemption(value="Jitsuri KK"),)), PHONE, "ＪＩＴＳＵＲＩ kk", DAY)


def test_the_sternest_decides() -> None:
    assert strictest([]) is None
    assert strictest(["mask", None, "observe"]) == "mask"
    assert [strictest(ACTIONS[: n + 1]) for n in range(len(ACTIONS))] == list(ACTIONS)
    assert [outcome_of([one], is_failed=False) for one in ACTIONS] == [
        "observed",
        "altered",
        "altered",
        "kept_in",
        "blocked",
    ]
    assert outcome_of([], is_failed=False) == "clean"
    assert outcome_of(["mask", "on_premises"], is_failed=True) == outcome_of([], is_failed=True) == "failed"
    assert outcome_of(["block"], is_failed=True) == "blocked"


@pytest.mark.parametrize("state", ["failed", "timed_out", "skipped"])
def test_a_check_that_could_not_tell_is_no_pass(state: Any) -> None:
    ran = [CheckRan("email", "1", "ran"), CheckRan("phone", "1", state)]
    assert unsure(ran, policy()) == ("phone",)
    assert unsure(ran, policy(Rule("phone", "mask", on_failure="open"))) == ()
    assert unsure(ran, policy(Rule("email", "mask"))) == ("phone",)  # of no rule: nobody said that it may be open


_WORDS = st.text(max_size=30)
_POLICIES = st.builds(
    Policy,
    task=st.text(min_size=1, max_size=10), version=st.just(0),
    rules=st.lists(st.builds(Rule, check=_WORDS, inward=st.sampled_from([*ACTIONS, None]),
                             outward=st.sampled_from(["observe", "mask", "block", None]), threshold=st.floats(0, 1),
                             on_failure=st.sampled_from(["closed", "open"])), max_size=4).map(tuple),
    exemptions=st.lists(st.builds(Exemption, check=_WORDS, value=_WORDS, owner=_WORDS,
                                  expires_on=st.dates(date(2000, 1, 1)), reason=_WORDS), max_size=3).map(tuple),
    terms=st.lists(_WORDS, max_size=3).map(tuple), employee_patterns=st.lists(_WORDS, max_size=3).map(tuple),
    customer_patterns=st.lists(_WORDS, max_size=3).map(tuple), on_premises=st.sampled_from(["observe", "same"]),
    restores_my_number=st.booleans(), lets_media_pass=st.booleans(), timeout_ms=st.integers(0, 10**6),
)  # fmt: skip


@given(_POLICIES)
def test_a_policy_comes_back_from_its_file_and_its_document(one: Policy) -> None:
    assert policy_from(toml_of(one)) == one
    assert policy_of(one.task, 0, document_of(one)) == one
    assert differing(one, one) == []


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        ("rules = [", "guard_file_toml", ""),
        ('task = "a"\nrule = []', "guard_file_key", "rule"),
        ('task = "a"\nterms = [1]', "guard_file_kind", "terms[1]"),
        ('task = "a"\nrules = [1]', "guard_file_kind", "rules, exemptions"),
        ('task = "a"\n[[rules]]\nin = "mask"', "guard_file_missing", "rules[1].check"),
        ('task = "a"\n[[rules]]\ncheck = "phone"\nthreshold = true', "guard_file_kind", "rules[1].threshold"),
        ('task = "a"\n[[exemptions]]\ncheck = "phone"\nvalue = ""\nowner = "o"\nreason = "r"\nexpires_on = "2026-12-01"',
         "guard_file_kind", "exemptions[1].expires_on"),
        ("terms = []", "guard_file_missing", "task"),
    ],
)  # fmt: skip
def test_what_a_file_may_not_be(content: str, code: str, field: str) -> None:
    came = policy_from(content)
    assert isinstance(came, list)
    assert [(one.code, one.facts["field"]) for one in came] == [(code, field)]
    assert all(text(f"refusal.{one.code}", lang, **one.facts) for one in came for lang in LANGUAGES)


def test_a_file_of_another_task_is_refused() -> None:
    came = policy_from('task = "a"', "b")
    assert [one.code for one in cast("list[Refusal]", came)] == ["guard_file_other"]


def test_differences_say_what_is_milder_and_tell_no_exempt_value() -> None:
    old = policy(Rule("phone", "mask", "observe"), Rule("email", "mask"))
    new = replace(
        policy(Rule("phone", "pseudonymise", "mask", threshold=0.9, on_failure="open")), exemptions=(exemption(),),
        terms=("極秘計画",), restores_my_number=True,
    )  # fmt: skip
    found = {(one.code, one.what): one for one in differing(old, new)}
    assert {key: one.is_milder for key, one in found.items()} == {
        ("inward", "phone"): True, ("outward", "phone"): False, ("threshold", "phone"): True, ("on_failure", "phone"): True,
        ("check_gone", "email"): True, ("exemption_added", "phone"): True, ("terms", ""): False,
        ("restores_my_number", ""): True,
    }  # fmt: skip
    assert "1234" not in repr(found)
    assert [one.code for one in differing(None, new)] == ["began"]
    assert all(
        text(f"guard_change.{one.code}", lang, what="x", before="x", after="x")
        for one in found.values()
        for lang in LANGUAGES
    )


def test_strict_is_nowhere_milder_than_recommended() -> None:
    assert [one for one in differing(recommended("*"), strict("*")) if one.is_milder] == []


def test_the_policy_of_everything_holds_where_a_task_has_none() -> None:
    def stored(task: str, *, is_active: bool = True) -> StoredPolicy:
        return StoredPolicy(replace(policy(), task=task), cast(Any, None), "", "", is_active)

    held = Policies({"*": stored("*"), "own": stored("own"), "off": stored("off", is_active=False)})
    told = {name: found.task if (found := held.of(name)) else None for name in ("own", "off", "other", "", "*")}
    assert told == {"own": "own", "off": None, "other": "*", "": "*", "*": "*"}
    held.replace({"own": stored("own")})
    assert held.of("other") is None
    assert held.of("") is None
    assert [one.task for one in held.everything()] == ["own"]
    assert held.number == 1
