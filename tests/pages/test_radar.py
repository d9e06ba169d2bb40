"""単価の予定: every yen against a hand, sums that add up, the pages as they were looked at, rights, and the command."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from approval_parts import file_one
from browser_parts import running_browser, served
from click.testing import CliRunner
from console_parts import Console
from hypothesis import given
from hypothesis import strategies as st
from page_reading import check_main
from page_scene import NOW, book, rate_on
from playwright.sync_api import expect
from radar_scene import OWN_PRICES, SITES, Ahead
from test_pages_browser import House
from verdict_parts import PASS, certificate

from jitsuri.cli.ahead import ahead
from jitsuri.flows.cold.viewing.foreseeing import Announced, Ground, announced_on
from jitsuri.flows.cold.viewing.scouting import Alternative, Ending, Radar, Shift, net_at, radar_kept, soon, touched_by
from jitsuri.ledger.rules.announcing import change_percent
from jitsuri.ledger.rules.converting import rates_of
from jitsuri.ledger.rules.finding import find_sheet, retirement_of
from jitsuri.ledger.shapes.pricing import Block, ModelSheet, Step, UnitPrice
from jitsuri.ledger.shapes.views import Use
from jitsuri.ledger.wire.overriding import overrides_from_toml, own_prices_of, warnings_of, with_own_prices
from jitsuri.ledger.wire.packing import from_json, to_json
from jitsuri.rightsizing.shapes.certificates import Saving
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.period import Month
from jitsuri.terms.usage import Usage
from jitsuri.words import LANGUAGES, Language, text

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from test_key import Counter

D = Decimal
RATE = D("154.20")
"""Today's rate; October had 22 working days (see ``page_scene``)."""


def seen(scene: Ahead) -> Radar:
    with scene.store.reading() as tx:
        return radar_kept(tx, NOW, "TTM", SITES)


def price_of(found: Radar, model: str) -> Announced:
    [one] = [one for one in found.announced if one.model == model]
    return one


# -- by hand


def test_each_change_is_told_in_yen_per_task(store: Store, tmp_path: Path) -> None:
    found = seen(Ahead(store, tmp_path))

    assert found.month == Month(2026, 10)
    assert [(one.model, one.on) for one in found.coming] == [
        ("gpt-small", date(2026, 12, 1)), ("gpt-big", date(2027, 1, 1)), ("gpt-small", date(2027, 2, 1)),
    ]  # fmt: skip
    [big] = price_of(found, "gpt-big").effects
    assert (big.task, big.calls) == ("inquiry-triage", 44)
    assert (big.before_jpy, big.effect_jpy) == (44 * D("3.5") * RATE, 44 * D("3.5") * RATE)
    [small] = price_of(found, "gpt-small").effects
    assert (small.task, small.calls) == ("quotation-extraction", 22)
    assert (small.before_jpy, small.after_jpy) == (22 * D("0.42") * RATE, 66 * D("0.42") * RATE)


def test_an_end_leaves_calls_with_nowhere_to_go_until_something_is_decided(store: Store, tmp_path: Path) -> None:
    scene = Ahead(store, tmp_path, own=OWN_PRICES.replace('successor = "openai/gpt-tiny"\n', ""))

    [end] = seen(scene).endings
    [one] = end.stranded
    assert (one.task, one.calls, one.cost_jpy) == ("quotation-extraction", 22, 66 * D("0.42") * RATE)
    assert (one.alternative, one.effect_jpy) == (None, None)

    # 22 × 0.18 dollars at gpt-tiny; gpt-gone is deprecated and gpt-small itself ends: neither is a way
    scene.falls_back("quotation-extraction", "gpt-big", "gpt-small", "gpt-gone", "gpt-big", "gpt-tiny")
    [one] = seen(scene).endings[0].stranded
    assert one.alternative == Alternative("main/gpt-tiny", "fallback", 22 * D("0.18") * RATE)
    assert one.effect_jpy == 22 * D("0.18") * RATE - 66 * D("0.42") * RATE


