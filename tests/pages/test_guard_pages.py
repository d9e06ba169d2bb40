"""The pages about guardrails: as they were looked at, two editors at once, bad input, who sees what, and that no value is shown."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from console_parts import csrf_of, posting
from guard_scene import AOKI, TASK, TERM, VALUE, Guarded, keep_texts
from hypothesis import given
from hypothesis import strategies as st
from page_reading import check_main
from page_scene import NOW
from starlette.testclient import TestClient

from jitsuri.access.rules import permitting
from jitsuri.access.shapes import ROLES, Role
from jitsuri.flows.cold.guarding.keeping import set_policy
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.records import measurements as measurement_rows
from jitsuri.guardrails.records import policies as policy_rows
from jitsuri.guardrails.records import runs as run_rows
from jitsuri.guardrails.rules.policing import BUILT_IN
from jitsuri.guardrails.rules.presets import observe, recommended, strict
from jitsuri.guardrails.shapes import ACTIONS, CheckRan, Exemption, GuardRun, KeptFinding, Policy, Rule
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.web.desk import Fields
from jitsuri.web.pages.guard_measuring import LONGEST_FILE, MOST_LINES
from jitsuri.web.pages.guarding import OUTWARD, Draft, draft_from, draft_of, policy_from
from jitsuri.words import Language

DESK = f"/guards/{TASK}"
PAGES = {
    "guards": "/guards", "guard": DESK, "guard-common": "/guards/*", "guard-by-common": "/guards/quotation-extraction",
    "guard-findings": "/guards/findings?type=MY_NUMBER", "guard-findings-failed": "/guards/findings?outcome=failed",
    "guard-findings-none": "/guards/findings?type=PASSPORT", "guard-measuring": "/guards/measuring",
    "guard-notice": "/guards/notice",
}  # fmt: skip
EMPTY = {"guards-empty": "/guards", "guard-empty": DESK, "guard-measuring-empty": "/guards/measuring",
         "guard-notice-empty": "/guards/notice"}  # fmt: skip


def _database(pg_template: str, name: str) -> Iterator[Store]:
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", f"dbname={name}"))
    yield store
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def opened(pg_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """For tests that only read."""
    for store in _database(pg_template, "jitsuri_guarded"):
        yield Guarded(store, tmp_path_factory.mktemp("guards"))


@pytest.fixture(scope="module")
def bare(pg_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Before anybody set a policy."""
    for store in _database(pg_template, "jitsuri_unguarded"):
        yield Guarded(store, tmp_path_factory.mktemp("bare"), is_empty=True)


@pytest.fixture
def changing(store: Store, tmp_path: Path) -> Guarded:
    """For tests that change something."""
    return Guarded(store, tmp_path)


def alert(page: str) -> str:
    return page.partition('role="alert"')[2].partition("</div>")[0]


def filled(store: Store, task: str = TASK, **changes: str) -> dict[str, Any]:
    """The form of the policy that stands, with some of its fields typed anew; '' in a field of a row changes its first row."""
    with store.reading() as tx:
        found = policy_rows.standing_of(tx, task)
    policy = found.policy if found is not None else Policy(task, 0, ())
    form: dict[str, Any] = {}
    for name, value in draft_of(policy, Checks().known()).pairs():
        if name in form:
            form[name] = [*(form[name] if isinstance(form[name], list) else [form[name]]), value]
        else:
            form[name] = value
    return {**form, **changes}


def standing(store: Store, task: str = TASK) -> Policy:
    with store.reading() as tx:
        found = policy_rows.standing_of(tx, task)
    assert found is not None
    return found.policy


