"""The command approval: a person is named, the act is kept as one by command, and refusals have their sentences."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from test_key import run as run_at

from jitsuri.cli.approval import approval
from jitsuri.cli.main import COMMANDS
from jitsuri.flows.cold.admitting import deactivate
from jitsuri.flows.cold.approving import Acting, appoint_deputy
from jitsuri.store.door import Store
from jitsuri.terms.period import company_day
from jitsuri.words import LANGUAGES, has_text

sys.path.insert(0, str(Path(__file__).parents[1] / "pages"))

from approval_parts import House


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def given(house: House, *words: str) -> Any:
    result = run_at(house.store, *words, "--json", group=approval)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(house: House, *words: str) -> str:
    result = run_at(house.store, *words, "--json", group=approval)
    assert result.exit_code == 2, result.output
    return str(json.loads(result.stdout)["refused"][0]["code"])


def test_from_the_draft_to_the_approval(house: House) -> None:
    one = ("certificate", house.number)
    given(house, "submit", *one, "--login", "baba", "--code", house.code)
    given(house, "review", *one, "--login", "chiba")
    told = given(house, "decide", *one, "--login", "doi", "--approve", "--reason", "見合う")

    assert (told["state"], told["next"], told["one_hand"]) == ("approved", None, False)
    assert [(act["login"], act["door"]) for act in told["acts"]] == [
        ("baba", "shell"),
        ("chiba", "shell"),
        ("doi", "shell"),
    ]
    assert [facts["door"] for _, _, facts in house.acts()] == ["shell"] * 3
    assert given(house, "list") == []
    assert [line["subject"] for line in given(house, "list", "--all")] == [house.number]


def test_return_withdrawal_rejection_and_a_deputy(house: House) -> None:
    one, today = ("certificate", house.number), company_day(house.now)
    appoint_deputy(house.store, house.now, Acting("chiba", "console"), "fuji", first=today, last=today, reason="出張")
    states = [
        given(house, *words)["state"]
        for words in (
            ("submit", *one, "--login", "baba"), ("return", *one, "--login", "chiba", "--reason", "期間を"),
            ("submit", *one, "--login", "baba"), ("withdraw", *one, "--login", "baba", "--reason", "直す"),
            ("submit", *one, "--login", "baba"), ("review", *one, "--login", "fuji", "--for", "chiba"),
            ("decide", *one, "--login", "doi", "--reject", "--reason", "来期に"),
        )
    ]  # fmt: skip

    assert states == ["in_review", "returned", "in_review", "withdrawn", "in_review", "in_decision", "rejected"]
    assert given(house, "show", *one)["acts"][5]["for"] == "chiba"


def test_refusals_are_those_of_the_route(house: House) -> None:
    one = ("certificate", house.number)
    assert refused(house, "submit", *one, "--login", "chiba") == "approval_not_yours"
    assert refused(house, "submit", *one, "--login", "baba", "--code", "x") == "approval_document_changed"
    assert refused(house, "show", "certificate", "JR-2026-0099") == "approval_document_unknown"
    assert refused(house, "submit", *one, "--login", "nobody") == "person_unknown"
    given(house, "submit", *one, "--login", "doi")
    assert refused(house, "review", *one, "--login", "doi") == "approval_own_draft"
    assert refused(house, "decide", *one, "--login", "aoki", "--approve", "--reason", "x") == "approval_not_now"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_people_read_sentences(house: House, lang: str) -> None:
    one = ("certificate", house.number)
    assert run_at(house.store, "list", group=approval, lang=lang).exit_code == 0
    done = run_at(house.store, "submit", *one, "--login", "baba", "--reason", "十月", group=approval, lang=lang)
    shown = run_at(house.store, "show", *one, group=approval, lang=lang)
    listed = run_at(house.store, "list", group=approval, lang=lang)

    assert (done.exit_code, shown.exit_code, listed.exit_code) == (0, 0, 0)
    assert all("baba 一郎" in result.output for result in (done, shown))
    assert "十月" in shown.output
    assert house.number in listed.output


def test_every_command_and_option_has_its_help() -> None:
    assert COMMANDS["approval"] == "jitsuri.cli.approval:approval"
    for name, command in approval.commands.items():
        assert has_text(f"cli.approval.{name}.help")
        options = [one.name for one in command.params if one.param_type_name == "option"]
        assert [one for one in options if not has_text(f"cli.approval.{name}.{one}")] == []


# -- deputies


def named(house: House, *words: str) -> Any:
    today = company_day(house.now).isoformat()
    return given(house, "deputy", "add", "--login", "chiba", "--deputy", "baba", "--last", today, *words)


def test_a_deputy_is_named_listed_and_ended(house: House) -> None:
    told = named(house, "--reason", "出張")
    today = company_day(house.now).isoformat()

    assert (told["principal"], told["deputy"], told["first"], told["last"], told["state"], told["idle"]) == (
        "chiba", "baba", today, today, "now", "",
    )  # fmt: skip
    assert given(house, "deputy", "list") == [told]
    assert refused(house, "deputy", "end", told["deputy_id"], "--login", "doi", "--reason", "x") == "deputy_not_yours"
    ended = given(house, "deputy", "end", told["deputy_id"], "--login", "CHIBA", "--reason", "早く戻った")
    assert (ended["state"], ended["ended_early"], ended["reason"]) == ("over", True, "早く戻った")
    assert given(house, "deputy", "list") == []
    assert given(house, "deputy", "list", "--all") == [ended]
    assert [(actor, act, facts["door"]) for actor, act, facts in house.acts()] == [
        ("chiba", "deputy_named", "shell"), ("chiba", "deputy_ended", "shell"),
    ]  # fmt: skip


def test_a_deputy_that_cannot_be_is_refused(house: House) -> None:
    today = company_day(house.now)
    asked = ("deputy", "add", "--login", "chiba", "--reason", "出張", "--last")

    assert refused(house, *asked, today.isoformat(), "--deputy", "ema") == "deputy_unfit"  # an auditor
    assert refused(house, *asked, today.isoformat(), "--deputy", "chiba") == "deputy_self"
    assert refused(house, *asked, "tomorrow", "--deputy", "baba") == "deputy_span_invalid"
    assert refused(house, *asked, "2027-12-31", "--deputy", "baba") == "deputy_span_long"
    assert refused(house, "deputy", "end", "0" * 32, "--login", "chiba", "--reason", "x") == "deputy_absent"
    named(house, "--reason", "出張")
    assert refused(house, *asked, today.isoformat(), "--deputy", "baba") == "deputy_twice"


@pytest.mark.parametrize(("login", "idle"), [("baba", "deputy_left"), ("chiba", "principal_left")])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_has_left_is_not_listed_as_acting(house: House, login: str, idle: str, lang: str) -> None:
    named(house, "--reason", "出張")
    deactivate(house.store, house.now, "aoki", house.people[login].person_id)

    assert [(one["state"], one["idle"]) for one in given(house, "deputy", "list")] == [("now", idle)]
    shown = run_at(house.store, "deputy", "list", group=approval, lang=lang)
    assert shown.exit_code == 0
    one = ("certificate", house.number)
    given(house, "submit", *one, "--login", "doi")
    assert not any(way["for"] for way in given(house, "show", *one)["waits_for"])