def test_what_only_the_provider_names_is_told_as_that_and_a_certificate_with_its_number(
    store: Store, tmp_path: Path
) -> None:
    scene = Ahead(store, tmp_path)
    [one] = seen(scene).endings[0].stranded
    assert one.alternative == Alternative("openai/gpt-tiny", "successor", 22 * D("0.18") * RATE)

    scene.use(tmp_path, OWN_PRICES.replace("gpt-small", "gpt-big").replace("openai/gpt-tiny", "gpt-huge"))
    [one] = seen(scene).endings[0].stranded
    # 44 × (0.15 + 0.06) dollars at the certificate's gpt-small; gpt-huge is ten times as dear
    assert one.alternative == Alternative("gpt-small", "certificate", 44 * D("0.21") * RATE, scene.number)


def test_a_certificate_is_told_its_saving_and_the_day_that_voids_it(store: Store, tmp_path: Path) -> None:
    scene = Ahead(store, tmp_path)

    [one] = seen(scene).certificates
    # tripled: 18,104.766667 − 2 × 2,772; later days are not told of a paper that is void
    assert (one.number, one.on, one.is_void) == (scene.number, date(2026, 12, 1), True)
    assert one.shifts == (Shift("proposed", "gpt-small", D(200)),)
    assert (one.before_jpy, one.after_jpy) == (D("18104.766667"), D("12560.766667"))
    assert (one.effect_jpy, one.state) == (D(-5544), "draft")


def test_within_the_limit_a_paper_holds_and_the_next_day_is_told_from_there(store: Store, tmp_path: Path) -> None:
    mild = OWN_PRICES.replace("input = 0.45", "input = 0.165").replace("output = 1.8", "output = 0.66")
    first, second = seen(Ahead(store, tmp_path, own=mild)).certificates

    assert (first.on, first.is_void, first.shifts[0].percent) == (date(2026, 12, 1), False, D(10))
    assert first.after_jpy == D("18104.766667") - D("277.2")
    # then gpt-big doubles: (23,100 − 231) × 2 − 2,772 × 1.1 − 1,833.333333 − 158.9
    assert (second.on, second.is_void, second.shifts) == (
        date(2027, 1, 1), True, (Shift("today", "gpt-big", D(100)),),
    )  # fmt: skip
    assert (second.before_jpy, second.after_jpy) == (first.after_jpy, D("40696.566667"))


def test_the_end_of_the_proposed_model_voids_and_has_no_saving_after(store: Store, tmp_path: Path) -> None:
    only_end = "[[retirement]]" + OWN_PRICES.partition("[[retirement]]")[2]
    scene = Ahead(store, tmp_path, own=only_end.replace("2027-02-01", "2026-12-20"))

    [one] = seen(scene).certificates
    assert (one.on, one.is_void, one.after_jpy) == (date(2026, 12, 20), True, None)
    assert one.shifts == (Shift("proposed", "gpt-small", None),)


def test_only_the_newest_paper_of_a_way_and_none_that_is_refused_or_over(store: Store, tmp_path: Path) -> None:
    scene = Ahead(store, tmp_path)
    newer = file_one(store, replace(PASS, seed=11))

    assert [one.number for one in seen(scene).certificates] == [newer]
    with store.reading() as tx:
        after = radar_kept(tx, datetime(2027, 3, 1, tzinfo=UTC), "TTM", SITES)
    assert after.certificates == ()


def test_a_model_that_the_book_calls_deprecated_stands_last_without_a_day(store: Store, tmp_path: Path) -> None:
    own = '[[retirement]]\nprovider = "openai"\nmodel = "gpt-sm*"\ndeprecated = true\nsource = "x"\n'
    found = seen(Ahead(store, tmp_path, own=own))

    assert isinstance(found.coming[-1], Ending)
    assert (found.coming[-1].model, found.coming[-1].on) == ("gpt-small", None)
    assert soon(found) == found.announced[:1]  # gpt-big in 40 days; what has no day is no news of these days


def test_the_first_page_is_told_what_is_near_and_dear_only(store: Store, tmp_path: Path) -> None:
    found = seen(Ahead(store, tmp_path))

    # 2,850 and 23,747 of 24,486 yen a month, in 9 and 40 days; the end is in 71 days
    assert [(one.model, one.on) for one in soon(found)] == [
        ("gpt-small", date(2026, 12, 1)), ("gpt-big", date(2027, 1, 1)),
    ]  # fmt: skip
    assert found.month_jpy == 22 * D(1113)
    assert soon(replace(found, month_jpy=D(60_000))) == found.coming[1:2]
    assert soon(replace(found, today=date(2026, 12, 10)))[-1] == found.coming[2]


