"""Tables in a text: the head of a column counts for its cells, however far above it stands."""

from __future__ import annotations

import random
import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making_numbers import card, my_number

from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.rules.scanning import Scanner
from jitsuri.guardrails.rules.structured.building import structured_checks
from jitsuri.guardrails.rules.tables import columns_in
from jitsuri.guardrails.shapes import CheckRan, Finding, Policy, Rule

PLAIN = Scanner(structured_checks())
READING = Scanner(structured_checks(), reads_tables=True)
FILLER = "在庫確認済みで問題なし、来週また連絡するとのこと"


def found(scanner: Scanner, text: str) -> list[tuple[str, str]]:
    scanned = scanner.scan(text)
    assert scanned.is_whole
    return [(text[one.start : one.end], one.type) for one in scanned.findings]


def table(delimiter: str, rows: int = 5) -> tuple[str, list[str]]:
    """A table whose numbers stand far from their head, and the numbers."""
    numbers = [f"A{random.Random(at).randrange(10_000, 99_999)}" for at in range(rows)]
    lines = [delimiter.join(("部署", "社員番号", "備考"))]
    lines += [delimiter.join(("製造部", number, FILLER)) for number in numbers]
    return "\n".join(lines) + "\n", numbers


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "，"])
def test_each_cell_is_read_by_the_head_of_its_column(delimiter: str) -> None:
    text, numbers = table(delimiter)
    text = "一覧です。\n" + text + "\n以上です。"

    assert found(READING, text) == [(one, "EMPLOYEE_ID") for one in numbers]
    assert len(found(PLAIN, text)) < len(numbers)


def test_tables_of_markdown_and_quoted_cells_are_read() -> None:
    markdown = "| 区分 | 会員番号 |\n|:---|---:|\n| 一般 | 0012345 |\n| 特別（" + FILLER * 2 + "） | 0054321 |"
    quoted = (
        '"氏名（漢字）","お客様番号*","生年月日"\r\n"山田, 太郎","C-1234","1980/1/2"\r\n"'
        + "あ" * 70
        + '","C-9999","1981/3/4"\r\n'
    )

    assert found(READING, markdown) == [("0012345", "CUSTOMER_ID"), ("0054321", "CUSTOMER_ID")]
    assert found(READING, quoted) == [
        ("C-1234", "CUSTOMER_ID"), ("1980/1/2", "DATE_OF_BIRTH"), ("C-9999", "CUSTOMER_ID"), ("1981/3/4", "DATE_OF_BIRTH"),
    ]  # fmt: skip


def test_a_row_that_does_not_fit_is_left_and_the_rest_is_read() -> None:
    text = f"品名,社員番号,備考\nノート,1,234,5,678,{FILLER}\nペン,A12345,{FILLER}\n\nA99999,A88888,A77777\n"

    assert found(READING, text) == [("A12345", "EMPLOYEE_ID")]


def test_names_below_their_head_are_found_whatever_the_dictionary_says() -> None:
    text = "番号,氏名,フリガナ\n" + "".join(f"{at},安心院 紬,アジム ツムギ\n" for at in range(6))
    names = [one for one in found(Checks().everything(), text) if one[1] == "PERSON"]

    assert names == [("安心院 紬", "PERSON"), ("アジム ツムギ", "PERSON")] * 6


def test_numbers_below_the_head_of_other_numbers_are_none_of_ours() -> None:
    chance = random.Random(7)
    cards = [card(chance) for _ in range(6)]
    others = "商品,シリアル番号,備考\n" + "".join(f"機械,{one},{FILLER}\n" for one in cards)
    ours = others.replace("シリアル番号", "カード番号")

    assert found(READING, others) == []
    assert found(READING, ours) == [(one, "CREDIT_CARD") for one in cards]
    assert [kind for _, kind in found(PLAIN, others)].count("CREDIT_CARD") >= 5