# -- as they were looked at


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("name", [*PAGES, "guard-preview", "guard-wrong", "guard-moved", "guard-reader"])
def test_the_pages_are_the_ones_that_were_looked_at(opened: Guarded, name: str, lang: Language) -> None:
    browser, form = opened.browser(lang), filled(opened.store)
    if name == "guard-preview":
        answer = posting(
            browser, DESK, DESK, **{**form, "in.phone": "mask", "threshold.person": "0.7", "step": "preview"}
        )
    elif name == "guard-wrong":
        answer = posting(
            browser, DESK, DESK, **{**form, "threshold.phone": "abc", "exempt_until": "まだ", "timeout_ms": "長く"}
        )
    elif name == "guard-moved":
        answer = posting(
            browser, DESK, DESK, **{**form, "seen": "1", "in.phone": "mask", "step": "keep", "reason": "x"}
        )
    elif name == "guard-reader":
        login = f"reader-{lang}@example.jp"
        answer = opened.browser(lang, opened.console.person("finance", login=login)).get(DESK)
    else:
        answer = browser.get(PAGES[name])

    assert answer.status_code == {"guard-wrong": 422, "guard-moved": 409}.get(name, 200)
    for leak in ("Undefined", "{{ ", "{%", ">None<", "Decimal(", "Refusal("):
        assert leak not in answer.text
    if name != "guard-notice":  # how many people there are depends on the tests before
        check_main(f"{name}-{lang}", answer.text)


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("name", EMPTY)
def test_before_anything_is_set_the_pages_say_so(bare: Guarded, name: str, lang: Language) -> None:
    answer = bare.browser(lang).get(EMPTY[name])

    assert answer.status_code == 200
    check_main(f"{name}-{lang}", answer.text)


@pytest.mark.parametrize("path", ["/guards", DESK, "/guards/*", "/guards/quotation-extraction"])
def test_what_detection_is_not_stands_on_every_policy(opened: Guarded, path: str) -> None:
    page = opened.browser().get(path).text

    assert "検知には漏れも誤りもあります" in page
    assert "仮名化した文も個人情報として扱います。匿名加工情報ではありません。" in page


# -- writing a policy


def test_a_policy_is_previewed_saved_and_stands_in_its_history(changing: Guarded) -> None:
    browser = changing.browser()
    form = filled(changing.store, **{"in.phone": "mask", "on_premises": "same"})

    seen = posting(browser, DESK, DESK, **form, step="preview")
    before = standing(changing.store)
    kept = posting(browser, DESK, DESK, **form, step="keep", reason="電話番号は戻さない")
    page = browser.get(DESK).text

    assert (seen.status_code, before.version) == (200, 2)
    assert "電話番号" in seen.text or "phone" in seen.text
    assert "社外と同じにする" in seen.text
    assert str(kept.headers["location"]) == f"{DESK}?notice=guard_kept"
    after = standing(changing.store)
    assert (after.version, after.on_premises) == (3, "same")
    assert {rule.check: rule.inward for rule in after.rules}["phone"] == "mask"
    assert after.exemptions == before.exemptions
    assert "電話番号は戻さない" in page
    evidence = browser.get("/evidence").text
    assert ("電話番号は戻さない" in evidence, VALUE in evidence, TERM in evidence) == (True, False, False)


def test_saving_wants_a_reason_and_a_difference(changing: Guarded) -> None:
    browser, form = changing.browser(), filled(changing.store, **{"in.phone": "mask"})

    no_reason = posting(browser, DESK, DESK, **form, step="keep", reason=" ")
    same = posting(browser, DESK, DESK, **filled(changing.store), step="keep", reason="x")

    assert (no_reason.status_code, "理由を書いてください" in no_reason.text) == (422, True)
    assert 'name="in.phone" value="mask"' in no_reason.text
    assert (same.status_code, "同じです" in alert(same.text)) == (422, True)
    assert standing(changing.store).version == 2


@pytest.mark.parametrize("name", ["recommended", "strict", "observe"])
def test_a_preset_fills_the_table_and_leaves_what_was_typed(changing: Guarded, name: str) -> None:
    form = filled(changing.store, **{"terms": "あやめ計画", "reason": "書きかけ"})

    answer = posting(changing.browser(), DESK, DESK, **form, step=f"preset:{name}")

    made = {"recommended": recommended, "strict": strict, "observe": observe}[name](TASK)
    assert answer.status_code == 200
    for rule in made.rules:
        chosen = re.search(rf'<select name="in.{rule.check}".*?value="(\w+)" selected', answer.text, re.DOTALL)
        assert chosen is not None
        assert chosen.group(1) == rule.inward
    assert "あやめ計画</textarea>" in answer.text
    assert "書きかけ" in answer.text
    assert VALUE in answer.text
    assert standing(changing.store).version == 2


