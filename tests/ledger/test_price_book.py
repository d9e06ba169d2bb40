"""Taking a book in, keeping it as bytes, and what a broken price file is told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import msgspec
import pytest
from genai_prices.data_units import unit_data
from library_book import library_book

from jitsuri import words
from jitsuri.ledger.rules.finding import find_sheet, sheets_of
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.pricing import ModelSheet, Priced, UnitPrice, Unpriced
from jitsuri.ledger.wire import compiling
from jitsuri.ledger.wire.compiling import COUNTED, book_from_file, installed_source
from jitsuri.ledger.wire.packing import from_json, packed, sealed, to_json, unpacked
from jitsuri.terms.errors import CallerError, OperatorError
from jitsuri.terms.usage import Usage
from jitsuri.terms.zstd import compress

SMALL = [
    {
        "id": "sample", "name": "Sample", "model_match": {"starts_with": "smp-"}, "pricing_urls": ["https://example.jp/"],
        "models": [
            {
                "id": "smp-1", "match": {"or": [{"equals": "smp-1"}, {"regex": "^smp-1-\\d+$"}]},
                "context_window": 1000, "price_comments": "Prices verified on 2026-10-05.",
                "prices": [
                    {"prices": {"input_mtok": 1.10, "output_mtok": {"base": 2, "tiers": [{"start": 9, "price": 4.0}]}}},
                    {"constraint": {"start_date": "2026-05-01"}, "prices": {"input_mtok": 0.5, "output_mtok": 1}},
                    {
                        "constraint": {"start_time": "22:00:00+09:00", "end_time": "08:00:00+09:00"},
                        "prices": {"input_mtok": 0.25, "output_mtok": 0.5, "audio_hours": 3},
                    },
                ],
                "price_variants": [{"when": {"processing": "batch"}, "prices": {"input_mtok": 0.1}}],
            }
        ],
    }
]  # fmt: skip


@pytest.fixture
def price_file(tmp_path: Path) -> Path:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(SMALL), "utf-8")
    return path


def test_a_published_file_becomes_a_book(price_file: Path) -> None:
    book = book_from_file(price_file)

    (vendor,) = book.vendors
    (sheet,) = vendor.sheets
    assert (book.source, book.published_on, book.models) == ("file data.json", date(2026, 10, 5), 1)
    assert (sheet.currency, sheet.context_window, sheet.uncounted) == ("USD", 1000, ("audio_hours",))
    assert [block.name for block in sheet.blocks] == ["standard", "2026-05-01", "13:00-23:00 UTC", "batch"]
    assert sheet.blocks[0].units[0] == UnitPrice("input_tokens", Decimal("1.1"), 1_000_000)
    assert str(sheet.blocks[0].units[0].price) == "1.1"


@pytest.mark.parametrize(
    ("at", "tier", "cost"),
    [
        (datetime(2026, 4, 30, 3, tzinfo=UTC), "", "0.00000310"),  # 1 × 1.10 + 1 × 2
        (datetime(2026, 5, 1, 3, tzinfo=UTC), "", "0.0000015"),
        (datetime(2026, 4, 30, 13, tzinfo=UTC), "", "0.00000075"),  # 22:00 in Tokyo
        (datetime(2026, 5, 1, 3, tzinfo=UTC), "batch", "0.0000011"),  # 0.1 in, the output as standard
    ],
)
def test_prices_of_a_file_hold_as_it_says(price_file: Path, at: datetime, tier: str, cost: str) -> None:
    found = Pricer(book_from_file(price_file)).price("", "smp-1-20260101", Usage(1, 1), at, tier)

    assert isinstance(found, Priced)
    assert found.cost == Decimal(cost)


def test_a_stored_book_comes_back_as_it_was() -> None:
    book = library_book()

    assert unpacked(packed(book), book.book_id) == book
    assert from_json(to_json(book)) == book
    assert to_json(from_json(to_json(book))) == to_json(book)


@pytest.mark.slow
def test_the_published_file_and_the_package_give_the_same_prices(tmp_path: Path) -> None:
    from genai_prices.data import providers

    path = tmp_path / "data.json"
    raw = [compiling._written_out(provider) for provider in providers]
    path.write_bytes(msgspec.json.Encoder(decimal_format="number").encode(raw))

    assert book_from_file(path).vendors == library_book().vendors


def test_the_id_is_the_digest_of_the_content(price_file: Path) -> None:
    book = book_from_file(price_file)

    assert re.fullmatch(r"[0-9a-f]{16}", book.book_id)
    assert book_from_file(price_file).book_id == book.book_id
    assert sealed(replace(book, published_on=None)).book_id != book.book_id


def test_the_stored_form_does_not_change_unseen(price_file: Path) -> None:
    """Ids stand in entries for years: if this fails, stored books need a new FORMAT, not a new digest here."""
    assert book_from_file(price_file).book_id == "f935b963deb7fee0"


@pytest.mark.skipif(installed_source() != "genai-prices 0.2.3", reason="pinned for the library of requirements.lock")
def test_the_library_s_book_is_pinned() -> None:
    assert library_book().book_id == "b15c141185d0d93c"
    assert library_book().models == 2330


def test_a_damaged_book_is_told_and_not_used() -> None:
    content = packed(library_book())

    with pytest.raises(OperatorError, match="price_book_damaged"):
        unpacked(content, "0123456789abcdef")
    with pytest.raises(OperatorError, match="price_book_damaged"):
        unpacked(b"not a book", "0123456789abcdef")
    with pytest.raises(OperatorError, match="price_book_damaged"):
        unpacked(compress(b'{"format":1}'), "0123456789abcdef")


@pytest.mark.quiet
def test_loading_a_stored_book_does_not_hold_up_a_start() -> None:
    book = library_book()
    content = packed(book)

    def seconds() -> float:
        start = perf_counter()
        unpacked.__wrapped__(content, book.book_id)
        return perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.15


def test_every_unit_of_the_library_is_counted_or_named() -> None:
    """A library that brings new units fails here, so that none is dropped in silence."""
    known = {unit["price_key"] for unit in unit_data.values()}
    uncounted = {kind for sheet in sheets_of(library_book()) for kind in sheet.uncounted}

    assert set(COUNTED) <= known
    assert uncounted == {
        "audio_hours", "cache_image_read_mtok", "input_annotated_document_kpages", "input_audio_hours",
        "input_document_kpages", "input_mchars", "input_text_messages_kcount", "input_video_mtok",
        "output_citation_mtok", "output_video_mtok", "storage_searches_kcount",
    }  # fmt: skip


def test_models_paid_by_what_a_log_does_not_count_are_not_priced_by_their_tokens() -> None:
    book = library_book()

    whisper = find_sheet(book, "openai", "whisper-1")
    assert isinstance(whisper, ModelSheet)
    assert whisper.uncounted == ("audio_hours", "input_audio_hours")
    found = Pricer(book).price("openai", "whisper-1", Usage(10, 10), datetime(2026, 11, 1, tzinfo=UTC))
    assert isinstance(found, Unpriced)


@pytest.mark.parametrize(
    ("mend", "code", "place", "value"),
    [
        (lambda f: f.pop("id"), "price_file_not_text", "[0].id", "None"),
        (lambda f: f.update(models={}), "price_file_not_a_list", "[0].models", "{}"),
        (lambda f: f["models"].append("x"), "price_file_not_an_object", "[0].models[1]", "x"),
        (
            lambda f: f["models"][0].update(match={"like": "x"}),
            "price_file_bad_match", "[0].models[0].match", "{'like': 'x'}",
        ),
        (
            lambda f: f["models"][0].update(match={"regex": "("}),
            "price_file_bad_match", "[0].models[0].match.regex", "(",
        ),
        (
            lambda f: f["models"][0].update(prices={"input_mtok": -1}),
            "price_file_not_a_price", "[0].models[0].prices.input_mtok", "-1",
        ),
        (
            lambda f: f["models"][0].update(prices={"input_mtok": "1.0"}),
            "price_file_not_a_price", "[0].models[0].prices.input_mtok", "1.0",
        ),
        (
            lambda f: f["models"][0].update(prices={"input_mtok": {"base": 1, "tiers": [{"start": -5, "price": 1}]}}),
            "price_file_not_a_count", "[0].models[0].prices.input_mtok.tiers[0].start", "-5",
        ),
        (
            lambda f: f["models"][0]["prices"][1]["constraint"].update(start_date="2026-13-01"),
            "price_file_not_a_date", "[0].models[0].prices[1].constraint.start_date", "2026-13-01",
        ),
        (
            lambda f: f["models"][0]["prices"][2]["constraint"].update(start_time="25:00"),
            "price_file_not_a_time", "[0].models[0].prices[2].constraint.start_time", "25:00",
        ),
        (
            lambda f: f["models"][0]["prices"][1].update(constraint={"moon": "full"}),
            "price_file_bad_constraint", "[0].models[0].prices[1].constraint", "{'moon': 'full'}",
        ),
    ],
)  # fmt: skip
def test_a_broken_file_is_told_by_place_and_value(
    tmp_path: Path, mend: object, code: str, place: str, value: str
) -> None:
    content = json.loads(json.dumps(SMALL))
    mend(content[0])  # type: ignore[operator]
    path = tmp_path / "data.json"
    path.write_text(json.dumps(content), "utf-8")

    with pytest.raises(CallerError) as told:
        book_from_file(path)
    assert (told.value.code, told.value.facts["place"], told.value.facts["value"]) == (code, place, value)
    for lang in words.LANGUAGES:
        sentence = words.text(f"error.{code}", lang, **told.value.facts)
        assert place in sentence
        assert value in sentence


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "price_file_not_json"), (b"{", "price_file_not_json"), (b"\xff\xfe", "price_file_not_json"),
        (b"{}", "price_file_not_prices"), (b"[]", "price_file_not_prices"),
        (b'[{"id": "x", "models": [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1e400}}]}]',
         "price_file_not_a_price"),
        (b'[{"id": "x", "models": [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1e-400}}]}]',
         "price_file_not_a_price"),
        (b"[" * 100_000, "price_file_not_json"),
    ],
)  # fmt: skip
def test_what_is_no_price_file_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(content)

    with pytest.raises(CallerError) as told:
        book_from_file(path)
    assert told.value.code == code


def test_a_missing_or_huge_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CallerError, match="price_file_unreadable"):
        book_from_file(tmp_path / "none.json")
    monkeypatch.setattr(compiling, "MOST_BYTES", 10)
    path = tmp_path / "data.json"
    path.write_bytes(b" " * 11)
    with pytest.raises(CallerError, match="price_file_too_large"):
        book_from_file(path)


def test_every_code_of_the_price_files_has_its_sentence() -> None:
    folder = Path(compiling.__file__).parent
    source = "".join(file.read_text("utf-8") for file in folder.glob("*.py"))
    codes = set(re.findall(r"\"((?:price_file|override|price_book|price_library)_[a-z_]+)\"", source))

    assert len(codes) > 25
    assert sorted(code for code in codes if not words.has_text(f"error.{code}")) == []
