"""Streamed texts: whatever the pieces, what is shown is what a scan of the whole text leaves."""

from __future__ import annotations

import os
import time

import pytest
from streaming_parts import KNOWN, MARKS, STRUCTURED, Writer, held, mask, scan

from jitsuri.guardrails.rules.holding_back import HeldText
from jitsuri.guardrails.rules.opening import HOLD
from jitsuri.guardrails.rules.pseudonyms import Pseudonyms
from jitsuri.guardrails.shapes import Action, Finding

CASES = int(os.environ.get("JITSURI_STREAM_CASES", "250"))


def whole(text: str, judge: HeldText) -> str:
    changes = judge.whole(text)
    return "".join(text[start:end] if put is None else put for start, end, put in changes)


@pytest.mark.property
def test_for_every_chunking_the_streamed_text_is_that_of_the_whole() -> None:
    writer = Writer(7)
    for number in range(CASES):
        text = writer.text()
        at_once = held()
        wanted = whole(text, at_once)
        judge = held()
        got = "".join(map(judge.feed, writer.pieces(text))) + judge.flush()
        assert got == wanted, number
        assert judge.found == at_once.found


@pytest.mark.property
def test_with_pauses_no_structured_value_is_shown() -> None:
    writer = Writer(8)
    for number in range(CASES // 2):
        text = writer.text()
        values = [text[one.start : one.end] for one in scan(text) if one.type in STRUCTURED]
        wanted = whole(text, held())
        judge = held()
        got = ""
        for piece in writer.pieces(text):
            got += judge.feed(piece)
            if writer.chance.random() < 0.3:
                got += judge.pause()
        got += judge.flush()
        assert [one for one in values if got.count(one) > wanted.count(one)] == [], number


@pytest.mark.property
def test_of_what_is_shown_never_more_than_64_characters_are_held() -> None:
    writer = Writer(9)
    for _ in range(40):
        text = "".join(
            one
            for one in (
                writer.chance.choice(
                    ("会議の資料を、", "確認しました。", "the plan is ready ", "第3回の合計は12,500円です")
                )
                for _ in range(40)
            )
        )
        judge = held()
        for letter in text:
            judge.feed(letter)
            assert judge.held <= HOLD


def test_a_sentence_goes_on_while_the_next_is_written() -> None:
    judge = held(None)
    assert judge.feed("ご確認のほど、どうぞよろしくお願い申し上げます。") == ""
    assert judge.feed("資料は来週の月曜日までにお送りいたします。") == ""
    assert judge.feed("以") == "ご確認のほど、どうぞよろしくお願い申し上げ"


def test_what_is_decided_goes_on_when_nothing_comes() -> None:
    judge = held(None)
    judge.feed("お電話は 090-1234-")
    assert judge.pause() == "お電話は"
    assert judge.feed("5678 まで") + judge.flush() == " [PHONE] まで"


@pytest.mark.parametrize("end", ["[", "[PERS", "[PERSON_48", "［ＰＥＲ", "&lt;PER", "PERSON_", r"\[PERSON\_4"])
def test_a_mark_that_may_go_on_waits_and_stays_when_it_does_not(end: str) -> None:
    judge = HeldText(None, mask, MARKS)
    assert judge.feed("担当は" + end) == "担当は"
    assert judge.flush() == end


def test_restored_values_are_never_masked() -> None:
    marks = Pseudonyms(b"k", {"[PHONE_1111]": "090-1234-5678"})
    judge = HeldText(scan, mask, marks)
    text = "電話は[PHONE_1111]、090-8765-4321です。"
    assert "".join(map(judge.feed, text)) + judge.flush() == "電話は090-1234-5678、[PHONE]です。"


def test_what_must_not_be_shown_ends_the_text_before_it() -> None:
    def block(finding: Finding, _value: str) -> Action | None:
        return "block" if finding.type == "CREDIT_CARD" else "observe"

    text = f"カード番号は {Writer(3).card()} です。電話は 090-1234-5678 です。"
    judge = HeldText(scan, block, None)
    shown = "".join(map(judge.feed, text + "以上です。" * 20))
    assert (shown, judge.blocked) == ("カード番号は ", True)
    assert judge.feed("まだ続く。" * 30) + judge.flush() == ""
    assert [action for _, action in judge.acted] == ["block"]


def test_observed_values_are_shown_and_noted_once() -> None:
    judge = HeldText(scan, lambda _finding, _value: "observe", None)
    text = "電話は 090-1234-5678 です。" * 3
    assert "".join(map(judge.feed, text)) + judge.flush() == text
    phones = [finding for finding, _ in judge.acted if finding.type == "PHONE"]
    assert [text[one.start : one.end] for one in phones] == ["090-1234-5678"] * 3


@pytest.mark.slow
def test_a_long_answer_takes_linear_time_and_bounded_memory() -> None:
    texts = (
        "会議の資料を確認しました。",
        "4111 1111 1111 1112 ",
        "a" * 63 + "/",
        "-----BEGIN PRIVATE KEY-----\n",
        "[PERSON_48",
        "東京都",
    )

    def took(text: str, count: int) -> float:
        began = time.process_time()
        judge = HeldText(lambda _text: (), mask, MARKS)
        for _ in range(count):
            judge.feed(text)
            assert judge.held < 9000
        judge.flush()
        return time.process_time() - began

    for text in texts:
        few = took(text, 30_000 // len(text))
        assert took(text, 120_000 // len(text)) < 8 * few + 0.2, text


def test_known_values_have_their_marks() -> None:
    assert MARKS.entries == KNOWN
