"""CSV and TSV by a mapping: columns, constants, zones, units, and what is told when it does not fit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from jitsuri.calls.rules.mapping import mapping_from_options, mapping_from_toml
from jitsuri.calls.shapes import Fault
from jitsuri.calls.wire.opening import read_mapping
from jitsuri.terms.errors import CallerError
from jitsuri.terms.usage import Usage

AZURE = b"""TIMESTAMP,ContextTokens,GeneratedTokens\r
2023-11-16 18:15:46.6805900,374,44\r
2023-11-16 18:15:50.9951690,396,109\r
"""
AZURE_OPTIONS = ("at=TIMESTAMP", "input_tokens=ContextTokens", "output_tokens=GeneratedTokens", "model==gpt-4-turbo",
                 "task==azure-conversation", "zone=UTC")  # fmt: skip


def test_a_trace_of_tokens_is_read_by_columns_and_constants(read_file):
    first, second = read_file(AZURE, mapping=mapping_from_options(AZURE_OPTIONS))
    assert first.at == datetime(2023, 11, 16, 18, 15, 46, 680590, tzinfo=UTC)
    assert (first.usage, first.model_asked, first.task) == (Usage(374, 44), "gpt-4-turbo", "azure-conversation")
    assert (first.line, second.line, second.usage) == (2, 3, Usage(396, 109))
    assert first.content_hash != second.content_hash


FULL = """日時\tモデル\t入力トークン\t出力トークン\tキャッシュ\t秒\t費用\t状態\t部門\t画面\t本文\t鍵
2026/11/20 9:05\tgpt-4o\t1,200\t340\t1024\t0.812\t0.0003\t成功\tD110\tdesk\t納期は。\tdesk-prod
2026年11月20日 9時06分07秒\tgpt-4o\t\t\t\t\t\t失敗\tD110\tdesk\t納期は。\tdesk-prod
"""
FULL_OPTIONS = ("at=日時", "model=モデル", "input_tokens=入力トークン", "output_tokens=出力トークン",
                "cache_read_tokens=キャッシュ", "latency_ms=秒", "latency_unit=s", "cost=費用",
                "currency==JPY", "status=状態", "department=部門",
                "label.screen=画面", "prompt=本文", "key_name=鍵")  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_a_japanese_table_is_read_in_any_encoding(read_file, encoding):
    first, second = read_file(FULL.encode(encoding), mapping=mapping_from_options(FULL_OPTIONS))
    assert first.at == datetime(2026, 11, 20, 0, 5, tzinfo=UTC)
    assert first.usage == Usage(1200, 340, cache_read_tokens=1024)
    assert (first.latency_ms, first.reported_cost, first.reported_currency) == (812, Decimal("0.0003"), "JPY")
    assert (first.department, first.metadata, first.prompt, first.key_name) == (
        "D110", {"screen": "desk"}, "納期は。", "desk-prod",
    )  # fmt: skip
    assert (second.status, second.usage, second.at.minute, second.at.second) == ("error", Usage(), 6, 7)


def test_toml_says_the_same_as_options(tmp_path):
    text = """
    zone = "UTC"
    [columns]
    at = "TIMESTAMP"
    input_tokens = "ContextTokens"
    output_tokens = "GeneratedTokens"
    model = "=gpt-4-turbo"
    task = "=azure-conversation"
    """
    file = tmp_path / "map.toml"
    file.write_text(text, "utf-8")
    assert mapping_from_toml(text) == mapping_from_options(AZURE_OPTIONS) == read_mapping(file)


def test_a_time_format_of_ones_own_is_used(read_file):
    content = b"t,m,i,o\n20.11.2026 09:05,gpt-4o,1,2\nx,gpt-4o,1,2\n"
    options = (
        "at=t",
        "model=m",
        "input_tokens=i",
        "output_tokens=o",
        "time_format=%d.%m.%Y %H:%M",
        "zone=Europe/Berlin",
    )
    first, second = read_file(content, mapping=mapping_from_options(options))
    assert first.at == datetime(2026, 11, 20, 8, 5, tzinfo=UTC)
    assert second == Fault(3, "time_unreadable", {"value": "x"})


def test_a_record_may_span_lines_and_keeps_its_first_lines_number(read_file):
    rows = [
        "t,m,i,o,p",
        '2026-11-20T00:00:00Z,gpt-4o,1,2,"一行目',
        '二行目、""引用"", 終わり"',
        "2026-11-20T00:00:01Z,gpt-4o,3,4,x",
    ]
    content = "\n".join(rows)
    mapping = mapping_from_options(("at=t", "model=m", "input_tokens=i", "output_tokens=o", "prompt=p"))
    first, second = read_file(content.encode(), mapping=mapping)
    assert (first.line, first.prompt) == (2, '一行目\n二行目、"引用", 終わり')
    assert (second.line, second.usage) == (4, Usage(3, 4))


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (b"2026-11-20T00:00:00Z,gpt-4o,1", Fault(2, "csv_fields", {"found": 3, "expected": 4})),
        (b"2026-11-20T00:00:00Z,gpt-4o,1.5,2",
         Fault(2, "tokens_not_a_number", {"field": "input_tokens", "value": "1.5"})),
        (b"2026-11-20T00:00:00Z,gpt-4o,-1,2", Fault(2, "tokens_negative", {"field": "input_tokens", "value": "-1"})),
        (b"2026-11-20T00:00:00Z,gpt-4o,,", Fault(2, "usage_missing")),
        (b",gpt-4o,1,2", Fault(2, "time_missing")),
        (b"2026-11-20T00:00:00Z,,1,2", Fault(2, "model_missing")),
        (b'2026-11-20T00:00:00Z,"gpt-4o,1,2', Fault(2, "csv_quote_open")),
    ],
)  # fmt: skip
def test_a_broken_row_is_told_by_its_line(read_file, row, fault):
    mapping = mapping_from_options(("at=t", "model=m", "input_tokens=i", "output_tokens=o"))
    good = b"2026-11-20T00:00:01Z,gpt-4o,3,4"
    first, second = read_file(b"t,m,i,o\n" + row + b"\n" + good, mapping=mapping)
    assert first == fault
    assert second.usage == Usage(3, 4)


@pytest.mark.parametrize(
    ("options", "code", "facts"),
    [
        (None, "mapping_missing", {"columns": "TIMESTAMP, ContextTokens, GeneratedTokens", "proposal":
         "--map at=TIMESTAMP --map model==… --map input_tokens=ContextTokens --map output_tokens=GeneratedTokens"}),
        (("at=TIMESTAMP", "input_tokens=ContextTokens", "output_tokens=Generated", "model==x"),
         "mapping_column_missing", {"column": "Generated"}),
        (("at=TIMESTAMP",), "mapping_incomplete", {"missing": "model, input_tokens, output_tokens"}),
        (("at",), "mapping_option_unreadable", {"option": "at"}),
        (("when=TIMESTAMP",), "mapping_field_unknown", {"field": "when"}),
        (("at=TIMESTAMP", "zone=Mars"), "mapping_value_unknown", {"field": "zone", "value": "Mars"}),
        (("at=TIMESTAMP", "latency_unit=h"), "mapping_value_unknown", {"field": "latency_unit", "value": "h"}),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_told_with_the_files_columns(read_file, options, code, facts):
    with pytest.raises(CallerError) as raised:
        read_file(AZURE, asked_format="csv", mapping=mapping_from_options(options) if options else None)
    assert raised.value.code == code
    assert facts.items() <= raised.value.facts.items()


@pytest.mark.parametrize(
    ("text", "code"),
    [("[columns", "mapping_file_unreadable"), ("columns = 3", "mapping_file_unreadable"),
     ("colour = 3", "mapping_field_unknown")],
)  # fmt: skip
def test_a_mapping_file_that_cannot_be_read_is_told(text, code):
    with pytest.raises(CallerError) as raised:
        mapping_from_toml(text)
    assert raised.value.code == code
