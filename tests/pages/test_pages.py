"""The pages about money: as they were looked at, numbers that open to what they say, forms, files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

import psycopg
import pytest
from console_parts import Console, csrf_of, posting, sample_settings
from page_reading import check_main, number_of, numbers_that_open, sum_shown
from page_scene import LAST, RUN, Scene, furnish
from starlette.testclient import TestClient

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal as seal_text
from jitsuri.flows.cold.sealing import seal
from jitsuri.ledger.records.totals import totals
from jitsuri.routing import records as routing_rows
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.web.pages import rates
from jitsuri.web.routes import ROUTES
from jitsuri.words import Language

PAGES = {
    "overview": "/",
    "overview-october": "/?month=2026-10",
    "overview-quiet": "/?month=2026-08",
    "year": "/year/2026",
    "tasks": "/tasks",
    "task": "/tasks/inquiry-triage",
    "task-unassigned": "/tasks/-",
    "departments": "/departments",
    "department": "/departments/hq",
    "opportunities": "/opportunities",
    "calls": "/calls?month=2026-11&task=quotation-extraction",
    "calls-unpriced": "/calls?month=2026-11&state=unpriced",
    "calls-none": "/calls?month=2026-11&model=gpt-huge",
    "prices": "/prices",
    "price": "/prices/openai/gpt-big",
    "imports": "/imports",
    "import": f"/imports/{RUN}",
    "proposals": "/proposals",
    "costs": "/costs",
    "rates": "/rates",
}


class Shown:
    """The furnished company on a console, with an administrator's browser."""

    def __init__(self, store: Store) -> None:
        self.scene: Scene = furnish(store)
        self.console = Console(store, sample_settings(**{"company.is_sample": True}), ROUTES)
        self.admin = self.console.admin()
        seal(store, self.console.now)

    def browser(self, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client


@pytest.fixture(scope="module")
def shown(pg_template: str) -> Iterator[Shown]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_shown TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_shown"))
    yield Shown(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_shown WITH (FORCE)")


@pytest.fixture
def open_scene(store: Store) -> Shown:
    """For tests that change something."""
    return Shown(store)


# -- as they were looked at


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("name", [*PAGES, "call", "call-unpriced", "thread"])
def test_the_pages_are_the_ones_that_were_looked_at(shown: Shown, name: str, lang: Language) -> None:
    call = shown.scene.call("inquiry-triage", LAST)
    unpriced = shown.scene.call("", date(2026, 11, 16))
    addresses = {
        **PAGES, "call": f"/calls/{call.call_id}", "call-unpriced": f"/calls/{unpriced.call_id}",
        "thread": f"/threads/{call.thread_id}",
    }  # fmt: skip

    answer = shown.browser(lang).get(addresses[name])

    assert answer.status_code == 200
    assert f'<html lang="{lang}">' in answer.text
    for leak in ("Undefined", "{{", "{%", ">None<", "Decimal("):
        assert leak not in answer.text
    check_main(f"{name}-{lang}", answer.text)


def test_evidence_is_listed_and_verified(shown: Shown) -> None:
    page = shown.browser().get("/evidence?verify=yes").text

    assert "鎖は切れていません" in page
    assert "はじめの" in page
    assert "first_admin_made" not in page  # acts have words


# -- numbers open to what they say


@pytest.mark.parametrize(
    "address",
    ["/", "/?month=2026-10", "/year/2026", "/tasks", "/tasks/inquiry-triage", "/tasks/-", "/departments", "/departments?month=2026-10",
     "/departments/hq", "/departments/sales?month=2026-10", "/prices", "/imports"],
)  # fmt: skip
def test_every_number_opens_to_calls_that_sum_to_it(shown: Shown, address: str) -> None:
    browser = shown.browser()
    opening = numbers_that_open(browser.get(address).text)

    assert opening
    for href, value, is_yen in dict.fromkeys(opening):
        calls, yen = sum_shown(browser.get(href).text)
        assert (yen if is_yen else Decimal(calls)) == value, f"{address} → {href}"


def test_the_sum_of_calls_is_the_sum_of_the_rows_and_of_their_lines(shown: Shown) -> None:
    browser = shown.browser()
    seen: list[Decimal] = []
    address = "/calls?month=2026-11&task=inquiry-triage"
    page = browser.get(address).text
    total = sum_shown(page)[1]
    seen += [number_of(v) for v in re.findall(r'<a href="/calls/[0-9a-f-]{36}"><data value="([^"]*)"', page)]

    assert len(seen) == 30
    assert sum(seen) == total == Decimal("15779.4")
    with shown.scene.store.reading() as tx:
        [row] = totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1), task="inquiry-triage")
    assert row.cost_jpy == total


