"""The company's own prices: contracts, own machines, discounts, regional uplifts; and what a slip is told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from library_book import NOON, library_book

from jitsuri import words
from jitsuri.ledger.rules.finding import find_sheet, sheets_of
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook, Priced, Unpriced
from jitsuri.ledger.wire.overriding import OwnPrices, overrides_from_toml, warnings_of, with_own_prices
from jitsuri.ledger.wire.packing import packed, unpacked
from jitsuri.terms.errors import CallerError
from jitsuri.terms.usage import Usage

JST = timezone(timedelta(hours=9))
USAGE = Usage(100_000, 10_000)


def own_prices(tmp_path: Path, text: str) -> OwnPrices:
    path = tmp_path / "prices.toml"
    path.write_text(text, "utf-8")
    return overrides_from_toml(path)


def book_with(tmp_path: Path, text: str) -> PriceBook:
    return with_own_prices(library_book(), own_prices(tmp_path, text))


def cost(
    book: PriceBook,
    provider: str,
    model: str,
    at: datetime = NOON,
    tier: str = "",
    region: str = "",
    usage: Usage = USAGE,
) -> tuple[Decimal, str]:
    found = Pricer(book).price(provider, model, usage, at, tier, region)
    assert isinstance(found, Priced), found
    return found.cost, found.currency


ONPREM = """
[[price]]
provider = "onprem"
model = "qwen3-32b*"
currency = "JPY"
valid_from = 2026-04-01
input = 12.5
output = "50"
source = "GPU rent and power, 2026-03"
note = "two servers"
"""


def test_an_own_machine_has_a_price_in_yen_from_its_first_company_day(tmp_path: Path) -> None:
    book = book_with(tmp_path, ONPREM)

    assert cost(book, "onprem", "qwen3-32b-awq") == (Decimal("1.75"), "JPY")  # 0.1 × 12.5 + 0.01 × 50
    assert cost(book, "onprem", "Qwen3-32B", datetime(2026, 4, 1, 0, 0, tzinfo=JST)) == (Decimal("1.75"), "JPY")
    early = Pricer(book).price("onprem", "qwen3-32b", USAGE, datetime(2026, 3, 31, 23, 59, 59, tzinfo=JST))
    assert isinstance(early, Unpriced)
    assert early.code == "price_missing_date"
    assert isinstance(find_sheet(book, "openai", "qwen3-32b"), Unpriced)


def test_a_log_that_names_no_provider_finds_the_own_machine(tmp_path: Path) -> None:
    book = book_with(tmp_path, ONPREM)

    found = Pricer(book).price("", "qwen3-32b-awq", USAGE, NOON)
    assert isinstance(found, Priced)
    assert (found.provider, found.model) == ("onprem", "qwen3-32b-awq")


CONTRACT = """
[[price]]
provider = "openai"
model = "gpt-6.1-sol"
currency = "USD"
valid_from = 2026-10-01
valid_to = 2026-11-30
input = 1.6
cache_read = 0.08
output = 8
steps = [{ above = 200000, input = 3.2, cache_read = 0.16, output = 12 }]
source = "contract 2026-09-25"
"""


def test_a_contract_price_holds_from_its_first_to_its_last_day(tmp_path: Path) -> None:
    book = book_with(tmp_path, CONTRACT)

    listed, agreed = (Decimal("0.3"), "USD"), (Decimal("0.24"), "USD")
    assert cost(book, "openai", "gpt-6.1-sol", datetime(2026, 9, 30, 23, 59, tzinfo=JST)) == listed
    assert cost(book, "openai", "gpt-6.1-sol-2026-09-29", datetime(2026, 10, 1, 0, 0, tzinfo=JST)) == agreed
    assert cost(book, "openai", "gpt-6.1-sol", datetime(2026, 11, 30, 23, 59, 59, tzinfo=JST)) == agreed
    assert cost(book, "openai", "gpt-6.1-sol", datetime(2026, 12, 1, 0, 0, tzinfo=JST)) == listed
    assert cost(book, "azure", "gpt-6.1-sol")[0] == Decimal("0.3")


def test_a_contract_price_has_cliffs_and_its_tiers_are_not_the_book_s(tmp_path: Path) -> None:
    book = book_with(tmp_path, CONTRACT)
    above = Usage(200_001, 0, cache_read_tokens=1)

    assert cost(book, "openai", "gpt-6.1-sol", usage=above)[0] == Decimal("0.64000016")
    found = Pricer(book).price("openai", "gpt-6.1-sol", USAGE, NOON, "batch")
    assert isinstance(found, Priced)
    assert (found.cost, found.note) == (Decimal("0.24"), "tier_missing")


def test_a_contract_s_own_tier_price_is_used(tmp_path: Path) -> None:
    batch = CONTRACT.replace("input = 1.6", 'tier = "batch"\ninput = 0.7').replace("output = 8", "output = 3.5")
    later = CONTRACT.replace("2026-10-01", "2026-11-10").replace("output = 8", "output = 7")

    for text in (CONTRACT + batch, batch + CONTRACT, batch + CONTRACT + later):
        assert cost(book_with(tmp_path, text), "openai", "gpt-6.1-sol", tier="batch")[0] == Decimal("0.105")


def test_a_row_that_keeps_the_listed_price_changes_only_what_it_names(tmp_path: Path) -> None:
    book = book_with(
        tmp_path,
        """
        [[price]]
        provider = "xai"
        model = "grok-4.7"
        currency = "USD"
        keep_listed = true
        web_searches = 5
        source = "price page, 2026-11-20"
        """,
    )

    # grok-4.7: 2.00/6.00; 3 searches at 5 per 1,000
    usage = Usage(1_000, 100, web_searches=3)
    assert cost(book, "x-ai", "grok-4.7", usage=usage)[0] == Decimal("0.0176")


def test_an_exact_name_goes_before_a_pattern_and_a_later_day_before_an_earlier_one(tmp_path: Path) -> None:
    row = '[[price]]\nprovider = "*"\nmodel = "{}"\ncurrency = "USD"\n{}input = {}\noutput = 0\nsource = "s"\n'
    book = book_with(
        tmp_path,
        row.format("gpt-6-luna", "", 1) + row.format("gpt-6*", "", 2) + row.format("gpt-6-*", "", 3)
        + row.format("gpt-6-luna", "valid_from = 2026-11-01\n", 4),
    )  # fmt: skip
    usage = Usage(1_000_000, 0)

    assert cost(book, "openai", "gpt-6-luna", usage=usage)[0] == 4
    assert cost(book, "openai", "gpt-6-luna", datetime(2026, 10, 1, tzinfo=UTC), usage=usage)[0] == 1
    assert cost(book, "azure", "gpt-6-sol", usage=usage)[0] == 3
    assert cost(book, "openai", "gpt-6.1-sol", usage=usage)[0] == 2
    assert cost(book, "nowhere", "gpt-6-luna", usage=usage)[0] == 4


def test_hours_and_weekdays_are_told_in_the_company_s_zone(tmp_path: Path) -> None:
    base = 'provider = "onprem"\nmodel = "m"\ncurrency = "JPY"\nsource = "power contract"\n'
    book = book_with(
        tmp_path,
        f"[[price]]\n{base}input = 10\noutput = 0\n"
        f"[[price]]\n{base}input = 4\noutput = 0\nfrom_time = 22:00:00\nuntil_time = 08:00:00\n"
        f'[[price]]\n{base}input = 2\noutput = 0\nweekdays = ["sat", "sun"]\n',
    )
    usage = Usage(1_000_000, 0)

    for day, clock, yen in (
        ("2026-11-20", "21:59:59", 10), ("2026-11-20", "22:00:00", 4), ("2026-11-20", "07:59:59", 4),
        ("2026-11-20", "08:00:00", 10), ("2026-11-21", "00:00:00", 2), ("2026-11-22", "23:59:59", 2),
        ("2026-11-23", "00:00:00", 4),
    ):  # fmt: skip
        at = datetime.fromisoformat(f"{day}T{clock}+09:00").astimezone(UTC)
        assert cost(book, "onprem", "m", at, usage=usage) == (Decimal(yen), "JPY"), (day, clock)


def test_the_weekend_of_deepseek_can_be_given_as_own_prices(tmp_path: Path) -> None:
    """The book has no weekdays: its peak prices on weekends are an upper bound, and it says so."""
    book = book_with(
        tmp_path,
        """
        [[price]]
        provider = "deepseek"
        model = "deepseek-flash"
        currency = "USD"
        zone = "Asia/Shanghai"
        weekdays = ["sat", "sun"]
        input = 0.15
        cache_read = 0.003
        output = 0.6
        source = "price page, 2026-11-20"
        """,
    )

    friday, saturday = (datetime(2026, 11, day, 11, tzinfo=JST) for day in (20, 21))
    assert cost(book, "deepseek", "deepseek-flash", friday)[0] == Decimal("0.042")
    assert cost(book, "deepseek", "deepseek-flash", saturday)[0] == Decimal("0.021")
    listed = library_book()
    assert cost(listed, "deepseek", "deepseek-flash", saturday)[0] == Decimal("0.042")
    sheet = find_sheet(listed, "deepseek", "deepseek-flash")
    assert isinstance(sheet, ModelSheet)
    assert "upper bound" in sheet.note


FACTORS = """
[[factor]]
provider = "openai"
model = "gpt-6*"
region = "eu*"
factor = 1.1
valid_from = 2026-10-12
source = "price page, 2026-10-12"

