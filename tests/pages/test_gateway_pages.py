"""Budgets, the gateway and variants: as they were looked at, numbers that open, forms, who may do what."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from console_parts import Console, csrf_of, posting
from gateway_scene import ESTIMATED, FELL_BACK, ORPHAN, furnish_gateway, gateway_console, gateway_settings
from page_reading import check_main, number_of, sum_shown
from page_scene import LAST, NOW, Scene
from starlette.testclient import TestClient

from jitsuri.access.shapes import SignedIn
from jitsuri.flows.cold.pinning import pin
from jitsuri.flows.cold.viewing.opening_gateway import gateway_view
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.routing import records as routing_rows
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.words import Language

PAGES = {
    "gateway": "/gateway",
    "gateway-upstream": "/gateway/upstreams/openai",
    "gateway-refusals": "/gateway/refusals",
    "variants": "/gateway/variants",
    "budgets": "/budgets",
    "variant": "/tasks/inquiry-triage/variant",
    "variant-none": "/tasks/quotation-extraction/variant",
    "call-fell-back": f"/calls/{FELL_BACK}",
    "call-orphan": f"/calls/{ORPHAN}",
}


class Opened:
    """The furnished company on a console with its upstreams, and an administrator."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.scene: Scene = furnish_gateway(store)
        self.console: Console = gateway_console(store)
        self.admin: SignedIn = self.console.admin()
        with store.reading() as tx:
            self.budgets = {budget.name: budget.budget_id for budget in budget_rows.by_name(tx)}

    def browser(self, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def of(self, role: Any, login: str = "") -> TestClient:
        return self.console.browser_of(self.console.person(role, login=login))


@pytest.fixture(scope="module")
def opened(pg_template: str) -> Iterator[Opened]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_gateway TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_gateway"))
    yield Opened(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_gateway WITH (FORCE)")


@pytest.fixture
def changing(store: Store) -> Opened:
    """For tests that change something."""
    return Opened(store)


def alert(page: str) -> str:
    return page.partition('role="alert"')[2].partition("</div>")[0]


# -- as they were looked at


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("name", [*PAGES, "budget", "budget-pinned"])
def test_the_pages_are_the_ones_that_were_looked_at(opened: Opened, name: str, lang: Language) -> None:
    addresses = {**PAGES, "budget": f"/budgets/{opened.budgets['営業支援課']}",
                 "budget-pinned": f"/budgets/{opened.budgets['triage']}"}  # fmt: skip

    answer = opened.browser(lang).get(addresses[name])

    assert answer.status_code == 200
    for leak in ("Undefined", "{{", "{%", ">None<", "Decimal(", "micro"):
        assert leak not in answer.text
    steady = re.sub(r"(応答なし |Silent for )\d+", r"\g<1>*", answer.text)
    check_main(f"{name}-{lang}", steady)


@pytest.mark.parametrize("address", ["/gateway/live", "/gateway/health"])
def test_parts_that_renew_themselves_are_parts_of_the_page(opened: Opened, address: str) -> None:
    browser = opened.browser()
    part = browser.get(address).text
    page = browser.get("/gateway").text

    assert "<html" not in part
    rows = re.findall(r'<th scope="row">.*?</th>', part, re.DOTALL)
    assert rows
    assert all(re.sub(r"\d+秒", "", row) in re.sub(r"\d+秒", "", page) for row in rows)


def test_an_empty_installation_says_what_to_do(store: Store) -> None:
    console = Console(store)
    console = gateway_console(store, gateway_settings(**{"gateway.workers": 0}))
    browser = console.browser_of(console.admin())

    assert "gateway.workers" in browser.get("/gateway").text
    assert "予算はまだありません" in browser.get("/budgets").text
    assert "業務がまだありません" in browser.get("/gateway/variants").text
    assert browser.get("/gateway/refusals").status_code == 200
    assert browser.get("/gateway/live").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/budgets/00000000-0000-0000-0000-000000000000", "/gateway/upstreams/nothing", "/tasks/nothing/variant", "/tasks/-/variant",
     "/gateway/upstreams/%00"],
)  # fmt: skip
def test_what_is_not_there_is_the_page_of_404(opened: Opened, address: str) -> None:
    assert opened.browser().get(address).status_code == 404