def test_long_lists_go_on_where_they_ended(shown: Shown) -> None:
    browser = shown.browser()
    address: str | None = "/calls?from=2026-09-01&to=2026-11-30"
    seen: list[str] = []
    pages = 0
    while address:
        page = browser.get(address).text
        seen += re.findall(r'<a class="keep" href="/calls/([0-9a-f-]{36})"', page)
        older = re.search(r'<a href="(\?[^"]*after=[^"]*)" rel="next"', page)
        address = "/calls" + older.group(1).replace("&amp;", "&") if older else None
        pages += 1

    assert (pages, len(seen), len(set(seen))) == (4, 188, 188)


@pytest.mark.parametrize(
    "query",
    ["month=2026-13", "month=x&from=2026-99-01", "from=2026-11-30&to=2026-11-01", "after=1_2", "after=99999999999999999999_x",
     "run=nothing", "thread=nothing", "status=nothing", "state=nothing", "meta=%00", "meta=a%25b_c'\"", "task=%00",
     "from=0001-01-01&to=9999-12-31", "department=nowhere&only=yes", "after=%EF%BC%91_00000000-0000-0000-0000-000000000000"],
)  # fmt: skip
def test_an_address_typed_by_hand_is_never_an_error(shown: Shown, query: str) -> None:
    assert shown.browser().get(f"/calls?{query}").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/tasks/nothing", "/departments/nowhere", "/prices/openai/nothing", "/prices/-/nothing", "/year/1", "/year/99999",
     f"/calls/{RUN}", f"/threads/{RUN}", "/imports/00000000-0000-0000-0000-000000000000"],
)  # fmt: skip
def test_what_is_not_there_is_the_page_of_404(shown: Shown, address: str) -> None:
    assert shown.browser().get(address).status_code == 404


# -- files


@pytest.mark.parametrize(
    "address",
    ["/", "/year/2026", "/tasks", "/tasks/inquiry-triage", "/departments", "/departments/hq", "/opportunities",
     "/calls?month=2026-11", "/prices", "/prices/openai/gpt-big", "/imports", f"/imports/{RUN}", "/proposals", "/costs",
     "/rates", "/evidence"],
)  # fmt: skip
def test_each_table_is_a_file_that_excel_reads(shown: Shown, address: str) -> None:
    joined = f"{address}{'&' if '?' in address else '?'}format=csv"

    answer = shown.browser().get(joined)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1