[[factor]]
provider = "openai"
model = "*"
factor = 0.92
valid_from = 2026-04-01
source = "contract 2026-03-25"

[[factor]]
provider = "openai"
model = "*"
factor = 0.9
valid_from = 2026-11-01
source = "contract 2026-10-20"
"""


def test_a_regional_uplift_and_a_discount_multiply_and_a_newer_discount_replaces_the_older(tmp_path: Path) -> None:
    book = book_with(tmp_path, FACTORS)
    october = datetime(2026, 10, 20, tzinfo=UTC)

    # gpt-6.1-sol: 100,000 × 2 + 10,000 × 10 = 0.30
    assert cost(book, "openai", "gpt-6.1-sol", datetime(2026, 3, 31, tzinfo=JST))[0] == Decimal("0.3")
    assert cost(book, "openai", "gpt-6.1-sol", october)[0] == Decimal("0.276")
    assert cost(book, "openai", "gpt-6.1-sol", october, region="eu-west")[0] == Decimal("0.3036")
    assert cost(book, "openai", "gpt-6.1-sol", region="EU")[0] == Decimal("0.297")
    assert cost(book, "openai", "gpt-6.1-sol", region="us")[0] == Decimal("0.27")
    assert cost(book, "anthropic", "claude-sonnet-5-5", region="eu")[0] == Decimal("0.3")


def test_a_factor_leaves_tools_and_own_prices_alone(tmp_path: Path) -> None:
    book = book_with(tmp_path, FACTORS + CONTRACT)
    search = Usage(0, 0, web_searches=1_000)

    assert cost(book, "openai", "gpt-6.1-sol")[0] == Decimal("0.24")
    assert cost(book, "openai", "gpt-6-astra", usage=search)[0] == 10
    assert cost(book, "openai", "gpt-6-luna", tier="batch")[0] == Decimal("0.00675")  # (0.005 + 0.0025) × 0.9


def test_the_block_says_which_price_it_was(tmp_path: Path) -> None:
    book = book_with(tmp_path, FACTORS + CONTRACT)

    def block(model: str, tier: str = "") -> str:
        found = Pricer(book).price("openai", model, USAGE, NOON, tier)
        assert isinstance(found, Priced)
        return found.block

    assert block("gpt-6.1-sol") == "override 2026-10-01"
    assert block("gpt-6-luna") == "standard ×0.9"
    assert block("gpt-6-luna", "batch") == "batch 2026-10-14 ×0.9"


def test_a_model_answered_under_another_name_takes_the_own_price_of_the_asked_one(tmp_path: Path) -> None:
    deployment = CONTRACT.replace('"openai"', '"azure"').replace('"gpt-6.1-sol"', '"chat-prod"')
    pricer = Pricer(book_with(tmp_path, deployment))

    found = pricer.price_named("azure", ("gpt-4o-2024-08-06", "chat-prod", ""), USAGE, NOON)
    assert isinstance(found, Priced)
    assert (found.model, found.cost) == ("chat-prod", Decimal("0.24"))
    plain = pricer.price_named("azure", ("", "gpt-4o-2024-08-06"), USAGE, NOON)
    assert isinstance(plain, Priced)
    assert plain.model == "gpt-4o"
    nothing = pricer.price_named("azure", ("", "chat-test"), USAGE, NOON)
    assert isinstance(nothing, Unpriced)
    assert pricer.price_named("azure", (), USAGE, NOON) == Unpriced(
        "price_missing_model", {"provider": "azure", "model": ""}
    )


def test_own_rows_make_another_version_that_is_kept_whole(tmp_path: Path) -> None:
    book = book_with(tmp_path, ONPREM + FACTORS)

    assert book.book_id != library_book().book_id
    assert unpacked(packed(book), book.book_id) == book
    assert with_own_prices(book, OwnPrices()) == library_book()


def test_the_list_of_sheets_shows_own_prices_too(tmp_path: Path) -> None:
    book = book_with(tmp_path, ONPREM + CONTRACT)

    listed = {(sheet.provider, sheet.model): sheet for sheet in sheets_of(book)}
    assert len(listed) == book.models + 1
    assert listed["onprem", "qwen3-32b*"].note == "two servers"
    assert listed["openai", "gpt-6.1-sol"].source == "contract 2026-09-25"
    assert find_sheet(book, "openai", "gpt-6.1-sol") == listed["openai", "gpt-6.1-sol"]


@pytest.mark.parametrize(
    ("text", "code", "line", "place"),
    [
        ("price = 3", "override_not_a_table", 1, "price"),
        ('zone = "Tokyo"', "override_bad_zone", 1, "zone"),
        ("[prices]\n", "override_unknown_key", 1, "prices"),
        (ONPREM.replace("input =", "inptu ="), "override_unknown_key", 7, "price[1].inptu"),
        (ONPREM.replace("input = 12.5", 'input = "12,5"'), "override_not_a_price", 7, "price[1].input"),
        (ONPREM.replace("input = 12.5", "input = -1"), "override_not_a_price", 7, "price[1].input"),
        (ONPREM.replace("input = 12.5", "input = inf"), "override_not_a_price", 7, "price[1].input"),
        (ONPREM.replace("input = 12.5", "input = true"), "override_not_a_price", 7, "price[1].input"),
        (ONPREM.replace('"JPY"', '"KRW"'), "override_bad_currency", 5, "price[1].currency"),
        (ONPREM.replace('model = "qwen3-32b*"\n', ""), "override_missing", 2, "price[1].model"),
        (ONPREM.replace('"qwen3-32b*"', '"qwen*32b"'), "override_bad_pattern", 4, "price[1].model"),
        (ONPREM.replace('"qwen3-32b*"', "32"), "override_not_text", 4, "price[1].model"),
        (ONPREM.replace('source = "GPU rent and power, 2026-03"\n', ""), "override_missing", 2, "price[1].source"),
        (ONPREM.replace("2026-04-01", '"April"'), "override_not_a_date", 6, "price[1].valid_from"),
        (ONPREM + "valid_to = 2026-03-01\n", "override_ends_before_start", 11, "price[1].valid_to"),
        (ONPREM + "from_time = 22\n", "override_not_a_time", 11, "price[1].from_time"),
        (ONPREM + 'weekdays = ["Monday"]\n', "override_bad_weekday", 11, "price[1].weekdays"),
        (ONPREM + 'keep_listed = "yes"\n', "override_not_boolean", 11, "price[1].keep_listed"),
        (ONPREM + 'steps = [{ above = "x", input = 1 }]\n', "override_bad_step", 11, "price[1].steps"),
        (ONPREM + "steps = [{ above = 5, reasoning = 1 }]\n", "override_missing", 2, "price[1].reasoning"),
        (ONPREM.replace("input = 12.5\noutput", "cache_read = 1\nreasoning"), "override_missing", 2, "price[1].input"),
        (ONPREM + CONTRACT.replace("input = 1.6", "input = []"), "override_not_a_price", 18, "price[2].input"),
        (FACTORS.replace("factor = 1.1\n", ""), "override_missing", 2, "factor[1].factor"),
        (FACTORS.replace("0.92", '"8 %"'), "override_not_a_price", 13, "factor[2].factor"),
        (FACTORS.replace('"eu*"', '"*eu"'), "override_bad_pattern", 5, "factor[1].region"),
    ],
)
def test_a_slip_is_told_by_line_place_and_value(tmp_path: Path, text: str, code: str, line: int, place: str) -> None:
    with pytest.raises(CallerError) as told:
        own_prices(tmp_path, text)

    found = told.value
    assert (found.code, found.facts["line"], found.facts["place"]) == (code, line, place)
    for lang in words.LANGUAGES:
        sentence = words.text(f"error.{code}", lang, **found.facts)
        assert place in sentence
        assert str(line) in sentence


def test_a_likely_key_is_offered(tmp_path: Path) -> None:
    with pytest.raises(CallerError) as told:
        own_prices(tmp_path, ONPREM.replace("output =", "outptu ="))
    assert told.value.facts["near"] == "output"


def test_what_is_no_toml_or_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="override_not_toml"):
        own_prices(tmp_path, "[[price]\n")
    with pytest.raises(CallerError, match="override_unreadable"):
        overrides_from_toml(tmp_path / "none.toml")
    (tmp_path / "sjis.toml").write_bytes('source = "契約"'.encode("shift_jis"))
    with pytest.raises(CallerError, match="override_unreadable"):
        overrides_from_toml(tmp_path / "sjis.toml")


def test_a_partial_row_in_another_currency_is_refused(tmp_path: Path) -> None:
    partial = CONTRACT.replace('"USD"', '"JPY"') + "keep_listed = true\n"

    with pytest.raises(CallerError, match="override_currency_mixed"):
        book_with(tmp_path, partial)


def test_what_may_not_be_meant_is_warned_of(tmp_path: Path) -> None:
    text = CONTRACT.replace("cache_read = 0.08\n", "").replace(", cache_read = 0.16", "")
    own = own_prices(tmp_path, text + FACTORS.replace('model = "gpt-6*"', 'model = "gpt-99*"') + ONPREM)

    found = {(w.code, w.model): dict(w.facts) for w in warnings_of(library_book(), own)}
    assert found[("kinds_forgotten", "gpt-6.1-sol")] == {"kinds": "cache_read_tokens, cache_write_tokens, web_searches"}
    assert ("factor_without_model", "gpt-99*") in found
    assert len(found) == 2


def test_the_example_in_the_docs_is_read_and_prices_as_it_says(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "explanation" / "how-a-cost-is-priced.md"
    (example,) = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    own = own_prices(tmp_path, example)
    book = with_own_prices(library_book(), own)

    assert (len(own.overrides), len(own.factors)) == (6, 2)
    assert warnings_of(library_book(), own)[1:] == ()
    assert cost(book, "onprem", "qwen3-32b") == (Decimal("1.75"), "JPY")
    night = datetime(2026, 11, 20, 23, tzinfo=JST)
    assert cost(book, "onprem", "qwen3-32b", night) == (Decimal("0.84"), "JPY")
    assert cost(book, "openai", "gpt-6.1-sol") == (Decimal("0.24"), "USD")
    assert cost(book, "openai", "gpt-6.1-sol", tier="batch") == (Decimal("0.12"), "USD")
    assert cost(book, "anthropic", "claude-sonnet-5-5") == (Decimal("0.276"), "USD")
    assert cost(book, "openai", "gpt-6-luna", region="eu") == (Decimal("0.0165"), "USD")