def test_without_calls_or_a_book_there_is_nothing_to_see(store: Store) -> None:
    with store.reading() as tx:
        assert radar_kept(tx, NOW, "TTM", {}) == Radar(date(2026, 11, 22), None, (), (), D(0))


# -- properties

amounts = st.integers(0, 3_000_000)
uses = st.lists(
    st.builds(
        lambda task, tier, calls, given, made: Use(
            task, "openai", "stepped", tier, calls, 0, Usage(input_tokens=given, output_tokens=made), D(calls)
        ),
        st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["", "batch"]), st.integers(1, 50), amounts, amounts,
    ),
    max_size=12,
)  # fmt: skip
prices = st.decimals(D("0.01"), D(99), places=3)


def stepped(given: Decimal, made: Decimal, later: Decimal) -> ModelSheet:
    """A model whose price doubles above 50,000 tokens, and changes on 1 January 2027."""

    def units(times: Decimal) -> tuple[UnitPrice, ...]:
        return (
            UnitPrice("input_tokens", given * times, 10**6, (Step(50_000, given * times * 2),)),
            UnitPrice("output_tokens", made * times, 10**6),
        )

    blocks = (Block("standard", units(D(1))), Block("later", units(later), starts_on=date(2027, 1, 1)))
    return ModelSheet("openai", "stepped", "USD", blocks, "test")


def standing(sheet: ModelSheet, held: list[Use]) -> Ground:
    key = sheet.provider, sheet.model
    return Ground(date(2026, 11, 22), Month(2026, 10), book(), DOLLARS, {key: sheet}, {key: held})


DOLLARS = rates_of([rate_on(date(2026, 11, 20))], "TTM")


@given(uses, prices, prices, st.decimals(D("0.1"), D(5), places=2))
def test_a_models_effect_is_exactly_the_sum_of_its_tasks(
    held: list[Use], given_: Decimal, made: Decimal, later: Decimal
) -> None:
    for one in announced_on(standing(stepped(given_, made, later), held)):
        parts = [part.effect_jpy for part in one.effects]
        assert {part.task for part in one.effects} == {use.task for use in held}
        assert sum(part.calls for part in one.effects) == sum(use.calls for use in held)
        assert all(isinstance(part, Decimal) for part in parts)
        assert one.effect_jpy == (sum((part for part in parts if part is not None), D(0)) if parts else None)
        if parts and one.before_jpy is not None and one.after_jpy is not None:
            assert one.after_jpy - one.before_jpy == one.effect_jpy
            assert (later > 1) == (one.effect_jpy > 0) or one.before_jpy == 0


amount_jpy = st.decimals(D(0), D(10**7), places=6)


@given(amount_jpy, amount_jpy, amount_jpy, st.decimals(D(0), D(10), places=3), st.decimals(D(0), D(10), places=3))
def test_a_saving_moves_with_each_side_and_stands_where_nothing_moves(
    today: Decimal, proposed: Decimal, labour: Decimal, up: Decimal, dear: Decimal
) -> None:
    net = today - proposed - labour - today / 100 - 5
    paper = Saving(9, today, proposed, labour, D(5), today / 100, net, net, net, RATE, None, D(10), D(10))

    assert abs(net_at(paper, D(1), D(1)) - net) <= D("0.000001")
    assert isinstance(net_at(paper, up, dear), Decimal)
    assert net_at(paper, up, dear + 1) <= net_at(paper, up, dear)
    assert net_at(paper, up + 1, dear) >= net_at(paper, up, dear)


def test_the_limit_is_held_against_the_price_on_the_day_of_issue() -> None:
    sheet = stepped(D(1), D(4), D("1.25"))

    assert change_percent(sheet, date(2026, 12, 1), date(2027, 1, 1)) == D(25)
    assert change_percent(sheet, date(2027, 1, 1), date(2027, 3, 1)) == D(0)
    other = replace(sheet, blocks=(sheet.blocks[0], replace(sheet.blocks[1], currency="JPY")))
    assert change_percent(other, date(2026, 12, 1), date(2027, 1, 1)) is None


def test_without_any_use_a_day_is_told_without_yen() -> None:
    sheet = stepped(D(1), D(4), D("1.25"))

    [one] = touched_by(standing(sheet, []), certificate("JR-2026-0001"), "draft", [])
    assert (one.on, one.is_void, one.before_jpy, one.after_jpy) == (date(2027, 1, 1), True, None, None)