@pytest.mark.parametrize(
    "address", ["/budgets", "/gateway", "/gateway/refusals", "/gateway/variants", "/gateway/upstreams/openai"]
)
def test_each_table_is_a_file(opened: Opened, address: str) -> None:
    answer = opened.browser().get(f"{address}?format=csv")

    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1


# -- numbers


def test_what_a_budget_used_opens_to_calls_that_sum_to_it(opened: Opened) -> None:
    """What came after the budgets were made is counted by the gateway, not by this scene: so the days until then."""
    browser = opened.browser()
    page = browser.get("/budgets").text
    opening = re.findall(r'<a href="(/calls\?from[^"]*)"[^>]*>\s*<data value="([^"]*)"', page)

    assert len(opening) == 5
    for href, exact in opening:
        until = href.replace("&amp;", "&")
        until = re.sub(r"to=[0-9-]+", f"to={LAST}", until)
        if "night-batch" in href:
            continue
        assert sum_shown(browser.get(until).text)[1] == number_of(exact), href


def test_the_hour_is_counted_as_the_meters_have_it(opened: Opened) -> None:
    with opened.store.reading() as tx:
        view = gateway_view(tx, NOW, ["openai", "house"])

    found = {one.name: one for one in view.upstreams}
    openai, house = found["openai"].tally, found["house"].tally
    # the hour begins on a whole five minutes: from 13:05 on there are 28 even minutes
    assert (openai.attempts, openai.errors, openai.cut, openai.empty) == (28 * 4 + 4 + 6, 4, 0, 1)
    assert (openai.caller_errors, openai.caller_gone, openai.gateway_errors) == (3, 2, 1)
    assert openai.failed_share == Decimal(4) / (28 * 4 + 4), "what callers or the gateway did is not the upstream's"
    assert view.faults == (("budgets", "database_away", 1), ("variant:triage.rules.toml", "rules_not_toml", 1))
    assert (house.attempts, house.cut, house.fell_back) == (5, 1, 4)
    assert openai.cost_jpy == 28 * (3 * Decimal("0.5397") + Decimal("0.064764"))
    assert sum(found["openai"].attempts) == openai.attempts
    assert openai.first_p50 is not None
    assert 100 < openai.first_p50.ms <= 200
    assert [name for name in found] == ["openai", "house", "former"]
    assert view.refusals == (("key_unknown", 5), ("budget_exceeded", 2), ("a_code_without_a_name", 1))
    assert [worker.under_way for worker in view.workers] == [0, 2]
    assert view.resting == {"house": 1}
    assert [(alarm.kind, alarm.subject) for alarm in view.alarms] == [("errors", "upstream:house")]
    assert [alarm.kind for alarm in view.past_alarms] == ["empty"]


@pytest.mark.quiet
def test_pages_stay_quick_with_a_long_hour(changing: Opened) -> None:
    """Fifty tasks at four models, every minute: more than most companies have."""
    with changing.store.transaction() as tx:
        tx.execute(
            "INSERT INTO calls_minutes SELECT date_trunc('minute', %s::timestamptz) - make_interval(mins => m), 'task-' || t, "
            "'openai', 'model-' || k, 'ok', 5, 0, 0, 5000, 500, 1000, 4000, '{0,1,1,1,2,0,0,0,0,0,0,0}', 900, 5, "
            "'{0,1,1,3,0,0,0,0,0,0,0,0}' FROM generate_series(0, 59) m, generate_series(1, 50) t, generate_series(1, 4) k",
            (NOW,),
        )
    browser = changing.browser()
    browser.get("/gateway")

    for address in ("/gateway", "/gateway/health", "/gateway/live", "/budgets", "/tasks/inquiry-triage/variant"):
        began = time.perf_counter()
        assert browser.get(address).status_code == 200
        assert time.perf_counter() - began < 1.5, address  # 0.3 s on a quiet machine; tests share theirs


# -- one call


