"""Department files on a real database: in wholly or not at all, in the encodings and headers people send."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from jitsuri.access.shapes import Arrangement, Department
from jitsuri.flows.cold.arranging_departments import everything, import_departments
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES
from jitsuri.words import text as sentence

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FILE = """部門コード,部門名,英語名,上位部門,原価センタ,適用開始日,適用終了日,備考
D1,本社,Head office,,1000,2024/4/1,,x
D10,"営業部
(東)",,D1,1100,2024年4月1日,20260331,
"""


def imported(store: Store, text: str, encoding: str = "utf-8") -> Arrangement | list[tuple[str, object]]:
    outcome = import_departments(store, NOW, "aoki", text.encode(encoding), "bumon.csv")
    if isinstance(outcome, Arrangement):
        return outcome
    assert all(sentence(f"refusal.{fault.code}", lang, **fault.facts) for fault in outcome for lang in LANGUAGES)
    return [(fault.code, fault.facts.get("line")) for fault in outcome]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_a_file_goes_in_whatever_excel_made_of_it(store: Store, encoding: str) -> None:
    change = imported(store, FILE, encoding)
    assert isinstance(change, Arrangement)
    assert everything(store) == [
        Department("D1", "本社", "Head office", "", "1000", date(2024, 4, 1), None),
        Department("D10", "営業部\n(東)", "", "D1", "1100", date(2024, 4, 1), date(2026, 3, 31)),
    ]


def test_a_repeated_import_adds_nothing_and_leaves_no_evidence(store: Store) -> None:
    imported(store, FILE)
    assert imported(store, FILE, "cp932") == Arrangement((), (), 2)
    with store.reading() as tx:
        rows = tx.execute("SELECT act, facts FROM evidence_records").fetchall()
    assert [row[0] for row in rows] == ["departments_imported"]
    assert rows[0][1]["added"] == ["D1 2024-04-01", "D10 2024-04-01"]


def test_one_wrong_line_keeps_the_whole_file_out(store: Store) -> None:
    assert imported(store, FILE + "D20,製造部,,D9,1200,2024-04-01,\n") == [("department_parent_unknown", 5)]
    assert imported(store, FILE + "D20,,,D1,1200,2024-02-30,\n,x,,,,2024-04-01,\n") == [
        ("cell_missing", 5),
        ("cell_not_day", 5),
        ("cell_missing", 6),
    ]
    assert everything(store) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("table_empty", None)]),
        ("\n\n", [("table_empty", None)]),
        ("code,name_ja\nD1,本社\n", [("column_missing", 1)]),
        ("code,コード,name,開始日\n", [("column_double", 1)]),
        ("code,name,開始日\nD1,本社,2024-04-01,余り\n", [("row_too_long", 2)]),
        ('code,name,開始日\nD1,"本社,2024-04-01\n', [("table_broken", 2)]),
        ("code,name,開始日\nD1,本\x00社,2024-04-01\n", [("cell_invalid", 2)]),
    ],
)
def test_what_is_no_department_file_is_told(store: Store, text: str, expected: list[tuple[str, object]]) -> None:
    assert imported(store, text) == expected
    assert everything(store) == []


def test_bytes_in_no_known_encoding_are_told(store: Store) -> None:
    outcome = import_departments(store, NOW, "aoki", b"code,\x81\x20\n", "x.csv")
    assert outcome == (Refusal("table_unreadable"),)


def test_a_header_alone_is_a_file_without_departments(store: Store) -> None:
    assert imported(store, "code,name,開始日\n") == Arrangement((), (), 0)


def test_a_move_in_the_next_file_keeps_the_past(store: Store) -> None:
    imported(store, "code,name,parent,開始日\nD1,本社,,2024-04-01\nD2,支社,,2024-04-01\nD11,課,D1,2024-04-01\n")
    imported(store, "code,name,parent,開始日\nD11,課,D2,2025-10-01\n")
    spans = [(d.parent, d.valid_from, d.valid_to) for d in everything(store) if d.code == "D11"]
    assert spans == [("D1", date(2024, 4, 1), date(2025, 9, 30)), ("D2", date(2025, 10, 1), None)]