def test_a_head_of_other_numbers_hides_nothing_that_stands_further_on_in_a_cell() -> None:
    text = "日時,ログ,処理番号\n10:02,担当者から 090-1234-5678 に発信,0312345678\n"

    assert found(READING, text) == [("090-1234-5678", "PHONE")]


def test_what_is_found_without_a_head_stays_found_below_one_that_is_none_of_its_own() -> None:
    number = my_number(random.Random(3))
    text = f"区分,備考,入社日\n{FILLER * 3},{number},生年月日 1980/01/02\n"

    assert found(READING, text) == found(PLAIN, text) == [(number, "MY_NUMBER"), ("1980/01/02", "DATE_OF_BIRTH")]


@pytest.mark.parametrize(
    "text",
    [
        "電話で、確認しました。\nA12345 です。\n",
        "Call, write or phone: any, of the three.\nA12345, B12345, C12345\n",
        "12345,社員番号\n" + FILLER * 3 + ",A12345\n",
        "社員番号\nA12345\n",
        "名称,摘要\nA12345,A12346\n",
    ],
)
def test_what_is_no_table_with_heads_is_read_as_before(text: str) -> None:
    assert found(READING, text) == found(PLAIN, text)


def test_what_an_application_sends_is_read_so_and_what_streams_is_not() -> None:
    policy = Policy("t", 1, (Rule("employee_id", "mask", "mask"),))
    text, numbers = table(",")
    checks = Checks()

    assert found(checks.scanner(policy, "in"), text) == [(one, "EMPLOYEE_ID") for one in numbers]
    assert len(found(checks.scanner(policy, "out"), text)) < len(numbers)


def test_a_check_that_breaks_over_cells_has_failed() -> None:
    class Breaking:
        name, version, types = "employee_id", "1", ("EMPLOYEE_ID",)

        def find(self, text: str) -> list[Finding]:
            if text.startswith("社員番号:"):
                raise RuntimeError("cells")
            return []

    scanned = Scanner([Breaking()], reads_tables=True).scan(table(",")[0])

    assert scanned.ran == (CheckRan("employee_id", "1", "failed"),)
    assert not scanned.is_whole


@given(
    st.sampled_from(",\t;|"),
    st.lists(
        st.sampled_from(["社員番号", "氏名", "電話番号", "備考", "注文番号", "生年月日", '"会員ID"', ""]),
        min_size=2,
        max_size=5,
    ),
    st.lists(st.text(alphabet='A1234-/,;|"\t \r\n０９年月日山田℡㈱\u3099', max_size=30), max_size=40),
)
def test_cells_lie_in_their_lines_and_findings_in_the_text(delimiter: str, heads: list[str], cells: list[str]) -> None:
    width = len(heads)
    rows = [delimiter.join(cells[at : at + width]) for at in range(0, len(cells), width)]
    text = "\n".join([delimiter.join(heads), *rows])

    for column in columns_in(text):
        for start, end in column.cells:
            assert 0 <= start < end <= len(text)
            assert "\n" not in text[start:end]
            assert text[start:end] == re.sub(r'^[ \r"]+|[ \r"]+$', "", text[start:end])
    scanned = READING.scan(text)
    assert scanned.is_whole
    for before, after in zip(scanned.findings, scanned.findings[1:], strict=False):
        assert before.end <= after.start
    assert all(0 <= one.start < one.end <= len(text) for one in scanned.findings)


@pytest.mark.parametrize("line", ["製造部,A12345,備考", "社員番号,氏名,電話", '"' * 30 + ",", "," * 40, "|" * 40])
def test_reading_tables_takes_linear_time(line: str) -> None:
    def least(lines: int) -> float:
        text = "部署,社員番号,備考\n" + f"{line}\n" * lines
        best = 1e9
        for _ in range(3):
            began = process_time()
            READING.scan(text)
            best = min(best, process_time() - began)
        return best

    assert least(8_000) <= 8 * 3 * max(least(1_000), 0.01)