def test_a_call_that_fell_back_shows_each_attempt_with_its_upstream(opened: Opened) -> None:
    page = opened.browser().get(f"/calls/{FELL_BACK}").text

    first, _, second = page.partition("試み 2")
    assert '<a href="/gateway/upstreams/openai">openai</a>/gpt-big' in first
    assert "失敗 503 overloaded" in first
    assert '<a href="/gateway/upstreams/house">house</a>/swallow-8b' in second
    assert "第2版" in page
    for name in ("営業支援課", "月の上限", "triage"):
        assert f">{name}</a>" in page
    assert ">夜間バッチ</a>" not in page
    assert "本文" in page


def test_estimates_are_marked_as_such(opened: Opened) -> None:
    orphan, estimated = (opened.browser().get(f"/calls/{call}").text for call in (ORPHAN, ESTIMATED))

    assert "推定" in orphan
    assert "上限の量で値付けしました" in orphan
    assert "文の長さから見積もった" in estimated
    plain = opened.scene.call("inquiry-triage", LAST)
    assert "推定" not in opened.browser().get(f"/calls/{plain.call_id}").text


def test_a_reviewer_sees_the_gateway_without_money(changing: Opened) -> None:
    browser = changing.of("reviewer")

    page, call = (
        browser.get(address).text.partition("<main")[2].partition("</main>")[0]
        for address in ("/gateway", f"/calls/{FELL_BACK}")
    )

    assert "円" not in page
    assert "予算" not in call.partition("構成")[2]
    assert browser.get("/budgets").status_code == 403
    assert browser.get("/tasks/inquiry-triage/variant").status_code == 403


def test_no_key_and_no_password_is_shown(store: Store) -> None:
    furnish_gateway(store)
    settings = gateway_settings()
    rows = {**settings.tables["upstreams"]}
    rows["house"] = {**rows["house"], "base_url": "http://user:hunter2@llm.example.jp/v1", "proxy": "http://a:hunter2@p.example.jp",
                     "headers": "authorization: Bearer hunter2"}  # fmt: skip
    told = Settings(settings.home, None, settings.values, {**settings.tables, "upstreams": rows})
    console = gateway_console(store, told)
    browser = console.browser_of(console.admin())

    for address in ("/gateway", "/gateway/upstreams/house", "/settings"):
        page = browser.get(address)
        assert page.status_code == 200
        assert "hunter2" not in page.text, address


# -- budgets by form

BUDGET = {"name": "夜の上限", "place": "task:inquiry-triage", "period": "day", "limit_jpy": "1,200.5", "kind": "hard",
          "notice_share": "90%", "reason": "夜間の見張り"}  # fmt: skip


def test_a_budget_is_made_changed_and_ended(changing: Opened) -> None:
    browser = changing.browser()

    made = posting(browser, "/budgets", "/budgets", **BUDGET)
    address = made.headers["location"].partition("?")[0]
    page = browser.get(address).text
    changed = posting(browser, address, address, limit_jpy="2000", kind="soft", notice_share="0.5", reason="足りない")
    after = browser.get(address).text
    ended = posting(browser, address, f"{address}/end", reason="不要")
    over = browser.get(address).text

    assert (made.status_code, changed.status_code, ended.status_code) == (303, 303, 303)
    assert made.headers["location"].endswith("?notice=budget_made")
    assert ("1,200.5" in page, "夜間の見張り" in page, "断る" in page) == (True, True, True)
    assert ("2,000" in after, "足りない" in after, "50%" in after) == (True, True, True)
    assert ("終わり" in over, f'action="{address}"' in over) == (True, False)
    assert "夜の上限" not in browser.get("/budgets").text.partition("知らせ</h2>")[0]
    assert "予算を終わらせた" in browser.get("/evidence").text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "名前"), ({"name": "月の上限"}, "すでにあります"), ({"limit_jpy": "x"}, "数として読めません"),
        ({"limit_jpy": "-1"}, "使えません"), ({"limit_jpy": "0.0000001"}, "使えません"), ({"notice_share": "x"}, "割合"),
        ({"notice_share": "0"}, "割合"), ({"notice_share": "120%"}, "割合"), ({"reason": " "}, "理由"), ({"kind": "x"}, "選べません"),
        ({"period": "x"}, "選べません"), ({"place": ""}, "選べません"), ({"place": "task:nothing"}, "ありません"),
        ({"place": "department:"}, "対象"), ({"place": "company:x"}, "要りません"), ({"name": "a\x00b"}, ""),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_budget_is_told_and_the_rest_stays(
    changing: Opened, changes: dict[str, str], told: str
) -> None:
    answer = posting(changing.browser(), "/budgets", "/budgets", **{**BUDGET, **changes})

    if not told:
        assert answer.status_code == 303
        return
    assert answer.status_code == 422
    assert told in alert(answer.text)
    assert "{" not in alert(answer.text)
    if "reason" not in changes:
        assert 'value="夜間の見張り"' in answer.text


