"""The commands against the installed gateway: ask it, explain what it booked, set a variant and a budget that hold at once."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from running_gateway import JITSURI, RunningGateway

from jitsuri.access.live.passwords import Passwords
from jitsuri.access.shapes import SignedIn
from jitsuri.flows.cold.admitting import accept_first_admin, first_admin_link
from jitsuri.store.door import Store

SETTINGS = {
    "more": """
[tasks.open-task]
title_ja = "構成を画面で決める業務"

[tasks.closed]
title_ja = "社内だけ"
variant = "stub/gpt-4o-mini"
on_premises_only = true
"""
}

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(gateway: RunningGateway, key: str) -> Command:
    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        told = {**gateway.environment, "JITSURI_KEY": key, "JITSURI_URL": f"{gateway.url}/v1", **environment}
        return subprocess.run([JITSURI, *words], env=told, capture_output=True, text=True, check=False, timeout=60)

    return run


def explained(command: Command, call: str) -> Any:
    done = command("explain", call, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_an_answer_comes_with_its_call_which_is_explained(command: Command, gateway: RunningGateway) -> None:
    done = command("ask", "納期はいつですか", "--task", "inquiry-triage")

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    found = re.search(r"call ([0-9a-f-]{36})  stub/gpt-4o-mini", done.stderr)
    assert found is not None, done.stderr
    told = explained(command, found.group(1))
    attempt = told["attempts"][0]
    assert (told["task"], told["key"], told["plan"]["version"]) == ("inquiry-triage", "app", 1)
    assert (attempt["upstream"], attempt["status"], attempt["state"]) == ("stub", "ok", "priced")
    assert float(told["cost_jpy"]) > 0


def test_where_the_gateway_is_this_machines_own_the_yen_are_told(
    command: Command, gateway: RunningGateway, tmp_path: Path
) -> None:
    port = gateway.url.rpartition(":")[2]
    here = tmp_path / "here.toml"
    here.write_text(
        (gateway.home / "jitsuri.toml").read_text().replace("[gateway]\nport = 0", f"[gateway]\nport = {port}")
    )

    done = command("--config", str(here), "ask", "いくらですか", "--model", "gpt-4o-mini", JITSURI_URL="")

    assert done.returncode == 0, done.stderr
    assert re.search(r"¥0\.\d+", done.stderr), done.stderr


def test_a_script_gets_the_whole_answer(command: Command) -> None:
    done = command("ask", "納期はいつですか", "--model", "gpt-4o-mini", "--json", "--most-output", "20")

    told = json.loads(done.stdout)
    assert float(told["cost_jpy"]) > 0
    assert told["answer"]["choices"][0]["message"]["content"]
    assert told["answered_by"] == "stub/gpt-4o-mini"


def test_refusals_read_well_where_a_person_meets_them(command: Command) -> None:
    closed = command("ask", "x", "--task", "closed")
    japanese = command("ask", "x", "--task", "closed", JITSURI_LANG="ja")
    bare = command("ask", "x", "--task", "open-task")
    unknown = command("ask", "x", "--task", "nothing")
    keyless = command("ask", "x", "--task", "closed", JITSURI_KEY="jk_wrong")

    assert [done.returncode for done in (closed, bare, unknown, keyless)] == [2, 2, 2, 2]
    assert "the task stays on premises" in closed.stderr
    assert "社内設備だけに送る決まり" in japanese.stderr
    assert "jitsuri variant set open-task" in bare.stderr
    assert "nothing" in unknown.stderr
    assert "(401)" in keyless.stderr


def test_a_variant_and_a_budget_set_by_command_hold_within_seconds(command: Command, module_store: Store) -> None:
    made = command("variant", "set", "open-task", "stub/gpt-4o-mini", "--reason", "試す")
    assert made.returncode == 0, made.stderr
    wait_until(lambda: command("ask", "x", "--task", "open-task").returncode == 0)

    ruled = command("variant", "rule", "open-task", "--regions", "us", "--reason", "米国だけ")
    assert "stub/gpt-4o-mini" in ruled.stderr
    wait_until(lambda: "computes in jp" in command("ask", "x", "--task", "open-task").stderr)
    command("variant", "rule", "open-task", "--regions", "", "--reason", "戻す")
    wait_until(lambda: command("ask", "x", "--task", "open-task").returncode == 0)

    command(
        "budget",
        "set",
        "小さな上限",
        "0.000001",
        "--scope",
        "task",
        "--subject",
        "open-task",
        "--kind",
        "hard",
        "--reason",
        "x",
    )
    wait_until(lambda: "小さな上限" in command("ask", "x", "--task", "open-task").stderr)
    refused = command("ask", "x", "--task", "open-task", JITSURI_LANG="ja")
    assert (refused.returncode, "収まりません" in refused.stderr) == (2, True)
    command("budget", "end", "小さな上限", "--reason", "x")
    wait_until(lambda: command("ask", "x", "--task", "open-task").returncode == 0)

    shown = command("variant", "history", "open-task")
    assert shown.stdout.count("data rule, version") == 2


def test_a_model_without_a_price_says_why_it_has_none(command: Command) -> None:
    done = command("ask", "x", "--model", "stub/stub-model", "--json")
    assert done.returncode == 0, done.stderr

    told = explained(command, json.loads(done.stdout)["call_id"])

    assert (told["cost_jpy"], told["plan"], told["attempts"][0]["reason"]) == (None, None, "price_missing_model")
    assert "price book does not have this model" in command("explain", told["call_id"]).stdout


def test_the_console_shows_the_upstreams_and_the_call_that_was_just_asked(
    command: Command, gateway: RunningGateway, module_store: Store
) -> None:
    now, secrets = datetime.now(UTC), itertools.count()
    path = first_admin_link(module_store, now, lambda: f"link-{next(secrets)}-{'x' * 40}")
    assert path is not None
    admin = accept_first_admin(
        module_store, Passwords(), now, path, login="aoki@example.jp", name="青木", password="korekara-12-mojide", language="ja",
        secret=lambda: f"secret-{next(secrets)}-{'y' * 40}",
    )  # fmt: skip
    assert isinstance(admin, SignedIn)

    def page(address: str) -> str:
        asked = urllib.request.Request(
            f"{gateway.console}{address}", headers={"cookie": f"jitsuri_session={admin.secret}"}
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return str(answer.read().decode())

    asked = json.loads(command("ask", "納期はいつですか", "--task", "inquiry-triage", "--json").stdout)

    assert f"/calls/{asked['call_id']}" in page("/gateway/live")
    shown = page("/gateway")
    assert ">stub</a>" in shown
    assert "環境変数 STUB_KEY" in shown
    assert "sk-stub" not in shown
    assert "応答あり" in shown
    wait_until(lambda: '<a href="/gateway/upstreams/stub"><data' in page("/gateway/health"))
    call = page(f"/calls/{asked['call_id']}")
    assert '<a href="/gateway/upstreams/stub">stub</a>/gpt-4o-mini' in call