def test_of_two_editors_the_second_is_told_and_loses_nothing(changing: Guarded) -> None:
    first, second = changing.browser(), changing.of("owner")
    form = filled(changing.store)

    kept = posting(first, DESK, DESK, **{**form, "in.email": "mask"}, step="keep", reason="先に")
    late = posting(
        second, DESK, DESK, **{**form, "in.phone": "block", "terms": "つばき計画"}, step="keep", reason="あとから"
    )
    again = posting(
        second,
        DESK,
        DESK,
        **{**form, "seen": "3", "in.phone": "block", "in.email": "mask"},
        step="keep",
        reason="合わせた",
    )

    assert kept.status_code == 303
    assert late.status_code == 409
    assert 'id="changed"' in late.text
    assert AOKI in late.text.partition('id="changed"')[2].partition("</section>")[0]
    assert "つばき計画</textarea>" in late.text
    assert 'value="あとから"' in late.text
    assert 'name="seen" value="3"' in late.text
    assert again.status_code == 303
    assert {rule.check: rule.inward for rule in standing(changing.store).rules}["email"] == "mask"


def test_a_task_without_its_own_policy_begins_with_the_common_one(changing: Guarded) -> None:
    path, browser = "/guards/quotation-extraction", changing.browser()
    form = {**filled(changing.store, "*"), "seen": "0", "in.secret": "block"}

    seen = posting(browser, path, path, **form, step="preview")
    kept = posting(browser, path, path, **form, step="keep", reason="秘密は止める")

    assert "共通の方針との違い" in seen.text
    assert kept.status_code == 303
    assert standing(changing.store, "quotation-extraction").version == 1