def test_a_pinned_budget_has_no_form(changing: Opened) -> None:
    address = f"/budgets/{changing.budgets['triage']}"
    browser = changing.browser()
    page = browser.get(address).text
    token = csrf_of(page)

    answer = browser.post(
        address, data={"csrf": token, "limit_jpy": "1", "kind": "hard", "notice_share": "0.8", "reason": "x"},
        headers={"origin": str(browser.base_url).rstrip("/")},
    )  # fmt: skip

    assert ("固定" in page, 'name="limit_jpy"' in page) == (True, False)
    assert (answer.status_code, "固定" in alert(answer.text)) == (422, True)


@pytest.mark.parametrize(
    ("role", "makes", "sets", "rules"),
    [("admin", 303, 303, 303), ("finance", 303, 403, 403), ("owner", 403, 303, 403), ("developer", 403, 403, 403),
     ("auditor", 403, 403, 403)],
)  # fmt: skip
def test_who_may_decide_what(changing: Opened, role: str, makes: int, sets: int, rules: int) -> None:
    browser = changing.of(role, login="someone@example.jp")
    variant = "/tasks/inquiry-triage/variant"

    answers = (
        posting(browser, "/account", "/budgets", **BUDGET),
        posting(browser, "/account", variant, target="openai/gpt-tiny", fallbacks="", most_output_tokens="", reason="x", seen="2"),
        posting(browser, "/account", f"{variant}/rule", regions="jp", vendors="", training="any", rule_reason="x", seen="1"),
    )  # fmt: skip
    steps = (
        ("canary", {"canary": "openai/gpt-tiny", "percent": "5"}),
        ("canary/full", {}),
        ("canary/end", {}),
        ("back", {}),
    )
    refused = [posting(browser, "/account", f"{variant}/{step}", reason="x", seen="2", **more) for step, more in steps]

    assert tuple(answer.status_code for answer in answers) == (makes, sets, rules)
    assert {answer.status_code for answer in refused} == ({422} if sets == 303 else {403}), (
        "seen is not the newest any more"
    )


# -- variants by form


def set_variant(browser: TestClient, **changes: str) -> Any:
    fields = {"target": "openai/gpt-tiny", "fallbacks": "house/swallow-8b", "most_output_tokens": "500", "reason": "安い",
              "seen": "2", **changes}  # fmt: skip
    return posting(browser, "/tasks/inquiry-triage/variant", "/tasks/inquiry-triage/variant", **fields)


def test_a_variant_is_set_and_an_earlier_one_brought_back(changing: Opened) -> None:
    browser, address = changing.browser(), "/tasks/inquiry-triage/variant"

    kept = set_variant(browser)
    page = browser.get(address).text.partition('id="history"')[0]
    back = posting(browser, address, f"{address}/return", version="1", reason="戻す")
    after = browser.get(address).text.partition('id="answered"')[0]

    assert kept.headers["location"] == f"{address}?notice=variant_set_but"  # the house has no price
    assert ("openai/gpt-tiny" in page, "500 トークンまで" in page, "安い" in page) == (True, True, True)
    assert back.headers["location"] == f"{address}?notice=variant_set"
    assert ("openai/gpt-big" in after, "第4版" in after, "戻す" in after) == (True, True, True)


