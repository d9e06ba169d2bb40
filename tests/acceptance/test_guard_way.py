"""Guardrails in a real browser, on the installed command: a policy is set on its page, an application's call goes out under marks
and comes back whole, and the findings stand on their page without a value."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import openai
import psycopg
import pytest
from playwright.sync_api import expect

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "gateway"), str(TESTS / "providers"), str(TESTS / "web"), str(TESTS / "acceptance")]

from browser_parts import running_browser  # noqa: E402
from running_gateway import JITSURI, RunningGateway  # noqa: E402
from stub_upstream import StubUpstream  # noqa: E402
from test_whole_way import SETTINGS, TASK, Company  # noqa: E402

from jitsuri.words import Language  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.database, pytest.mark.slow]

NAME, PHONE, MAIL = "佐藤 花子", "090-1234-5678", "hanako@example.jp"
ASKED = f"担当は{NAME}さんです。電話は{PHONE}、メールは{MAIL}です。返信案を書いてください。"
SECRET = "AKIA" + "Z5K3QJ7WLM2TX6PB"
MORE = f"""
[tasks.{TASK}]
title_ja = "問合せの仕分け"
title_en = "Inquiry triage"
department = "sales"
owner = "doi@example.jp"
variant = "stub/gpt-4o-mini"
"""


@contextmanager
def company(pg_template: str, home: Path, lang: Language) -> Iterator[tuple[Company, StubUpstream]]:
    name = f"jitsuri_guard_way_{lang}"
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE jitsuri_template')
    home.mkdir()
    (home / "prices.toml").write_text("")
    with StubUpstream() as stub:
        settings = SETTINGS.format(stub=stub.url).partition(f"[tasks.{TASK}]")[0] + MORE
        dsn = pg_template.replace("dbname=postgres", f"dbname={name}")
        running = RunningGateway(home, settings, dsn, {"JITSURI_LANG": lang})
        made = subprocess.run(
            [JITSURI, "check"], env=running.environment, text=True, capture_output=True, cwd=home, check=False
        )
        assert made.returncode == 0, made.stdout + made.stderr
        with running, running_browser() as browser:
            yield Company(running, browser, lang), stub


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_call_goes_out_under_marks(pg_template: str, tmp_path: Path, lang: Language) -> None:
    def walk() -> None:
        with company(pg_template, tmp_path / "home", lang) as (here, stub):
            a_policy_is_set_on_its_page(here)
            an_application_calls(here, stub)
            what_was_found_stands_on_its_page(here)
            it_is_measured_on_ones_own_lines(here)
            assert here.told == []
            assert {path: round(took) for path, took in here.slow if took > 300} == {}

    with ThreadPoolExecutor(1) as pool:  # another test's browser may be open on this thread
        pool.submit(walk).result()


def a_policy_is_set_on_its_page(here: Company) -> None:
    first = next(found.group(1) for line in here.running.lines if (found := re.search(r"(/links/\S+)", line)))
    here.enter(first, "aoki@example.jp", "青木 一")
    told = json.loads(here.shell("people", "add", "doi@example.jp", "--name", "土井 四郎", "--role", "owner", "--json"))
    owner = here.enter(told["path"], "doi@example.jp")
    here.open(owner, f"/guards/{TASK}")
    expect(owner.locator("main")).to_contain_text(here.word("page.guards.sober_pseudonyms"))
    owner.click("button[value='preset:recommended']")
    owner.fill("[name=reason]", "個人情報を社外に出さないため")
    owner.click("#preview")
    expect(owner.locator("#differences")).to_be_visible()
    here.shot(owner, "guard-1-preview")
    owner.click("button[value='keep']")
    expect(owner.locator("#history tbody tr")).to_have_count(1)
    here.shot(owner, "guard-2-policy")
    here.timed(owner, "/guards", f"/guards/{TASK}")


def an_application_calls(here: Company, stub: StubUpstream) -> None:
    here.key = here.shell("key", "make", "app", "--purpose", "a test").strip().splitlines()[-1]
    here.running.wait_until_known(here.key)
    with openai.OpenAI(base_url=f"{here.running.url}/v1", api_key=here.key, max_retries=0) as client:
        asked = [{"role": "user", "content": ASKED}]
        whole = client.chat.completions.create(model=f"task:{TASK}", messages=asked)  # type: ignore[call-overload]
        stream = client.chat.completions.create(model=f"task:{TASK}", messages=asked, stream=True)  # type: ignore[call-overload]
        flowed = "".join(one.choices[0].delta.content or "" for one in stream if one.choices)
        for answer in (whole.choices[0].message.content or "", flowed):
            assert NAME in answer
            assert PHONE in answer
        for received in stub.requests:
            body = json.dumps(json.loads(received.body), ensure_ascii=False)
            assert not [value for value in (NAME, PHONE, MAIL) if value in body]
        before = len(stub.requests)
        with pytest.raises(openai.PermissionDeniedError) as refused:
            client.chat.completions.create(  # type: ignore[call-overload]
                model=f"task:{TASK}", messages=[{"role": "user", "content": f"鍵は {SECRET} です。"}]
            )
        assert refused.value.code == "guard_blocked"
        assert len(stub.requests) == before


def what_was_found_stands_on_its_page(here: Company) -> None:
    owner = here.pages["doi"]
    here.open(owner, f"/guards/findings?task={TASK}")
    main = owner.locator("main")
    for kind in ("PERSON", "PHONE", "EMAIL", "SECRET"):
        expect(main).to_contain_text(here.word(f"guard_type.{kind}"))
    expect(main).to_contain_text(here.word("guard_outcome.blocked"))
    shown = owner.content()
    assert not [value for value in (NAME, PHONE, MAIL, SECRET, "花子") if value in shown]
    here.shot(owner, "guard-3-findings")
    told = here.shell("guard", "findings", "--task", TASK)
    assert not [value for value in (NAME, PHONE, MAIL, SECRET, "花子") if value in told]
    here.timed(owner, f"/guards/findings?task={TASK}")
    owner.locator("#runs a.code").first.click()
    expect(owner.locator("#checked")).to_contain_text(here.word("guard_type.PHONE"))
    expect(owner.locator("#checked")).to_contain_text(here.word("guard_outcome.altered"))
    assert PHONE not in owner.content()
    here.shot(owner, "guard-3b-call")


def it_is_measured_on_ones_own_lines(here: Company) -> None:
    owner = here.pages["doi"]
    lines = [
        {"id": "1", "text": f"電話は{PHONE}です。", "entities": [{"start": 3, "end": 3 + len(PHONE), "type": "PHONE"}]},
        {"id": "2", "text": "合言葉は山です。", "entities": [{"start": 4, "end": 5, "type": "SECRET"}]},
    ]  # fmt: skip
    text = "\n".join(json.dumps(one, ensure_ascii=False) for one in lines)
    here.open(owner, "/guards/measuring")
    owner.locator("#f-file").set_input_files(
        files={"name": "lines.jsonl", "mimeType": "application/jsonl", "buffer": text.encode()}
    )
    owner.locator("form[action='/guards/measuring'] button.first").click()
    expect(owner.locator("main")).to_contain_text(here.word("guard_type.PHONE"))
    here.shot(owner, "guard-4-measured")
    here.open(owner, f"/guards/{TASK}")
    expect(owner.locator("#checks")).to_contain_text("100")
    here.open(owner, "/guards/notice")
    here.shot(owner, "guard-5-notice")
