"""The prompt desk: as it was looked at, forms, what is refused, who may do what, and what leaves evidence."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from console_parts import posting
from page_reading import check_main
from page_scene import NOW
from prompt_scene import FIRST, OWN, PLAIN, SECOND, Said, furnish_prompts, prompt_console, prompt_sites
from starlette.testclient import TestClient

from jitsuri.access.shapes import ROLES, Role
from jitsuri.flows.cold.keeping_variants import set_data_rule
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.prompting import LONGEST_PROMPT
from jitsuri.routing.shapes import DataRule
from jitsuri.store.door import Store
from jitsuri.words import Language

DESK = "/tasks/inquiry-triage/prompts"
PAGES = {"prompts": DESK, "prompts-first": f"{DESK}?version=1", "prompt-difference": f"{DESK}/difference?old=1&new=2"}
TRY = {"way": "openai/gpt-big#p2", "cap": "50"}


class Opened:
    """The scene on a console, and an administrator."""

    def __init__(self, store: Store, home: Path, *, with_versions: bool = True) -> None:
        self.store = store
        self.said = Said()
        furnish_prompts(store, with_versions=with_versions)
        self.console = prompt_console(store, home, self.said)
        self.admin = self.console.admin()

    def browser(self, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def of(self, role: Role) -> TestClient:
        return self.console.browser_of(self.console.person(role))

    def tried(self, browser: TestClient, **changes: Any) -> str:
        """The address of a try that is over."""
        form = {**TRY, "call": [str(one) for one in PLAIN], "step": "go", **changes}
        began = posting(browser, DESK, f"{DESK}/try", **form)
        assert began.status_code == 303, alert(began.text)
        address = str(began.headers["location"])
        ends = time.monotonic() + 20
        while "data-live-done" not in browser.get(address).text:
            assert time.monotonic() < ends
            time.sleep(0.02)
        return address


@pytest.fixture(scope="module")
def opened(pg_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_prompts TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_prompts"))
    yield Opened(store, tmp_path_factory.mktemp("prompts"))
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_prompts WITH (FORCE)")


@pytest.fixture
def changing(store: Store, tmp_path: Path) -> Opened:
    """For tests that change something."""
    return Opened(store, tmp_path)


def alert(page: str) -> str:
    return page.partition('role="alert"')[2].partition("</div>")[0]


# -- as they were looked at


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("name", [*PAGES, "prompts-none", "prompt-plan", "prompts-found", "prompt-tried"])
def test_the_pages_are_the_ones_that_were_looked_at(opened: Opened, name: str, lang: Language) -> None:
    browser = opened.browser(lang)
    if name == "prompt-plan":
        answer = posting(browser, DESK, f"{DESK}/try", **TRY, call=[str(one) for one in PLAIN[:2]])
    elif name == "prompts-found":
        answer = posting(browser, DESK, f"{DESK}/found")
    elif name == "prompt-tried":
        answer = browser.get(opened.tried(browser))
    else:
        answer = browser.get({**PAGES, "prompts-none": "/tasks/quotation-extraction/prompts"}[name])

    assert answer.status_code == 200
    for leak in ("Undefined", "{{ ", "{%", ">None<", "Decimal("):
        assert leak not in answer.text
    check_main(f"{name}-{lang}", re.sub(r"/try/[0-9a-f-]{36}", "/try/*", answer.text))


# -- versions


def test_a_version_is_written_compared_and_put_to_use(changing: Opened) -> None:
    browser = changing.browser()

    kept = posting(browser, DESK, DESK, text=SECOND.replace("\n", "\r\n") + "\r\n短く。\r\n", reason="短く")
    page = browser.get(str(kept.headers["location"])).text
    difference = browser.get(f"{DESK}/difference?old=2&new=3").text
    used = posting(browser, DESK, f"{DESK}/use", version="3", seen="2", percent="", reason="試した")
    after, variant = browser.get(DESK).text, browser.get("/tasks/inquiry-triage/variant").text
    back = posting(browser, DESK, f"{DESK}/use", version="0", seen="3", percent="", reason="戻す")

    assert str(kept.headers["location"]) == f"{DESK}?version=3&notice=prompt_added"
    assert "短く。</textarea>" in page
    assert "<ins>短く。</ins>" in difference
    assert (
        str(used.headers["location"]) == "/tasks/inquiry-triage/variant?notice=variant_set_but"
    )  # a fall-back has no price
    assert "今は第3版で openai/gpt-big が答えています" in after
    assert ("openai/gpt-big#p3" in variant, "指示文 第3版" in variant) == (True, True)
    assert back.status_code == 303
    with changing.store.reading() as tx:
        assert [one.text for one in routing_rows.prompts(tx, "inquiry-triage")] == [f"{SECOND}\n短く。", SECOND, FIRST]
        history = routing_rows.variant_history(tx, "inquiry-triage")
    assert [variant.prompt for variant, _ in history[:2] if variant] == [0, 3]
    evidence = browser.get("/evidence").text
    assert ("指示文の版を加えた" in evidence, "短く。" in evidence) == (True, False)


def test_a_share_of_threads_is_answered_by_a_version_first(changing: Opened) -> None:
    browser = changing.browser()

    came = posting(browser, DESK, f"{DESK}/use", version="2", seen="2", percent="5", reason="試した")
    page, variant = browser.get(DESK).text, browser.get("/tasks/inquiry-triage/variant").text

    assert str(came.headers["location"]) == "/tasks/inquiry-triage/variant?notice=canary_set_but"
    assert "先行 5.0 %" in page
    assert "先行 5 %：openai/gpt-big#p2" in variant


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"text": ""}, "空です"), ({"text": "  \r\n "}, "空です"), ({"text": "あ" * (LONGEST_PROMPT + 1)}, "100,000 字まで"),
        ({"text": "x" * 1_000_000}, "1,000,000 字"), ({"text": "一\r\n二\x00三"}, "2 行目 2 字目"), ({"text": "a\x1bb"}, "U+001B"),
        ({"text": "{{caller}}{{caller}}"}, "一度だけ"), ({"text": FIRST}, "第 1 版"), ({"reason": ""}, "理由"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_version_is_told_and_what_was_written_stays(
    changing: Opened, changes: dict[str, str], told: str
) -> None:
    answer = posting(changing.browser(), DESK, DESK, **{"text": "新しい文", "reason": "x", **changes})

    assert answer.status_code == 422
    assert told in alert(answer.text)
    if "reason" in changes:
        assert "新しい文</textarea>" in answer.text


def test_a_text_that_looks_like_markup_stays_a_text(changing: Opened) -> None:
    browser = changing.browser()
    hostile = "</textarea><script>alert(1)</script>\n<b>&amp;"

    kept = posting(browser, DESK, DESK, text=hostile, reason="<i>x")
    pages = browser.get(str(kept.headers["location"])).text + browser.get(f"{DESK}/difference").text

    assert "<script>alert" not in pages
    assert "<i>x" not in pages
    assert "&lt;script&gt;alert(1)" in pages


def test_pages_of_what_is_not_there_are_missing(opened: Opened) -> None:
    browser = opened.browser()

    for address in ("/tasks/nothing/prompts", f"{DESK}/difference?old=1&new=9", f"{DESK}/difference?old=x",
                    "/tasks/nothing/prompts/difference", "/tasks/quotation-extraction/prompts/difference"):  # fmt: skip
        assert browser.get(address).status_code == (200 if address.endswith("old=x") else 404), address
    gone = browser.get(f"{DESK}/try/00000000-0000-4000-8000-000000000000")
    assert (gone.status_code, "もうありません" in alert(gone.text)) == (422, True)


# -- what callers send


def test_prompts_in_kept_calls_are_counted_and_taken_over_with_one_click(store: Store, tmp_path: Path) -> None:
    desk = Opened(store, tmp_path, with_versions=False)
    browser = desk.browser()

    found = posting(browser, DESK, f"{DESK}/found").text
    taken = posting(browser, DESK, f"{DESK}/take", call=str(PLAIN[0]))
    again = posting(browser, DESK, f"{DESK}/take", call=str(PLAIN[1]))
    known = posting(browser, DESK, f"{DESK}/found").text

    assert "4 件の中に 2 種類" in found
    assert found.index("3 件") < found.index("1 件")
    assert "一語で分類してください。" in found
    assert str(taken.headers["location"]) == f"{DESK}?version=1&notice=prompt_added"
    assert "第 1 版" in alert(again.text)
    assert "第1版と同じ" in known
    with store.reading() as tx:
        [first] = routing_rows.prompts(tx, "inquiry-triage")
    assert (first.text, first.author, PLAIN[0].hex[:8] in first.reason) == (OWN, "aoki@example.jp", True)
    evidence = browser.get("/evidence").text
    assert ("呼出しの本文から指示文を調べた" in evidence, "四つから一つ" in evidence) == (True, False)


# -- trying


def test_a_try_shows_its_estimate_first_and_then_both_answers(changing: Opened) -> None:
    browser = changing.browser()

    planned = posting(browser, DESK, f"{DESK}/try", **TRY, call=[str(one) for one in PLAIN[:2]])
    assert (planned.status_code, changing.said.asked) == (200, [])
    assert "試す前の見積り" in planned.text
    page = browser.get(changing.tried(browser)).text

    asked = {question.body for question in changing.said.asked}
    assert {json.loads(body)["messages"][0]["content"] for body in asked} == {SECOND}
    assert {(q.target, q.task, q.purpose, q.dialect) for q in changing.said.asked} == {
        ("openai/gpt-big", "inquiry-triage", "evaluation", "openai")
    }
    assert len({question.attempt_id for question in changing.said.asked}) == 4
    assert page.count("<pre>納期</pre>") == 2
    assert ("<pre>その他</pre>" in page, "<pre>返品</pre>" in page) == (True, True)
    assert "答えが来ませんでした（overloaded、503）" in page
    assert "412 ms" in page
    assert "way=openai%2Fgpt-big%23p2" in page
    with changing.store.reading() as tx:
        [row] = tx.execute("SELECT count(*) FROM evidence_records WHERE act = 'texts_viewed'").fetchall()
        [tried] = tx.execute("SELECT facts FROM evidence_records WHERE act = 'prompt_tried'").fetchall()
        tables = tx.execute(
            "SELECT count(*) FROM evidence_records WHERE act <> 'prompt_added' AND facts::text LIKE '%%返品%%'"
        ).fetchone()
    assert row == (4,)
    assert tried[0]["way"] == "openai/gpt-big#p2"
    assert tables == (0,)


def test_the_cap_is_kept_call_by_call(changing: Opened) -> None:
    browser = changing.browser()
    whole = posting(browser, DESK, f"{DESK}/try", **{**TRY, "cap": "10000"}, call=[str(one) for one in PLAIN]).text
    estimate = float(re.findall(r'<data value="([\d.]+)円"', whole)[-1])
    page = browser.get(changing.tried(browser, cap=f"{estimate * 1.05:.4f}")).text

    assert 1 <= len(changing.said.asked) < 4
    assert "上限のため尋ねず" in page


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"call": []}, "1 件から 10 件"), ({"call": ["x"]}, "1 件から 10 件"), ({"cap": "0"}, "正の数"), ({"cap": "x"}, "正の数"),
        ({"cap": "NaN"}, "正の数"), ({"cap": "99999"}, "正の数"), ({"cap": "0.001"}, "一件も"), ({"way": "gpt-big"}, "提供元"),
        ({"way": "nowhere/m"}, "nowhere"), ({"way": "openai/gpt-big#p9"}, "第 9 版"), ({"way": "openai/no-price"}, "単価"),
        ({"way": "house/swallow-8b"}, "単価"), ({"call": ["00000000-0000-4000-8000-000000000000"]}, "残"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_told_and_nothing_is_asked(
    changing: Opened, changes: dict[str, Any], told: str
) -> None:
    form = {**TRY, "call": [str(PLAIN[0])], "step": "go", **changes}

    answer = posting(changing.browser(), DESK, f"{DESK}/try", **form)

    assert answer.status_code == 422
    assert told in alert(answer.text)
    assert changing.said.asked == []


def test_a_try_goes_nowhere_that_the_data_rule_forbids(changing: Opened) -> None:
    rule = DataRule("inquiry-triage", regions=("jp",))
    set_data_rule(changing.store, NOW, "aoki", rule, "x", prompt_sites())

    answer = posting(changing.browser(), DESK, f"{DESK}/try", **TRY, call=str(PLAIN[0]), step="go")

    assert ("openai/gpt-big" in alert(answer.text), changing.said.asked) == (True, [])


def test_a_try_is_its_persons_alone_and_not_for_long(changing: Opened) -> None:
    browser = changing.browser()
    address = changing.tried(browser)

    assert changing.of("owner").get(address).status_code == 422
    assert browser.get(address.replace("inquiry-triage", "quotation-extraction")).status_code == 404
    changing.console.now = NOW + timedelta(minutes=31)
    assert browser.get(address).status_code == 422


def test_a_console_that_cannot_ask_says_so(store: Store, tmp_path: Path) -> None:
    furnish_prompts(store)
    console = prompt_console(store, tmp_path, None)
    browser = console.browser_of(console.admin())

    assert "尋ねられません" in browser.get(DESK).text
    answer = posting(browser, DESK, f"{DESK}/try", **TRY, call=str(PLAIN[0]), step="go")
    assert "尋ねられません" in alert(answer.text)


# -- who may do what

_EDITS: dict[Role, tuple[int, int, int]] = {
    "admin": (200, 303, 303), "owner": (200, 303, 303), "developer": (200, 303, 403), "finance": (200, 403, 403),
    "auditor": (200, 403, 403), "reviewer": (403, 403, 403),
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_developers_write_and_owners_decide(changing: Opened, role: Role) -> None:
    browser = changing.of(role)
    token = re.findall(r'name="csrf" value="([^"]*)"', browser.get("/account").text)[0]
    headers = {"origin": str(browser.base_url).rstrip("/")}

    def post(to: str, **form: str) -> int:
        return browser.post(to, data={"csrf": token, **form}, headers=headers, follow_redirects=False).status_code

    seen = browser.get(DESK)
    wrote = post(DESK, text=f"{role} の文", reason="x")
    used = post(f"{DESK}/use", version="2", seen="2", percent="", reason="x")

    assert (seen.status_code, wrote, used) == _EDITS[role]
    for to in ("found", "take", "try"):
        status = post(f"{DESK}/{to}", call=str(PLAIN[0]), **TRY)
        assert (status != 403) == (role in ("admin", "owner")), to
    assert ('id="f-text"' in seen.text) == (role in ("admin", "owner", "developer"))
    assert ('id="try"' in seen.text) == (role in ("admin", "owner"))
    assert ("送られている" in seen.text) == (role in ("admin", "owner"))


def test_a_pinned_variant_takes_no_prompt_here(changing: Opened) -> None:
    with changing.store.transaction() as tx:
        tx.execute("UPDATE routing_variants SET is_pinned = true WHERE task = 'inquiry-triage'")
    browser = changing.browser()

    answer = posting(browser, DESK, f"{DESK}/use", version="2", seen="2", percent="", reason="x")

    assert "固定" in alert(answer.text)
    assert 'name="percent"' not in browser.get(DESK).text