def test_a_canary_is_begun_completed_and_taken_back(changing: Opened) -> None:
    browser, address = changing.browser(), "/tasks/inquiry-triage/variant"

    begun = posting(
        browser, address, f"{address}/canary", canary="openai/gpt-tiny", percent="２.5％", reason="確かめる", seen="2"
    )
    page = browser.get(address).text
    full = posting(browser, address, f"{address}/canary/full", reason="広げる", seen="3")
    after = browser.get(address).text.partition('id="answered"')[0]
    late = posting(browser, address, f"{address}/back", reason="苦情", seen="3")
    back = posting(browser, address, f"{address}/back", reason="苦情", seen="4")
    last = browser.get(address).text

    assert begun.headers["location"] == f"{address}?notice=canary_set_but"  # the house has no price
    assert ("先行：一連の 2.5 %" in page, 'value="2.5"' in page, "すべてを先行のほうにする" in page) == (
        True,
        True,
        True,
    )
    assert full.headers["location"].startswith(f"{address}?notice=variant_set")
    assert after.index("openai/gpt-tiny") < after.index("openai/gpt-big")
    assert (late.status_code, "第 4 版に変わりました" in late.text) == (422, True)
    assert back.headers["location"].startswith(f"{address}?notice=variant_set")
    assert ("第5版" in last, "先行：一連の" in last) == (True, False)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"canary": "gpt-tiny"}, "読めません"), ({"percent": "0"}, "99.9"), ({"percent": "<b>"}, "99.9"), ({"reason": ""}, "理由"),
        ({"canary": "openai/gpt-big"}, "一番目です"), ({"seen": "1"}, "第 2 版"), ({"canary": "nowhere/x"}, "jitsuri.toml にありません"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_canary_is_told_and_the_rest_stays(
    changing: Opened, changes: dict[str, str], told: str
) -> None:
    address = "/tasks/inquiry-triage/variant"
    fields = {"canary": "openai/gpt-tiny", "percent": "7", "reason": "確かめる", "seen": "2", **changes}
    answer = posting(changing.browser(), address, f"{address}/canary", **fields)

    assert answer.status_code == 422
    assert told in answer.text
    assert f'value="{fields["percent"]}"' in answer.text or "&lt;b&gt;" in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": "gpt-tiny"}, "読めません"), ({"target": "nowhere/x"}, "jitsuri.toml にありません"),
        ({"fallbacks": "openai/gpt-tiny"}, "二度"), ({"most_output_tokens": "-1"}, "使えません"), ({"reason": ""}, "理由"),
        ({"seen": "1"}, "第 2 版"), ({"target": "openai/\x00\ud7ff"}, "読めません"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_variant_is_told_and_the_rest_stays(
    changing: Opened, changes: dict[str, str], told: str
) -> None:
    answer = set_variant(changing.browser(), **changes)

    assert answer.status_code == 422
    assert told in alert(answer.text)
    assert "house/swallow-8b" in answer.text or "fallbacks" in changes


def test_a_target_that_the_rule_forbids_is_refused_in_words(changing: Opened) -> None:
    browser, address = changing.browser(), "/tasks/inquiry-triage/variant"
    ruled = posting(
        browser, address, f"{address}/rule", on_premises_only="yes", regions="", vendors="", training="any",
        rule_reason="社外秘", seen="1",
    )  # fmt: skip

    page = browser.get(address).text
    refused = set_variant(browser)
    house = set_variant(browser, target="house/swallow-8b", fallbacks="")

    assert ruled.headers["location"] == f"{address}?notice=data_rule_set_but"
    assert page.count("送らない") >= 3
    assert "社内設備だけに送る" in page
    assert "いますべて断られます" not in page  # the house still answers
    assert (refused.status_code, "社内設備でない" in alert(refused.text)) == (422, True)
    assert "target_forbidden" not in refused.text
    assert house.status_code == 303


def test_a_task_without_any_allowed_target_says_so_loudly(changing: Opened) -> None:
    browser, address = changing.browser(), "/tasks/inquiry-triage/variant"
    set_variant(browser, fallbacks="")
    posting(browser, address, f"{address}/rule", regions="jp", vendors="", training="any", rule_reason="国内", seen="1")

    page = browser.get(address).text

    assert "この業務の呼出しは、いますべて断られます" in page
    assert "国内のみ" in page
    assert "国内のみ" in browser.get("/gateway/variants").text


def test_a_data_rule_goes_back_and_what_is_wrong_is_told(changing: Opened) -> None:
    browser, address = changing.browser(), "/tasks/inquiry-triage/variant"
    fields = {"regions": "", "vendors": "", "training": "any", "rule_reason": "緩める", "seen": "1"}

    loosened = posting(browser, address, f"{address}/rule", **fields)
    back = posting(browser, address, f"{address}/rule/return", version="1", reason="戻す")
    wrong = [
        posting(browser, address, f"{address}/rule", **{**fields, "seen": "3", **changes})
        for changes in ({"regions": "東京"}, {"training": "x"}, {"rule_reason": ""}, {"seen": "1"})
    ]
    gone = posting(browser, address, f"{address}/rule/return", version="99", reason="x")

    assert (loosened.status_code, back.status_code, gone.status_code) == (303, 303, 422)
    assert [answer.status_code for answer in wrong] == [422] * 4
    assert all("{" not in alert(answer.text) for answer in wrong)


def test_a_variant_is_ended(changing: Opened) -> None:
    browser, address = changing.browser(), "/tasks/inquiry-triage/variant"

    ended = posting(browser, address, f"{address}/end", reason="やめる", seen="2")

    assert ended.headers["location"] == f"{address}?notice=variant_ended"
    assert "構成がまだありません" in browser.get(address).text
    assert posting(browser, address, f"{address}/end", reason="やめる", seen="3").status_code == 422


def test_a_pinned_variant_and_rule_have_no_form(changing: Opened) -> None:
    row = {"title_ja": "問合せ分類", "title_en": "Inquiry triage", "department": "support", "owner": "", "stage": "production",
           "data_class": "internal", "margin": Decimal("0.05"), "variant": "openai/gpt-big", "fallbacks": "",
           "most_output_tokens": 0, "vendors": "", "regions": "us", "training": "any", "on_premises_only": False}  # fmt: skip
    pin(changing.store, {"inquiry-triage": row}, {}, {}, NOW + timedelta(minutes=1))
    browser, address = changing.browser(), "/tasks/inquiry-triage/variant"

    page = browser.get(address).text
    answers = [
        set_variant(changing.of("owner"), seen="3").status_code,
    ]

    assert ('name="target"' in page, 'name="regions"' in page) == (False, False)
    assert page.count("固定") >= 4
    assert answers == [422] or answers == [403]


def test_hostile_words_stay_words(changing: Opened) -> None:
    evil = "<script>alert(1)</script>"
    browser = changing.browser()
    posting(browser, "/budgets", "/budgets", **{**BUDGET, "name": evil, "reason": evil})
    set_variant(browser, reason=evil, target=f"openai/{evil}")
    with changing.store.reading() as tx:
        its_id: UUID = next(b.budget_id for b in budget_rows.by_name(tx) if b.name == evil)
        assert routing_rows.variants(tx)["inquiry-triage"][1].reason == evil

    for address in ("/budgets", f"/budgets/{its_id}", "/gateway", "/gateway/variants", "/tasks/inquiry-triage/variant",
                    "/tasks/inquiry-triage", f"/calls/{FELL_BACK}"):  # fmt: skip
        assert "<script>alert" not in browser.get(address).text, address


def test_the_line_to_copy_names_the_gateways_address(store: Store) -> None:
    furnish_gateway(store)
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "jitsuri.example.jp"), ("gw.example.jp", "gw.example.jp"),
                        ("::1", "[::1]")):  # fmt: skip
        console = gateway_console(store, gateway_settings(**{"gateway.host": host}))
        came = console.admin() if host == "127.0.0.1" else came  # noqa: F821  # the same person on each
        page = console.browser_of(came).get("/tasks/inquiry-triage/variant").text
        assert f"base_url=&#34;http://{shown}:8891/v1&#34;, model=&#34;task:inquiry-triage&#34;" in page or (
            f'base_url="http://{shown}:8891/v1", model="task:inquiry-triage"' in page
        ), host
