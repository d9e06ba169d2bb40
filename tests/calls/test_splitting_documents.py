"""A JSON document's records, whatever the borders of blocks: the same as a parser of the whole finds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.calls.shapes import Fault
from jitsuri.calls.wire.splitting_documents import document_records_of


def split(text: bytes, sizes: tuple[int, ...] = (1 << 20,), most: int = 1 << 20) -> list[Any]:
    """Records of the text, fed in blocks of these sizes, again and again."""
    blocks: list[bytes] = []
    at = 0
    while at < len(text):
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(text[at : at + size])
        at += size
    found = list(document_records_of(iter(blocks), most))
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    return [record for _, record in found]


NAMES = st.text(alphabet='abc"\\{}[],:日 ', max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)
SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=5).map(tuple)
INDENT = st.sampled_from([None, 0, 2])
FREE = settings(derandomize=True, deadline=None, max_examples=100)


@FREE
@given(st.lists(VALUES, max_size=6), SIZES, INDENT, st.booleans())
def test_elements_of_an_array_are_what_a_parser_finds(values, sizes, indent, is_ascii):
    text = json.dumps(values, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    assert [json.loads(raw) for raw in split(text, sizes)] == values


@FREE
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=5), SIZES, INDENT)
def test_values_one_after_the_other_are_records(values, sizes, indent):
    text = "\n".join(json.dumps(value, indent=indent) for value in values).encode()
    assert [json.loads(raw) for raw in split(text, sizes)] == values


@FREE
@given(
    st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=5),
    st.sampled_from(["data", "observations", "requests", "batches"]),
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.dictionaries(NAMES, VALUES, max_size=3),
    SIZES,
    INDENT,
)
def test_a_list_inside_an_export_is_handed_out_and_its_frame_is_not(values, name, before, after, sizes, indent):
    outer = {**{f"x{k}": v for k, v in before.items()}, name: values, **{f"y{k}": v for k, v in after.items()}}
    text = json.dumps(outer, indent=indent).encode()
    assert [json.loads(raw) for raw in split(text, sizes)] == values
    assert [json.loads(raw) for raw in split(text + b"\n" + text, sizes)] == values * 2


@FREE
@given(
    st.lists(st.lists(st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=3), max_size=3), max_size=3), SIZES
)
def test_spans_come_with_the_resource_they_stand_under(resources, sizes):
    export = {
        "resourceSpans": [
            {
                "resource": {"n": n, "inner": {"spans": "no"}},
                "scopeSpans": [{"scope": {}, "spans": spans} for spans in scopes],
            }
            for n, scopes in enumerate(resources)
        ]
    }
    wanted = [(n, span) for n, scopes in enumerate(resources) for spans in scopes for span in spans]
    found = [json.loads(raw) for raw in split(json.dumps(export).encode(), sizes)]
    assert [(record["resource"]["n"], record["span"]) for record in found] == wanted


def test_a_resource_does_not_reach_the_next_one():
    export = {"resourceSpans": [{"resource": {"n": 1}, "scopeSpans": [{"spans": [{"a": 1}]}]},
                                {"scopeSpans": [{"spans": [{"b": 2}]}]}]}  # fmt: skip
    assert [json.loads(raw)["resource"] for raw in split(json.dumps(export).encode())] == [{"n": 1}, None]


def test_names_of_lists_further_in_are_a_records_own_affair():
    record = {"response": {"data": [{"embedding": [1]}], "spans": [1]}, "x": '"data":['}
    assert [json.loads(raw) for raw in split(json.dumps([record, record]).encode(), (5,))] == [record, record]
    line = {"outer": {"data": [1, 2]}}
    assert [json.loads(raw) for raw in split(json.dumps(line).encode(), (3,))] == [line]


def test_traces_in_an_array_give_their_observations():
    traces = [{"id": 1, "observations": [{"o": 1}, {"o": 2}], "name": "x"}, {"id": 2, "observations": []}, {"id": 3}]
    assert [json.loads(raw) for raw in split(json.dumps(traces).encode(), (4,))] == [{"o": 1}, {"o": 2}, {"id": 3}]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "records"),
    [
        (b'[{"a":[1},{"b":2}]', [b'{"a":[1}', b'{"b":2}']),
        (b'[{"a":1}},{"b":2}]', [b'{"a":1}', b'{"b":2}']),
        (b'[{"a":1,{"b":2}]', [b'{"a":1,{"b":2}']),
        (b'[{"a":1} rubbish {"b":2}]', [b'{"a":1}', b"rubbish", b'{"b":2}']),
        (b'[{"a":1},,null,{"b":2}]', [b'{"a":1}', b"null", b'{"b":2}']),
        (b'\x1e{"a":1}\n\x1e{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b"[]", []),
        (b'{"data":[]}', []),
        (b'{"a":1}\n12', [b'{"a":1}', b"12"]),
    ],
)
def test_a_broken_record_does_not_take_its_neighbours_along(text, records, size):
    assert split(text, (size,)) == records


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "text", [b'[{"a":1},{"b', b'[{"a":1},', b'[{"a":1}', b'{"data":[{"a":1}]', b'[{"a":1},{"b":"x']
)
def test_a_document_that_breaks_off_says_so(text, size):
    assert split(text, (size,)) == [b'{"a":1}', Fault(2, "record_cut")]


@pytest.mark.parametrize("size", [1, 16, 1000])
def test_a_record_too_long_is_passed_over_with_its_size(size):
    long = b'{"b":"' + b"x" * 200 + b'","c":[1,{}]}'
    text = b'[{"a":1},' + long + b',{"d":[' + b"1," * 100 + b'2]},{"e":2}]'
    assert split(text, (size,), most=64) == [
        b'{"a":1}', Fault(2, "line_too_long", {"size": len(long)}), Fault(3, "line_too_long", {"size": 209}),
        b'{"e":2}',
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 16, 1000])
def test_a_list_behind_a_long_frame_is_still_found(size):
    text = b'{"meta":"' + b"x" * 300 + b'","data":[{"a":1},{"a":2}]}'
    assert split(text, (size,), most=64) == [b'{"a":1}', b'{"a":2}']


def test_deep_records_are_split_like_shallow_ones():
    deep: Any = 1
    for _ in range(200):
        deep = {"x": [deep, "]}"]}
    assert [json.loads(raw) for raw in split(json.dumps([deep, deep]).encode(), (50,))] == [deep, deep]