def test_the_file_of_calls_holds_all_of_them_exactly(shown: Shown) -> None:
    body = shown.browser().get("/calls?from=2026-09-01&to=2026-11-30&format=csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(body)))

    assert len(rows) == 188
    yen = [Decimal(row["費用（円）"]) for row in rows if row["費用（円）"]]
    assert sum(yen) == 44 * Decimal(1113) + Decimal("16726.164")


def test_texts_cannot_become_formulas(open_scene: Shown) -> None:
    with open_scene.scene.store.transaction() as tx:
        odd = open_scene.scene.tasks["inquiry-triage"]
        routing_rows.save_task(tx, replace(odd, title_ja="=HYPERLINK(1)"))

    body = open_scene.browser().get("/tasks?format=csv").content.decode("utf-8-sig")

    assert "'=HYPERLINK(1)" in body
    assert ",=HYPERLINK" not in body


def test_hostile_words_stay_words(open_scene: Shown) -> None:
    with open_scene.scene.store.transaction() as tx:
        evil = "<script>alert(1)</script>\"'"
        odd = open_scene.scene.tasks["inquiry-triage"]
        routing_rows.save_task(tx, replace(odd, title_ja=evil, owner=evil))
    browser = open_scene.browser()

    for address in (
        "/",
        "/tasks",
        "/tasks/inquiry-triage",
        "/calls",
        "/year/2026",
        "/opportunities",
        "/proposals",
        "/costs",
    ):
        assert "<script>alert" not in browser.get(address).text, address


# -- forms


def test_a_proposal_becomes_a_task_and_its_calls_move(open_scene: Shown) -> None:
    browser = open_scene.browser()
    page = browser.get("/proposals").text
    address = re.search(r'action="(/proposals/[0-9a-f-]{36}/name)"', page)
    assert address is not None

    answer = posting(
        browser, "/proposals", address.group(1), task="", name="daily-report", title_ja="日報のまとめ", title_en="Daily report",
        department="purchasing", owner="",
    )  # fmt: skip

    assert (answer.status_code, answer.headers["location"]) == (303, "/proposals?notice=proposal_named")
    assert "日報のまとめ" in browser.get("/tasks").text
    assert sum_shown(browser.get("/calls?month=2026-11&task=daily-report").text)[0] == 3
    assert "名付けを待つ呼出しはありません" in browser.get("/proposals").text


def test_a_name_that_cannot_be_used_is_told_where_it_was_typed(open_scene: Shown) -> None:
    browser = open_scene.browser()
    address = re.findall(r'action="(/proposals/[0-9a-f-]{36}/name)"', browser.get("/proposals").text)[0]

    answer = posting(
        browser,
        "/proposals",
        address,
        task="",
        name="日報",
        title_ja="日報のまとめ",
        title_en="",
        department="",
        owner="",
    )

    assert answer.status_code == 422
    assert "日報" in answer.text.partition('role="alert"')[2].partition("</div>")[0]
    assert 'value="日報のまとめ"' in answer.text


def test_a_proposal_can_be_put_aside(open_scene: Shown) -> None:
    browser = open_scene.browser()
    address = re.findall(r'action="(/proposals/[0-9a-f-]{36}/aside)"', browser.get("/proposals").text)[0]

    assert posting(browser, "/proposals", address).status_code == 303
    assert "名付けを待つ呼出しはありません" in browser.get("/proposals").text
    gone = posting(browser, "/tasks/inquiry-triage", address)
    assert (gone.status_code, "変わりました" in gone.text) == (422, True)


def test_a_task_is_edited_on_its_page(open_scene: Shown) -> None:
    browser = open_scene.browser()
    fields = {"title_ja": "問合せの分類", "title_en": "Inquiries", "department": "purchasing", "owner": "課長"}

    kept = posting(browser, "/tasks/inquiry-triage", "/tasks/inquiry-triage", **fields)
    wrong = posting(browser, "/tasks/inquiry-triage", "/tasks/inquiry-triage", **{**fields, "department": "nowhere"})

    assert (kept.status_code, kept.headers["location"]) == (303, "/tasks/inquiry-triage?notice=task_kept")
    assert "<h1>問合せの分類</h1>" in browser.get("/tasks/inquiry-triage").text
    assert (wrong.status_code, "nowhere" in wrong.text) == (422, True)


def test_a_pinned_task_has_no_form(store: Store) -> None:
    furnish(store)
    plain = sample_settings()
    tables = {"tasks": {"inquiry-triage": {"title_ja": "問合せ分類"}}}
    console = Console(store, Settings(plain.home, None, plain.values, tables), ROUTES)
    browser = console.browser_of(console.admin())

    page = browser.get("/tasks/inquiry-triage").text
    answer = browser.post(
        "/tasks/inquiry-triage", data={"csrf": csrf_of(page), "title_ja": "別"}, headers={"origin": str(browser.base_url)}
    )  # fmt: skip

    assert 'name="title_ja"' not in page
    assert "jitsuri.toml" in page
    assert answer.status_code == 422


def test_a_cost_is_added_shown_and_ended(open_scene: Shown) -> None:
    browser = open_scene.browser()
    fields = {
        "kind": "gpu", "name": "GPUサーバー（見本）", "amount": "30,000", "currency": "JPY", "rhythm": "monthly",
        "valid_from": "2026-11-01", "valid_to": "", "department": "", "task": "inquiry-triage", "provider": "",
        "spread": "direct", "unused_share": "40%", "shares": "", "note": "",
    }  # fmt: skip

    assert posting(browser, "/costs", "/costs", **fields).status_code == 303
    page = browser.get("/costs").text
    assert "GPUサーバー（見本）" in page
    assert "40,000" in page  # with the seats
    end = re.search(r'action="(/costs/[0-9a-f-]{36}/end)"[\s\S]*?GPUサーバー', page)
    assert end is not None
    ended = [a for a in re.findall(r'action="(/costs/[0-9a-f-]{36}/end)"', page)]
    answers = [posting(browser, "/costs", a, last_day="2026-11-30").status_code for a in ended]
    assert answers == [303, 303]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": "x"}, "数として読めません"), ({"valid_from": "x"}, "日付として読めません"), ({"valid_to": "x"}, "日付として読めません"),
        ({"name": ""}, "名前がありません"), ({"unused_share": "x"}, "未使用"), ({"shares": "x"}, "固定割合"),
        ({"amount": "-1"}, "負です"), ({"spread": "direct", "task": ""}, "部門か業務"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_cost_is_told_and_the_rest_stays(
    open_scene: Shown, changes: dict[str, str], told: str
) -> None:
    fields = {
        "kind": "gpu", "name": "GPUサーバー（見本）", "amount": "30000", "currency": "JPY", "rhythm": "monthly",
        "valid_from": "2026-11-01", "valid_to": "", "department": "", "task": "inquiry-triage", "provider": "",
        "spread": "direct", "unused_share": "0", "shares": "", "note": "メモ", **changes,
    }  # fmt: skip

    answer = posting(open_scene.browser(), "/costs", "/costs", **fields)

    assert answer.status_code == 422
    assert told in answer.text.partition('role="alert"')[2].partition("</div>")[0]
    assert 'value="メモ"' in answer.text


def test_a_rate_is_added_and_calls_are_converted_again(open_scene: Shown) -> None:
    browser = open_scene.browser()

    answer = posting(
        browser, "/rates", "/rates", currency="usd", day="2026-11-20", kind="TTM", rate="160.00", source="見本"
    )

    assert answer.status_code == 303
    # 20 November at 160 instead of 154.20: 7.42 USD × 5.80 more
    total = sum_shown(browser.get("/calls?month=2026-11").text)[1]
    assert total == Decimal("16726.164") + Decimal("7.42") * Decimal("5.80")
    page = browser.get("/rates").text
    assert "160" in page
    for changes in ({"rate": "x"}, {"day": "x"}, {"rate": "-1"}, {"currency": "JPY"}, {"day": "2027-01-01"}):
        fields = {"currency": "USD", "day": "2026-11-20", "kind": "TTM", "rate": "150", "source": "", **changes}
        assert posting(browser, "/rates", "/rates", **fields).status_code == 422, changes


def test_a_rate_that_touches_too_many_calls_names_the_command(
    open_scene: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "MOST_RECONVERTED", 10)

    answer = posting(
        open_scene.browser(), "/rates", "/rates", currency="USD", day="2026-11-02", kind="TTM", rate="160", source=""
    )

    assert answer.status_code == 422
    assert "jitsuri rates add USD 2026-11-02 160" in answer.text


def test_odd_characters_in_forms_and_addresses_are_never_an_error(open_scene: Shown) -> None:
    browser = open_scene.browser()
    odd = "a\x00b\ud800"
    name = re.findall(r'action="(/proposals/[0-9a-f-]{36}/name)"', browser.get("/proposals").text)[0]
    told = {"name": "daily", "title_ja": odd, "title_en": odd, "department": odd, "owner": odd, "task": odd}
    cost = {
        "kind": odd, "name": odd, "amount": "1", "currency": odd, "rhythm": odd, "valid_from": "2026-11-01", "department": odd,
        "task": odd, "provider": odd, "spread": odd, "unused_share": "0", "note": odd,
    }  # fmt: skip
    rate = {"currency": odd, "day": "2026-11-20", "kind": odd, "rate": "150", "source": odd}
    safe = lambda fields: {k: v.replace("\ud800", "\ufffd") for k, v in fields.items()}  # noqa: E731

    task = "/tasks/inquiry-triage"
    answers = [
        posting(browser, task, task, **safe(told)), posting(browser, "/proposals", name, **safe(told)),
        posting(browser, "/costs", "/costs", **safe(cost)), posting(browser, "/rates", "/rates", **safe(rate)),
        *(browser.get(address) for address in ("/tasks/%00", "/departments/a%00", "/prices/%00/%00", "/calls?task=%00&key=%00&meta=%00")),
    ]  # fmt: skip

    assert [a.status_code for a in answers if a.status_code >= 500] == []


# -- who sees what


def test_a_reviewer_sees_calls_but_no_money(open_scene: Shown) -> None:
    console = open_scene.console
    browser = console.browser_of(console.person("reviewer"))
    call = open_scene.scene.call("inquiry-triage", LAST)

    overview, calls = browser.get("/").text, browser.get("/calls").text
    one, thread = browser.get(f"/calls/{call.call_id}").text, browser.get(f"/threads/{call.thread_id}").text

    assert "ようこそ" in overview
    for page in (overview, calls, one, thread):
        main = page.partition("<main")[2].partition("</main>")[0]
        assert "539.7" not in main
        assert "15,779" not in main
        assert 'class="sums"' not in main or "<strong>" not in main.partition('class="sums"')[2].partition("</p>")[0]


def test_texts_are_opened_by_those_who_may_and_leave_evidence(
    open_scene: Shown, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    key = bytes(range(32))
    (folder / "text.key").write_text(key.hex())
    call = open_scene.scene.call("inquiry-triage", LAST)
    with open_scene.scene.store.transaction() as tx:
        body = '{"messages":[{"content":"納期はいつですか<b>"}]}'.encode()
        text_rows.insert_many(
            tx, [(call.call_id, "request", seal_text(body, key, call.call_id, "request"), "text.key", LAST)]
        )
    console = Console(open_scene.scene.store, replace(sample_settings(), home=folder), ROUTES)
    admin = console.browser_of(open_scene.admin)
    developer = console.browser_of(open_scene.console.person("developer"))
    address = f"/calls/{call.call_id}"

    before = admin.get(address).text
    opened = posting(admin, address, f"{address}/texts")
    refused = posting(developer, "/account", f"{address}/texts")

    assert "納期" not in before
    assert (opened.status_code, "納期はいつですか&lt;b&gt;" in opened.text) == (200, True)
    assert refused.status_code == 403
    assert "本文を開いた" in admin.get("/evidence").text


def test_an_empty_installation_teaches_the_first_command(store: Store) -> None:
    console = Console(store, pages=ROUTES)
    browser = console.browser_of(console.admin())

    for address in ("/", "/tasks", "/opportunities", "/prices", "/imports", "/departments"):
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert "jitsuri " in answer.text.partition("<main")[2], address
    for address in ("/year/2026", "/calls", "/proposals", "/costs", "/rates", "/settings", "/evidence", "/tasks/-"):
        assert browser.get(address).status_code == 200, address


def test_links_of_a_filter_keep_its_words(shown: Shown) -> None:
    query = urlencode({"month": "2026-11", "task": "inquiry-triage", "meta": "a&b=c"})

    page = shown.browser().get(f"/calls?{query}").text

    assert 'value="a&amp;b=c"' in page
    assert '<option value="inquiry-triage" selected>' in page