def test_a_task_can_be_left_unchecked(changing: Guarded) -> None:
    browser = changing.browser()

    stale = posting(browser, DESK, f"{DESK}/end", seen="1", reason="x")
    none = posting(browser, DESK, f"{DESK}/end", seen="2", reason="")
    ended = posting(browser, DESK, f"{DESK}/end", seen="2", reason="業務を終えた")

    assert (stale.status_code, none.status_code, ended.status_code) == (409, 422, 303)
    assert "検査しない" in browser.get("/guards").text
    assert "検査しません" in browser.get("/guards/notice").text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"in.nothing": "mask"}, "nothing"), ({"threshold.phone": "abc"}, "abc"), ({"threshold.phone": "1.5"}, "1.5"),
        ({"threshold.phone": "nan"}, "nan"), ({"threshold.phone": ""}, "しきい値"), ({"in.phone": "explode"}, "explode"),
        ({"out.phone": "pseudonymise"}, "pseudonymise"), ({"failure.phone": "maybe"}, "maybe"),
        ({"exempt_until": "2026-11-21"}, "過ぎています"), ({"exempt_until": "2031-01-01"}, "先すぎます"),
        ({"exempt_until": "2026-02-30"}, "2026-02-30"), ({"exempt_until": ""}, "期限がありません"),
        ({"exempt_owner": ""}, "責任者がありません"), ({"exempt_reason": ""}, "理由がありません"),
        ({"exempt_check": "nothing"}, "nothing"), ({"timeout_ms": "long"}, "long"), ({"timeout_ms": "1"}, "50"),
        ({"on_premises": "never"}, "never"), ({"terms": "あ"}, "短すぎて"), ({"employee_patterns": "abc"}, "番号の形"),
        ({"in.my_number": "pseudonymise"}, "番号法"), ({"terms": "x" * 100}, "長すぎます"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", ["preview", "keep"])
def test_what_is_wrong_is_told_and_what_was_typed_stays(
    opened: Guarded, changes: dict[str, str], told: str, step: str
) -> None:
    form = filled(opened.store, **{"reason": "書いた理由", **changes})

    answer = posting(opened.browser(), DESK, DESK, **form, step=step)

    assert answer.status_code == 422
    assert alert(answer.text)
    assert told in answer.text.partition("<main")[2]
    assert "書いた理由" in answer.text
    for value in changes.values():
        assert not value or value in answer.text
    assert standing(opened.store).version == 2


def test_an_owner_that_nobody_is_is_told_beside_the_exemption(opened: Guarded) -> None:
    form = filled(opened.store, **{"exempt_owner": "nobody@example.jp", "reason": "x"})

    answer = posting(opened.browser(), DESK, DESK, **form, step="keep")

    assert (answer.status_code, "nobody@example.jp" in answer.text.partition("w-exempt-0")[2]) == (422, True)


def test_what_looks_like_markup_stays_a_text(changing: Guarded) -> None:
    hostile = '</textarea><script>alert(1)</script>"'
    form = filled(changing.store, terms=f"{hostile}\r\nさくら計画", exempt_value=hostile, exempt_reason=hostile)
    browser = changing.browser()

    pages = [
        posting(browser, DESK, DESK, **form, step=step, reason=hostile).text for step in ("preview", "edit", "keep")
    ]
    pages.append(browser.get(DESK).text)

    assert all("<script>alert" not in page for page in pages)


def test_a_task_that_is_not_there_is_missing(opened: Guarded) -> None:
    browser = opened.browser()

    assert browser.get("/guards/nothing").status_code == 404
    assert posting(browser, DESK, "/guards/nothing", step="preview").status_code == 404


_RULES = st.lists(
    st.builds(
        Rule, st.sampled_from(sorted(BUILT_IN)), st.sampled_from([None, *ACTIONS]),
        st.sampled_from([None, *(one for one in OUTWARD if one != "off")]), st.integers(0, 100).map(lambda n: n / 100),
        st.sampled_from(["closed", "open"]),
    ).filter(lambda rule: rule.inward or rule.outward),
    unique_by=lambda rule: rule.check,
)  # fmt: skip
_LINES = st.lists(st.text("あいaA9-", min_size=1, max_size=8), unique=True).map(tuple)


@given(
    st.builds(
        Policy, st.just(TASK), st.integers(0, 9), _RULES.map(tuple),
        st.lists(
            st.builds(Exemption, st.sampled_from(sorted(BUILT_IN)), st.text("あ1-", max_size=5), st.just("aoki"),
                      st.dates(date(2026, 1, 1)), st.text("理由", max_size=5)), max_size=4).map(tuple),
        _LINES, _LINES, _LINES, st.sampled_from(["observe", "same"]), st.booleans(), st.integers(50, 30_000), st.booleans(),
    )
)  # fmt: skip
def test_a_policy_comes_back_from_its_form_as_it_was(policy: Policy) -> None:
    read = policy_from(draft_from(Fields(draft_of(policy, BUILT_IN).pairs()), BUILT_IN), TASK)

    assert isinstance(read, Policy)
    order = {name: at for at, name in enumerate(BUILT_IN)}
    assert read.rules == tuple(sorted(policy.rules, key=lambda rule: order[rule.check]))
    assert read.version == policy.version + 1
    for name in (
        "exemptions",
        "terms",
        "employee_patterns",
        "customer_patterns",
        "on_premises",
        "restores_my_number",
        "lets_media_pass",
    ):
        assert getattr(read, name) == getattr(policy, name)


def test_the_form_knows_every_field_of_a_policy() -> None:
    """One that it did not know would be lost by whoever saves here."""
    in_form = {field.name for field in fields(Draft)} - {"seen", "lines", "reason"}

    assert in_form == {field.name for field in fields(Policy)} - {"task", "version", "rules"}


# -- trying a draft on past calls


def test_a_draft_is_tried_on_kept_calls_and_shows_counts_only(changing: Guarded) -> None:
    secret = keep_texts(changing)
    form = filled(changing.store, **{"in.phone": "block"})
    browser = changing.browser()

    answer = posting(browser, DESK, f"{DESK}/replay", **form, days="30")

    assert answer.status_code == 200, alert(answer.text)
    for told in secret:
        assert told not in answer.text.replace(f'value="{VALUE}"', "")
    assert "止めた" in answer.text
    assert standing(changing.store).version == 2
    evidence = browser.get("/evidence").text
    assert "過去の呼出しで試した" in evidence


def test_without_kept_calls_a_try_says_so(opened: Guarded) -> None:
    answer = posting(opened.browser(), DESK, f"{DESK}/replay", **filled(opened.store), days="7")

    assert (answer.status_code, "本文を残した呼出しがありません" in alert(answer.text)) == (422, True)


def test_a_try_needs_the_right_to_see_texts(opened: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    rights = {role: held - {"see_texts"} for role, held in permitting.RIGHTS.items()}
    monkeypatch.setattr(permitting, "RIGHTS", rights)

    answer = posting(opened.browser(), DESK, f"{DESK}/replay", **filled(opened.store), days="7")

    assert (answer.status_code, "本文を見る権限" in alert(answer.text)) == (403, True)
    assert f'formaction="{DESK}/replay"' not in answer.text


# -- findings


def test_findings_are_narrowed_by_what_is_asked(opened: Guarded) -> None:
    browser = opened.browser()

    def runs(query: str) -> int:
        return browser.get(f"/guards/findings?{query}").text.count('class="run"')

    assert runs("") == 31
    assert runs("type=MY_NUMBER") == 3
    assert runs("type=MY_NUMBER&action=mask") == 0
    assert runs("action=exempt") == 7
    assert runs("direction=out") == 0
    assert runs(f"task={TASK}") == 21
    assert runs("task=-") == 0
    assert runs("outcome=failed") == 1
    assert runs("day=2026-11-20&outcome=failed") == 1
    assert runs("day=nonsense&direction=up&action=x&outcome=clean") == 31
    assert runs("type=%00") == 0


def test_a_check_that_could_not_tell_is_never_shown_as_passed(opened: Guarded) -> None:
    page = opened.browser().get("/guards/findings?outcome=failed").text

    assert "時間切れ。この呼出しについては何も言えません" in page
    assert "失敗。この呼出しについては何も言えません" in page
    assert "検査できず断った" in page


# -- measuring

LINES = [
    {"id": "1", "text": "電話は090-1234-5678です。", "entities": [{"start": 3, "end": 16, "type": "PHONE"}]},
    {"id": "2", "text": "本日は晴れです。", "entities": []},
]


def upload(browser: TestClient, body: bytes, name: str = "labelled.jsonl", task: str = "") -> Any:
    token = csrf_of(browser.get("/guards/measuring").text)
    return browser.post(
        "/guards/measuring", data={"csrf": token, "task": task}, files={"file": (name, body)},
        headers={"origin": str(browser.base_url).rstrip("/")},
    )  # fmt: skip


def test_a_measurement_stands_beside_the_checks(changing: Guarded) -> None:
    browser = changing.browser()
    body = "\n".join(json.dumps(one, ensure_ascii=False) for one in LINES).encode()

    came = upload(browser, b"\xef\xbb\xbf" + body, task=TASK)
    page, policy = browser.get("/guards/measuring").text, browser.get(DESK).text

    assert (came.status_code, str(came.headers.get("location"))) == (303, "/guards/measuring?notice=guard_measured")
    assert "1/1" in page
    row = policy.partition('name="threshold.phone"')[2].partition("</tr>")[0]
    assert "100.0%" in row
    assert "090-1234" not in page.partition('id="format"')[0] + policy
    with changing.store.reading() as tx:
        newest = measurement_rows.newest(tx, TASK, 1)[0]
    assert (newest.lines, newest.policy_version) == (2, 2)


def test_bad_lines_are_named_and_the_others_measured(changing: Guarded) -> None:
    body = (
        json.dumps(LINES[0])
        + "\n{not json\n\n"
        + json.dumps({"text": "短い", "entities": [{"start": 0, "end": 9, "type": "X"}]})
    ).encode()

    came = upload(changing.browser(), body)

    assert came.status_code == 200
    told = came.text.partition('id="bad"')[2].partition("</section>")[0]
    assert ("2 行目" in told, "4 行目" in told) == (True, True)
    assert "1/1" in came.text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "選ばれていないか"), (b"  \n \n", "選ばれていないか"), (b"PK\x03\x04\xff\xfe\x00binary", "文字のファイル"),
        (b'{"text": "a\x00"}', "文字のファイル"), (b"{}\n" * 100_000, "5,000"), (b"nonsense\nmore", "読める行が一つもありません"),
        ("あ".encode("cp932"), "文字のファイル"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_measured_is_told(opened: Guarded, body: bytes, told: str) -> None:
    answer = upload(opened.browser(), body, task=TASK)

    assert (answer.status_code, told in alert(answer.text)) == (422, True), alert(answer.text)
    assert f'<option value="{TASK}" selected>' in answer.text


def test_a_file_that_is_too_large_is_told(opened: Guarded) -> None:
    assert upload(opened.browser(), b"x" * (LONGEST_FILE + 2_000_000)).status_code == 413
    assert MOST_LINES < 100_000


# -- who sees what


@pytest.mark.parametrize("role", ROLES)
def test_readers_read_and_editors_edit(changing: Guarded, role: Role) -> None:
    browser = changing.of(role)
    token = csrf_of(browser.get("/account").text)
    headers = {"origin": str(browser.base_url).rstrip("/")}

    def post(to: str, **form: Any) -> int:
        return browser.post(to, data={"csrf": token, **form}, headers=headers, follow_redirects=False).status_code

    page = browser.get(DESK)
    may_edit = role in ("admin", "owner")
    assert {browser.get(path).status_code for path in PAGES.values()} == {200}
    for to in (DESK, f"{DESK}/end", f"{DESK}/replay", "/guards/measuring"):
        assert (post(to, **filled(changing.store)) != 403) == may_edit, to
    assert ('name="threshold.phone"' in page.text) == may_edit
    assert (VALUE in page.text, TERM in page.text) == (may_edit, may_edit)


@pytest.mark.parametrize("role", ["finance", "reviewer", "auditor", "developer"])
def test_no_page_shows_a_value_or_a_word_to_who_may_not_edit(opened: Guarded, role: Role) -> None:
    browser = opened.browser(who=opened.console.person(role, login=f"{role}-reads@example.jp"))

    for path in (*PAGES.values(), "/guards/findings"):
        page = browser.get(path).text
        assert (VALUE in page, TERM in page, "青葉ロジテック" in page, "A9999-99" in page.partition("<main")[2]) == (
            False, False, False, False,
        ), path  # fmt: skip


def test_no_findings_page_shows_a_value_to_anybody(opened: Guarded) -> None:
    for path in ("/guards", "/guards/findings", "/guards/notice", "/guards/measuring"):
        page = opened.browser().get(path).text
        assert (VALUE in page, TERM in page) == (False, False)


def test_the_notice_says_what_the_settings_say(changing: Guarded) -> None:
    page = changing.browser().get("/guards/notice").text
    english = changing.browser("en").get("/guards/notice").text

    assert "問合せ分類：30 日（理由：品質の試行）" in page
    assert "そのほかの業務と、業務の分からない呼出し" in page
    assert "見つけたら止める" in page
    assert "Inquiry triage: 30 days" in english
    assert "管理者（1 人）" in page
    form = filled(changing.store, "*", **{"in.secret": "block"})
    posting(changing.browser(), "/guards/*", "/guards/*", **form, step="keep", reason="x")
    assert changing.browser().get("/guards/notice").text.count("見つけたら止める") == 2


# -- many


def _many(count: int) -> list[GuardRun]:
    checks = tuple(CheckRan(name.lower(), "1", "ran") for name in ("PERSON", "PHONE", "ADDRESS"))
    kinds, made = ("PERSON", "PHONE", "ADDRESS", "EMAIL", "MY_NUMBER"), []
    for at in range(count):
        when = NOW - timedelta(minutes=at % 40_000)
        found = tuple(
            KeptFinding("messages[0].content", n, n + 4, kinds[(at + n) % 5], "person", 0.9, "x", "mask")
            for n in range(3)
        )
        call_id = derived_id("call", "many", str(at))
        run_id = derived_id("run", "many", str(at))
        made.append(GuardRun(run_id, call_id, when, when.date(), TASK if at % 3 else "quotation-extraction", "in", 2,
                             "altered", True, checks, found, 3, 2_000, 400))  # fmt: skip
    rare = KeptFinding("messages[0].content", 0, 4, "PASSPORT", "passport", 0.9, "x", "block")
    last = made[-1]
    made.append(GuardRun(derived_id("run", "rare"), last.call_id, NOW - timedelta(days=27), date(2026, 10, 26), TASK, "in", 2,
                         "blocked", True, checks, (rare,), 1, 2_000, 400))  # fmt: skip
    return made


@pytest.mark.slow
def test_pages_are_quick_with_a_hundred_thousand_runs(changing: Guarded) -> None:
    runs = _many(100_000)
    for at in range(0, len(runs), 5_000):
        with changing.store.transaction() as tx:
            run_rows.insert_many(tx, runs[at : at + 5_000])
    browser = changing.browser()
    taken: dict[str, float] = {}
    for path in ("/guards", DESK, "/guards/findings", "/guards/findings?type=PASSPORT", "/guards/findings?type=PHONE&action=mask",
                 "/guards/measuring", "/guards/notice"):  # fmt: skip
        browser.get(path)
        spent, clock = [], []
        for _ in range(3):
            began, at_clock = time.process_time(), time.perf_counter()
            answer = browser.get(path)
            spent.append(time.process_time() - began)
            clock.append(time.perf_counter() - at_clock)
        assert answer.status_code == 200
        taken[path] = min(spent)
        print(path, f"{min(spent) * 1000:.0f} ms CPU, {min(clock) * 1000:.0f} ms")

    assert browser.get("/guards/findings?type=PASSPORT").text.count('class="run"') == 1
    assert max(taken.values()) < 0.3, taken
    first = browser.get("/guards/findings").text
    older = re.findall(r'href="(\?after=[^"]*)" rel="next"', first)[0]
    second = browser.get(f"/guards/findings{older}").text
    assert (first.count('class="run"'), second.count('class="run"')) == (50, 50)


def test_the_largest_policy_can_be_edited_here(changing: Guarded) -> None:
    rows = tuple(Exemption("phone", f"03-0000-{at:04d}", AOKI, date(2027, 3, 31), "公開") for at in range(500))
    large = replace(recommended(TASK), exemptions=rows, terms=tuple(f"計画{at}" for at in range(10_000)))
    came = set_policy(changing.store, NOW, AOKI, large, "x", Checks().known(), seen=2)
    assert not isinstance(came, tuple), came
    browser = changing.browser()
    began = time.process_time()
    page = browser.get(DESK)
    spent = time.process_time() - began

    kept = posting(browser, DESK, DESK, **filled(changing.store, **{"in.phone": "mask"}), step="keep", reason="大きい")

    assert (page.status_code, kept.status_code) == (200, 303)
    assert (len(standing(changing.store).exemptions), len(standing(changing.store).terms)) == (500, 10_000)
    assert spent < 0.6


def test_a_second_policy_does_not_change_what_was_seen(changing: Guarded) -> None:
    came = set_policy(changing.store, NOW, AOKI, strict("quotation-extraction"), "x", Checks().known(), seen=0)

    assert not isinstance(came, tuple)
    assert "第1版" in changing.browser().get("/guards/quotation-extraction").text
