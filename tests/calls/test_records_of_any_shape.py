"""Whatever stands where, a record becomes a call, a fault with its sentence, or nothing: never an exception."""

from __future__ import annotations

import copy
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.calls.rules.identifying import call_id, group_of, thread_key
from jitsuri.calls.rules.mapping import mapping_from_options
from jitsuri.calls.rules.reading import read_record
from jitsuri.calls.shapes import Fault, Logged, Reading
from jitsuri.words import text

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "import-formats.md").read_text("utf-8")
RECORDS = [(form, json.loads(line)) for form, line in re.findall(r"```json (\w+)\n(.*?)\n```", PAGE)]
RECORDS = [(form, _span) if form != "otel" else (form, {"span": _span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]})
           for form, _span in RECORDS]  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["", "{", "[1]", '{"a":1}', "2026-11-20T00:00:00Z", 1795133730, 429, "failure",
                       "task:x", 10**40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything inside a JSON value."""
    found = [above] if above else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        found += places(inner, (*above, name))
    return found


def put(record: Any, path: tuple[Any, ...], value: Any) -> None:
    *outer, name = path
    for one in outer:
        if not isinstance(record, (dict, list)):
            return
        try:
            record = record[one]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(record, dict) or (isinstance(record, list) and isinstance(name, int) and name < len(record)):
        record[name] = value


@settings(derandomize=True, deadline=None, max_examples=600)
@given(st.data())
def test_no_record_raises(data):
    form, whole = data.draw(st.sampled_from(RECORDS))
    record = copy.deepcopy(whole)
    for path in data.draw(st.lists(st.sampled_from(places(whole)), min_size=1, max_size=3)):
        put(record, path, data.draw(ODD))
    raw = json.dumps(record).encode()
    found = read_record(7, raw, Reading(format=form, now=NOW, keep_bodies=True, fallback_at=NOW))
    if isinstance(found, Fault):
        assert found.line == 7
        json.dumps(dict(found.facts))
        assert all(text(f"fault.{found.code}", lang, **found.facts) for lang in ("ja", "en"))
    elif isinstance(found, Logged):
        assert found.at.tzinfo is not None
        assert found.usage.input_tokens >= found.usage.cache_read_tokens >= 0
        its_id = call_id(found)
        assert its_id == call_id(read_record(7, json.dumps(record, indent=1).replace("\n", "").encode(),
                                             Reading(format=form, now=NOW, fallback_at=NOW)))  # fmt: skip
        thread_key(found, its_id)
        group_of(found, {})
        for kept in (found.system_prompt, found.prompt, found.model_asked, *found.metadata.values()):
            assert "\x00" not in kept
            kept.encode()


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.text(max_size=12), min_size=4, max_size=4))
def test_no_row_raises(fields):
    mapping = mapping_from_options(("at=t", "model=m", "input_tokens=i", "output_tokens=o", "cost=i", "latency_ms=o"))
    reading = Reading(format="csv", now=NOW, header=("t", "m", "i", "o"), mapping=mapping)
    raw = ",".join('"' + field.replace('"', '""') + '"' for field in fields).encode("utf-8", "surrogatepass")
    assert isinstance(read_record(2, raw, reading), (Fault, Logged))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_no_bytes_raise(raw):
    for form in ("openai", "otel"):
        assert isinstance(read_record(1, raw, Reading(format=form, now=NOW)), (Fault, Logged, type(None)))
    table = Reading(format="litellm", now=NOW, header=("request_id", "spend"))
    assert isinstance(read_record(1, raw, table), (Fault, Logged, type(None)))
