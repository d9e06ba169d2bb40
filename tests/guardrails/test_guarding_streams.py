"""Streams that are altered while they pass, gathered by the vendors' own helpers, beside whole answers that are altered at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from streaming_parts import MARKS, Writer, held, mask, scan

sys.path.append(str(Path(__file__).parents[1] / "providers"))

from dialect_parts import (
    DONE,
    anthropic_text_stream,
    chunk,
    completion_of,
    event,
    finished,
    message_of,
    openai_text_stream,
    started,
    text_block,
    thought_block,
    tool_block,
)

from jitsuri.flows.hot.guarding_answers import alter_answer
from jitsuri.flows.hot.guarding_streams import GuardedStream
from jitsuri.guardrails.rules.holding_back import HeldText
from jitsuri.guardrails.shapes import Action, Finding
from jitsuri.providers.rules.ending import Cut, end_of_stream
from jitsuri.providers.rules.eventing import Events
from jitsuri.providers.rules.reading import StreamReader
from jitsuri.providers.shapes import Dialect

SAID = "担当は[PERSON_4821]様、電話は 090-1234-5678 です。よろしくお願いいたします。資料は来週お送りします。"
SHOWN = "担当は鷲尾 太郎様、電話は [PHONE] です。よろしくお願いいたします。資料は来週お送りします。"
PLAIN = "会議の資料を確認しました。来週までにお送りします。どうぞよろしくお願い申し上げます。以上でございます。"


def guarded(dialect: Dialect, stream: bytes, cut: int = 0, **more: Any) -> tuple[bytes, GuardedStream]:
    guard = GuardedStream(dialect, lambda _place: held(), **more)
    events = Events()
    made: list[bytes] = []
    step = cut or len(stream)
    for start in range(0, len(stream), step):
        made += guard.feed(events.feed(stream[start : start + step]))
    return b"".join(made + guard.close()), guard


def answer_of(text: str, **more: Any) -> bytes:
    message = {"role": "assistant", "content": text, **more}
    told = {
        "id": "c",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    return json.dumps(told, ensure_ascii=False).encode()


def whole_of(text: str, **more: Any) -> dict[str, Any]:
    altered = alter_answer("openai", answer_of(text, **more), lambda _place: held())
    message: dict[str, Any] = json.loads(altered.body)["choices"][0]["message"]
    return message


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("cut", [0, 7])
def test_a_text_is_altered_for_both_libraries(size: int, cut: int) -> None:
    pieces = [SAID[at : at + size] for at in range(0, len(SAID), size)]

    made, _ = guarded("openai", openai_text_stream(pieces, hidden=True), cut)
    assert completion_of(made).choices[0].message.content == SHOWN
    assert completion_of(made).choices[0].finish_reason == "stop"
    made, _ = guarded("anthropic", anthropic_text_stream(pieces), cut)
    assert message_of(made).content[0].text == SHOWN
    assert whole_of(SAID)["content"] == SHOWN


def test_where_nothing_is_altered_every_byte_goes_on_in_order() -> None:
    pieces = [PLAIN[at : at + 3] for at in range(0, len(PLAIN), 3)]
    stream = openai_text_stream(pieces, hidden=True)
    assert guarded("openai", stream)[0] == stream
    stream = anthropic_text_stream(pieces)
    made, _ = guarded("anthropic", stream)
    assert sorted(made.split(b"\n\n")) == sorted(stream.split(b"\n\n"))
    assert message_of(made).content[0].text == PLAIN


def test_tool_arguments_stay_json_cut_anywhere() -> None:
    given = {"to": "[CONFIDENTIAL_TERM_7777]", "tel": ["090-1234-5678"], "n": 12, "emoji": "😀\n"}
    for is_ascii in (True, False):
        raw = json.dumps(given, ensure_ascii=is_ascii)
        wanted = {**given, "to": '機密"語"\n', "tel": ["[PHONE]"]}
        for size in (1, 2, 5, 999):
            pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
            head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
            stream = chunk({"role": "assistant", "content": None, "tool_calls": [head]})
            stream += b"".join(chunk({"tool_calls": [{"index": 0, "function": {"arguments": one}}]}) for one in pieces)
            call = (
                completion_of(guarded("openai", stream + chunk({}, "tool_calls") + DONE)[0])
                .choices[0]
                .message.tool_calls[0]
            )
            assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("call_1", "f", wanted)
            stream = started() + text_block(0, ["はい。"]) + tool_block(1, "f", pieces) + finished("tool_use")
            assert message_of(guarded("anthropic", stream)[0]).content[1].input == wanted
        calls = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": raw}}]
        assert json.loads(whole_of("", tool_calls=calls)["tool_calls"][0]["function"]["arguments"]) == wanted


def test_thoughts_refusals_and_several_answers_are_texts_of_their_own() -> None:
    def one(index: int, **delta: Any) -> bytes:
        told = json.loads(chunk(delta)[6:])
        told["choices"][0]["index"] = index
        return b"data: " + json.dumps(told).encode() + b"\n\n"

    halves = (SAID[:5], SAID[5:17], SAID[17:])
    stream = b"".join(one(0, reasoning_content=half) + one(1, content=half) for half in halves)
    stream += b"".join(one(0, content=half) + one(1, refusal=half) for half in halves)
    both = json.loads(chunk({}, "stop")[6:])
    both["choices"].append({**both["choices"][0], "index": 1})
    stream += b"data: " + json.dumps(both).encode() + b"\n\n" + DONE
    choices = completion_of(guarded("openai", stream, answers=2)[0]).choices
    assert choices[0].message.to_dict()["reasoning_content"] == choices[0].message.content == SHOWN
    assert choices[1].message.content == choices[1].message.refusal == SHOWN
    assert [choice.finish_reason for choice in choices] == ["stop", "stop"]

    stream = started() + thought_block(0, halves, "c2ln") + text_block(1, halves) + finished()
    blocks = message_of(guarded("anthropic", stream)[0]).content
    assert (blocks[0].thinking, blocks[0].signature, blocks[1].text) == (SHOWN, "c2ln", SHOWN)


def test_an_event_with_several_texts_is_told_in_several() -> None:
    first = json.loads(chunk({"role": "assistant", "reasoning_content": SAID, "content": SAID}, "stop")[6:])
    first["choices"].append({"index": 1, "delta": {"content": SAID}, "finish_reason": "length"})
    stream = b"data: " + json.dumps(first).encode() + b"\n\n" + DONE
    choices = completion_of(guarded("openai", stream, answers=2)[0]).choices
    assert [choice.message.content for choice in choices] == [SHOWN, SHOWN]
    assert choices[0].message.to_dict()["reasoning_content"] == SHOWN
    assert [choice.finish_reason for choice in choices] == ["stop", "length"]


def test_probabilities_of_altered_pieces_are_left_out() -> None:
    def piece(text: str) -> bytes:
        told = json.loads(chunk({"content": text})[6:])
        told["choices"][0]["logprobs"] = {
            "content": [{"token": text, "logprob": -0.1, "bytes": None, "top_logprobs": []}]
        }
        return b"data: " + json.dumps(told, ensure_ascii=False).encode() + b"\n\n"

    made, _ = guarded(
        "openai", b"".join(piece(SAID[at : at + 2]) for at in range(0, len(SAID), 2)) + chunk({}, "stop") + DONE
    )
    told = [json.loads(one[6:]) for one in made.split(b"\n\n") if one[:7] == b"data: {"]
    left = "".join(
        one["token"] for event in told for one in (event["choices"][0].get("logprobs") or {"content": []})["content"]
    )
    assert "4821" not in left
    assert "5678" not in left
    assert "資料は来週" in left


def block(finding: Finding, _value: str) -> Action | None:
    return "block" if finding.type == "PHONE" else "mask"


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_stream_that_must_not_go_on_ends_well_formed(dialect: Dialect) -> None:
    guard = GuardedStream(dialect, lambda _place: HeldText(scan, block, MARKS))
    text = SAID + PLAIN
    stream = openai_text_stream(text) if dialect == "openai" else anthropic_text_stream(text)
    reader = StreamReader(dialect)
    made = guard.feed(reader.feed(stream))
    assert guard.blocked
    made += guard.feed([chunk({"content": "まだ"})]) + guard.close() + guard.pause()
    made.append(end_of_stream(dialect, guard.standing(reader.standing()), Cut("content_filter")))
    if dialect == "openai":
        choice = completion_of(b"".join(made)).choices[0]
        assert (choice.message.content, choice.finish_reason) == ("担当は鷲尾 太郎様、電話は ", "content_filter")
    else:
        message = message_of(b"".join(made))
        assert (message.content[0].text, message.stop_reason) == ("担当は鷲尾 太郎様、電話は ", "refusal")
    assert ("PHONE", "block") in [(finding.type, action) for _, finding, action in guard.acted]
    altered = alter_answer("openai", answer_of(text), lambda _place: HeldText(scan, block, MARKS))
    assert altered.blocked


def test_a_stream_that_broke_gives_what_may_still_go() -> None:
    guard = GuardedStream("openai", lambda _place: held())
    made = guard.feed([chunk({"content": "担当は[PERSON_48"})]) + guard.close()
    assert [json.loads(one[6:])["choices"][0]["delta"]["content"] for one in made] == ["担当は[PERSON_48"]
    guard = GuardedStream("anthropic", lambda _place: held())
    stream = started() + event("content_block_start", index=0, content_block={"type": "text", "text": "電話は "})
    made = guard.feed(
        Events().feed(stream + event("content_block_delta", index=0, delta={"type": "text_delta", "text": "090"}))
    )
    assert b"090" not in b"".join(made + guard.pause())
    assert b"090" in b"".join(guard.close())


def test_halves_of_characters_find_each_other() -> None:
    halves = (b"\\ud83d", b"\\ude00 ok")
    raw = [chunk({"content": "よい"})]
    raw += [chunk({"content": "@@"}).replace(b"@@", half) for half in halves]
    made, _ = guarded("openai", b"".join(raw) + chunk({}, "stop") + DONE)
    assert completion_of(made).choices[0].message.content == "よい😀 ok"


@pytest.mark.property
def test_for_every_chunking_a_stream_says_what_the_whole_answer_says() -> None:
    writer = Writer(21)
    for number in range(60):
        text = writer.text(25)
        wanted = whole_of(text)["content"]
        pieces = writer.pieces(text)
        assert completion_of(guarded("openai", openai_text_stream(pieces))[0]).choices[0].message.content == wanted, (
            number
        )
        assert message_of(guarded("anthropic", anthropic_text_stream(pieces))[0]).content[0].text == wanted, number


def test_what_is_no_json_is_judged_too() -> None:
    made, _ = guarded("openai", b"data: 090-1234-5678\n\n: ping\n\n")
    assert made == b"data: [PHONE]\n\n: ping\n\n"
    altered = alter_answer("openai", "電話 090-1234-5678".encode(), lambda _place: HeldText(scan, mask, None))
    assert altered.body == "電話 [PHONE]".encode()
    untouched = b'{ "choices" : [ {"message": {"content": "x"}} ] }'
    assert alter_answer("openai", untouched, lambda _place: held()).body == untouched
