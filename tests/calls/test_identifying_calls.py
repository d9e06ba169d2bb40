"""Who a call is: repeats give the same ids, different calls never do; threads; prompt groups."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.calls.rules.decoding import canonical, decoded
from jitsuri.calls.rules.identifying import (
    MOST_GROUPS_HELD,
    answer_key,
    call_id,
    group_of,
    normalised,
    shared_beginning,
    thread_key,
)  # fmt: skip
from jitsuri.calls.shapes import CallGroup

ANSWER = "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG"


def line(**changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "timestamp": "2026-11-20T09:15:30+09:00",
        "request": {"model": "gpt-4o", "messages": [{"role": "user", "content": "納期は。"}]},
        "response": {"object": "chat.completion", "model": "gpt-4o", "choices": [],
                     "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
    }  # fmt: skip
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        if inner:
            record[outer] = {**record[outer], inner: value}
        else:
            record[outer] = value
    return record


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return [shuffled(one) for one in value] if isinstance(value, list) else value


def test_the_order_of_keys_and_white_space_do_not_matter(read):
    record = line()
    one = read(json.dumps(record).encode())
    other = read(json.dumps(shuffled(record), indent=3, ensure_ascii=False).replace("\n", " ").encode())
    assert one.content_hash == other.content_hash
    assert call_id(one) == call_id(other)


def test_a_changed_count_changes_the_content_but_not_an_id_that_was_given(read):
    one = read(line(id="row-1"))
    other = read(line(id="row-1", response__usage={"prompt_tokens": 11}))
    assert call_id(one) == call_id(other)
    assert one.content_hash != other.content_hash


def test_lines_without_ids_are_told_apart_by_how_many_came_before(read):
    call = read(line())
    assert call.external_id == ""
    assert call_id(call, 0) != call_id(call, 1)
    assert call_id(call, 1) == call_id(read(line()), 1)


def test_an_answer_id_identifies_across_formats(read):
    logged = read(line(id="row-1", response__id=ANSWER))
    litellm = {"request_id": ANSWER, "call_type": "acompletion", "spend": 0.1, "prompt_tokens": 10,
               "completion_tokens": 2, "startTime": "2026-11-20T00:15:30Z", "model": "gpt-4o"}  # fmt: skip
    assert call_id(logged) == call_id(read(litellm))


@pytest.mark.parametrize("weak", ["chatcmpl-123", "chatcmpl-7", "cmpl-0"])
def test_an_answer_number_of_a_small_server_identifies_nothing(read, weak):
    one = read(line(response__id=weak))
    other = read(line(response__id=weak, request__model="qwen3-8b"))
    assert one.external_id == ""
    assert call_id(one) != call_id(other)
    assert thread_key(one, call_id(one)) != thread_key(other, call_id(other))


def test_an_unusual_answer_id_still_names_the_call_within_its_source(read):
    name = "chatcmpl-jfinqa-q1-gemini-2.5-flash-R0"
    assert read(line(response__id=name)).external_id == name


def test_the_same_id_of_two_sources_names_two_calls(read):
    logged = read(line(id="1"))
    observed = read({"id": "1", "traceId": "t", "type": "GENERATION", "startTime": "2026-11-20T00:15:30Z",
                     "model": "gpt-4o", "usageDetails": {"input": 1, "output": 1}})  # fmt: skip
    assert call_id(logged) != call_id(observed)


@settings(derandomize=True, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**80), 2**80)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_canonical_bytes_depend_on_the_meaning_only(value):
    compact = decoded(json.dumps(value).encode())
    spaced = decoded(json.dumps(shuffled(value), indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert canonical(compact) == canonical(spaced)
    assert canonical(decoded(canonical(compact))) == canonical(compact)


def test_a_thread_is_told_by_what_is_nearest_to_business(read):
    everything = {"headers": {"x-jitsuri-thread": "case-1", "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}}
    of_header = read(line(**everything, metadata={"session_id": "s-1"}, response__id=ANSWER))
    other = read(line(headers={"x-jitsuri-thread": "case-1"}, request__model="gpt-4o-mini"))
    assert thread_key(of_header, call_id(of_header)) == thread_key(other, call_id(other))
    assert (
        read(line(metadata={"session_id": "s-1"}, headers=everything["headers"] | {"x-jitsuri-thread": ""})).trace
        == "s-1"
    )


def test_a_chain_of_answers_meets_in_one_key(read):
    first = read(line(response__id="resp_67ccd2bed1ec8190b14f964abc0542"))
    second = read(
        line(request__previous_response_id="resp_67ccd2bed1ec8190b14f964abc0542", response__id="resp_" + "b" * 30)
    )
    assert thread_key(first, call_id(first)) == answer_key(first.response_id)
    assert thread_key(second, call_id(second)) == answer_key(first.response_id)


def test_a_call_alone_is_its_own_thread(read):
    call = read(line())
    assert thread_key(call, call_id(call, 0)) != thread_key(call, call_id(call, 1))


def chat(system: str, user: str) -> list[dict[str, str]]:
    messages = [{"role": "user", "content": user}]
    return [{"role": "system", "content": system}, *messages] if system else messages


def group(read: Any, system: str, user: str = "納期は。", **changes: Any) -> CallGroup:
    return group_of(read(line(request__messages=chat(system, user), **changes)), {})


def test_system_prompts_that_differ_in_values_only_are_one_group(read):
    one = group(
        read,
        "本日は2026年11月20日(金)です。\n問合せを12の区分に分けてください。ID: 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    )
    other = group(
        read,
        "本日は2026年1月5日（月曜）です。 問合せを１３の区分に分けてください。ID: 9b2504e0-4f89-11d3-9a0c-0305e82c33ff",
    )
    assert one.group_id == other.group_id
    assert (one.kind, len(one.system_prompt_hash)) == ("system_prompt", 32)
    assert one.sample.startswith("本日は2026年11月20日(金)です。 問合せを")
    assert group(read, "議事録を要約してください。").group_id != one.group_id


def test_documents_behind_long_instructions_do_not_split_a_group(read):
    instructions = "規程だけを根拠に答えてください。" * 200
    assert group(read, instructions + "甲").group_id == group(read, instructions + "乙").group_id


def test_without_a_system_prompt_the_beginning_tells_the_template(read):
    template = (
        "次の見積書から品番・数量・単価を読み取り、JSON だけを返してください。表にない項目は null。見積書 No.{}："
    )
    one, other = group(read, "", template.format(17) + "甲"), group(read, "", template.format(2041) + "乙")
    assert (one.kind, one.group_id) == ("template", other.group_id)
    assert len(one.sample) <= 160
    shared = shared_beginning(one.sample, other.sample)
    assert shared.endswith("見積書 No.#:")
    assert "甲" not in shared
    assert group(read, "", "納期は。").group_id != one.group_id


def test_without_texts_a_name_or_a_key_tells_the_group(read):
    named = group_of(read({"id": "1", "traceId": "t", "type": "GENERATION", "startTime": "2026-11-20T00:15:30Z",
                           "name": "triage", "model": "gpt-4o", "usageDetails": {"input": 1}}), {})  # fmt: skip
    assert (named.kind, named.sample) == ("name", "triage")
    by_key = group(read, "", "", key="desk-prod")
    assert (by_key.kind, by_key.sample) == ("key", "desk-prod")


def test_a_registered_prompt_name_goes_before_the_users_words(read):
    record = {"id": "1", "traceId": "t", "type": "GENERATION", "startTime": "2026-11-20T00:15:30Z",
              "promptName": "triage-v2", "model": "gpt-4o", "usageDetails": {"input": 1},
              "input": "納期は。"}  # fmt: skip
    assert group_of(read(record), {}).sample == "triage-v2"


def test_remembered_system_prompts_are_bounded(read):
    held = dict.fromkeys(map(str, range(MOST_GROUPS_HELD)), group(read, "x"))
    call = read(line(request__messages=chat("分類してください。", "x")))
    assert group_of(call, held) is group_of(call, held)
    assert len(held) == 1


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("2026-11-20T09:15:30Z に 1,234 件", "# に # 件"),
        ("Today is Friday, November 20, 2026.", "Today is #, #, #."),
        ("request 9f86d081884c7d659a2f", "request #"),
        ("令和８年１１月２０日（金）", "#"),
        ("deadbeef cafe", "deadbeef cafe"),
    ],
)
def test_dates_numbers_and_ids_do_not_count(text, wording):
    assert normalised(text) == wording


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_a_shared_beginning_is_shared_and_ends_at_a_character(a, b, c):
    first, second = a + b, a + c
    shared = shared_beginning(first, second)
    assert first.startswith(shared)
    assert second.startswith(shared)
    assert shared == shared_beginning(second, first) == shared_beginning(shared, shared)
    for whole in (first, second):
        rest = whole[len(shared) :]
        assert not (rest and unicodedata.combining(rest[0]))


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("か\u3099っこ", "か\u3099く", "か\u3099"),
        ("か\u3099", "かく", ""),
        ("👩\u200d💻 a", "👩\u200d🔬 b", ""),
        ("abc", "abd", "ab"),
    ],
)
def test_a_letter_is_not_cut_from_its_mark(first, second, shared):
    assert shared_beginning(first, second) == shared