# -- the file


def test_a_file_tells_an_end_and_a_book_without_one_keeps_its_id(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(OWN_PRICES, "utf-8")
    own = overrides_from_toml(path)
    plain, made = book(), with_own_prices(book(), own)

    [end] = own.retirements
    assert (end.on, end.successor, end.source) == (
        date(2027, 2, 1),
        "openai/gpt-tiny",
        "提供終了の一覧 2026-11-20 確認",
    )
    assert from_json(to_json(made)) == made
    assert own_prices_of(made) == own
    assert b"retirements" not in to_json(plain)
    assert with_own_prices(made, own_prices_of(plain)) == plain
    assert warnings_of(plain, own) == ()


def test_the_nearer_row_of_two_holds() -> None:
    from jitsuri.ledger.shapes.pricing import Retirement

    rows = (
        Retirement("*", "gpt-*", "all", date(2027, 1, 1)), Retirement("openai", "gpt-sm*", "some", date(2027, 3, 1)),
        Retirement("openai", "gpt-big", "one"), Retirement("openai", "gpt-big", "one dated", date(2027, 5, 1)),
        Retirement("azure", "gpt-tiny", "elsewhere", date(2026, 12, 1)),
    )  # fmt: skip
    made = replace(book(), retirements=rows)

    def told(model: str) -> str:
        sheet = find_sheet(made, "openai", model)
        assert isinstance(sheet, ModelSheet)
        found = retirement_of(made, sheet)
        return found.source if found else ""

    assert [told(name) for name in ("gpt-big", "gpt-small", "gpt-tiny")] == ["one dated", "some", "all"]


@pytest.mark.parametrize(
    ("row", "code", "place"),
    [
        ('source = "x"', "override_missing", "retired_on"),
        ('source = "x"\nretired_on = "soon"', "override_not_a_date", "retired_on"),
        ('source = "x"\ndeprecated = "yes"', "override_not_boolean", "deprecated"),
        ('source = "x"\nretired = 2027-01-01', "override_unknown_key", "retired"),
        ("retired_on = 2027-01-01", "override_missing", "source"),
    ],
)
def test_a_slip_in_the_file_is_told_with_its_place(tmp_path: Path, row: str, code: str, place: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(f'[[retirement]]\nprovider = "openai"\nmodel = "gpt-big"\n{row}\n', "utf-8")

    with pytest.raises(CallerError) as told:
        overrides_from_toml(path)
    assert (told.value.code, told.value.facts["place"]) == (code, f"retirement[1].{place}")


def test_an_end_of_an_unknown_model_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(OWN_PRICES.replace('"gpt-small"\nretired', '"gtp-small"\nretired'), "utf-8")

    [one] = warnings_of(book(), overrides_from_toml(path))
    assert (one.code, one.model) == ("retirement_without_model", "gtp-small")


# -- the pages


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_the_one_that_was_looked_at(store: Store, tmp_path: Path, lang: Language) -> None:
    scene = Ahead(store, tmp_path)
    client = scene.console.browser_of(scene.admin, lang)
    client.cookies.set("jitsuri_lang", lang)

    for name, path in (("radar", "/radar"), ("radar-task", "/radar?task=quotation-extraction")):
        answer = client.get(path)
        assert answer.status_code == 200
        assert [leak for leak in ("Undefined", "{{", "{%", ">None<", "Decimal(") if leak in answer.text] == []
        check_main(f"{name}-{lang}", answer.text)


def test_task_certificate_and_first_page_tell_it_too(store: Store, tmp_path: Path) -> None:
    scene = Ahead(store, tmp_path)
    client = scene.console.browser_of(scene.admin)
    client.cookies.set("jitsuri_lang", "ja")

    task = client.get("/tasks/quotation-extraction").text
    assert "+¥2,850/月" in task.replace("+2,850円", "+¥2,850")
    assert text("page.radar.ends", "ja") in task
    paper = client.get(f"/certificates/{scene.number}").text
    assert text("page.radar.void_on", "ja", day="2026年12月1日") in paper
    assert text("page.radar.soon", "ja") in client.get("/").text


def test_the_file_holds_every_line(store: Store, tmp_path: Path) -> None:
    scene = Ahead(store, tmp_path)
    answer = scene.console.browser_of(scene.admin).get("/radar?format=csv")

    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert [row[:1] + row[2:4] + row[6:7] for row in rows[1:]] == [
        ["2026-12-01", "gpt-small", "quotation-extraction", "price"],
        ["2027-01-01", "gpt-big", "inquiry-triage", "price"], ["2027-02-01", "gpt-small", "quotation-extraction", "end"],
    ]  # fmt: skip
    assert D(rows[2][9]) == 44 * D("3.5") * RATE


def test_a_stranger_and_one_without_money_see_nothing(store: Store, tmp_path: Path) -> None:
    scene = Ahead(store, tmp_path)

    assert scene.console.client().get("/radar", follow_redirects=False).status_code in (302, 303, 401)
    reviewer = scene.console.person("reviewer", "藤 六花", "fuji@example.jp")
    assert scene.console.browser_of(reviewer).get("/radar").status_code == 403


def test_an_empty_console_says_what_will_stand_there(store: Store) -> None:
    from jitsuri.web.routes import ROUTES

    console = Console(store, pages=ROUTES)
    client = console.browser_of(console.admin())
    assert text("page.radar.none", "ja") in client.get("/radar").text


def test_the_horizon_is_a_little_over_a_year(store: Store, tmp_path: Path) -> None:
    far = (NOW + timedelta(days=401)).date().isoformat()
    only_end = "[[retirement]]" + OWN_PRICES.partition("[[retirement]]")[2]
    assert seen(Ahead(store, tmp_path, own=only_end.replace("2027-02-01", far))).endings == ()


# -- in a window


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_cut_off_in_a_window(store: Store, tmp_path: Path, lang: Language, width: int) -> None:
    scene, shots = Ahead(store, tmp_path), os.environ.get("JITSURI_SHOTS")
    scene.falls_back("quotation-extraction", "gpt-small", "gpt-tiny")
    paths = {
        "radar": "/radar", "radar-task": "/radar?task=inquiry-triage", "overview": "/", "prices": "/prices",
        "task": "/tasks/quotation-extraction", "certificate": f"/certificates/{scene.number}",
    }  # fmt: skip

    def work() -> None:
        with served(scene.console.app) as url, running_browser() as browser:
            house = House(scene.scene, url, scene.admin)
            page = house.page(browser.new_context(viewport={"width": width, "height": 900}), lang)
            for name, path in paths.items():
                page.goto(url + path)
                expect(page.locator("h1")).to_be_visible()
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
                if shots:
                    page.screenshot(path=Path(shots) / f"ahead-{name}-{lang}-{width}.png", full_page=True)
            page.goto(url + "/prices")
            page.get_by_role("link", name=text("page.radar.head", lang)).click()
            page.locator("select[name=task]").select_option("inquiry-triage")
            page.locator("main form button").first.click()
            expect(page.locator("main")).not_to_contain_text(text("page.radar.ends", lang))
            assert page.url.endswith("task=inquiry-triage")
            assert house.told == []

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


# -- the command


def test_the_command_says_what_the_page_says(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Ahead(store, tmp_path)
    monkeypatch.setattr("jitsuri.cli.ahead.ensure_book", lambda *_: scene.book)

    def asked(*words: str, lang: str = "ja") -> str:
        result = CliRunner().invoke(ahead, words, obj=Counter(store, lang), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    told = json.loads(asked("--json"))
    assert [(one["kind"], one["model"], one["on"]) for one in told["coming"]] == [
        ("price", "gpt-small", "2026-12-01"), ("price", "gpt-big", "2027-01-01"), ("end", "gpt-small", "2027-02-01"),
    ]  # fmt: skip
    assert D(told["coming"][1]["tasks"][0]["effect_jpy"]) == 44 * D("3.5") * RATE
    assert [(one["number"], one["void"]) for one in told["certificates"]] == [(scene.number, True)]
    one_task = json.loads(asked("--json", "--task", "quotation-extraction"))
    assert ([one["model"] for one in one_task["coming"]], one_task["certificates"]) == (["gpt-small"] * 2, [])
    for lang in LANGUAGES:
        assert "inquiry-triage" in asked(lang=lang)
        assert text("cli.prices.ahead.none", lang) in asked("--task", "-", lang=lang)
