"""``/v1/guard/scan``: for who has a key, by the policy that holds, bounded, and without a word of the texts anywhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from running_gateway import RunningGateway, make_key

from jitsuri.flows.cold.guarding.keeping import set_policy
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.shapes import Policy, Rule, StoredPolicy
from jitsuri.store.door import Store

SETTINGS = {"more": '\n[tasks.scanned]\ntitle_ja = "調べる業務"\n\n[tasks.other]\ntitle_ja = "別の業務"\n'}
TEXT = "電話は03-1234-5678、メールはaoki@example.co.jpです。"


def ask(gateway: RunningGateway, body: Any, secret: str = "", **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body)
    named = {"authorization": f"Bearer {secret}"} if secret else {}
    return httpx2.post(f"{gateway.url}/v1/guard/scan", content=content, headers={**named, **headers}, timeout=30)


@pytest.fixture(scope="module")
def bound(gateway: RunningGateway, module_store: Store) -> str:
    """A key of a task that has a policy: telephone numbers only."""
    policy = Policy("scanned", 0, (Rule("phone", "mask"),))
    came = set_policy(module_store, datetime.now(UTC), "owner", policy, "x", Checks().known())
    assert isinstance(came, StoredPolicy), came
    secret = make_key(module_store, "bound", secret="b" * 43, task="scanned")
    gateway.wait_until_known(secret)
    return secret


def test_all_built_in_checks_where_no_policy_holds(gateway: RunningGateway, key: str) -> None:
    came = ask(gateway, {"text": TEXT}, key)
    assert came.status_code == 200
    assert [(one["type"], TEXT[one["start"] : one["end"]]) for one in came.json()["entities"]] == [
        ("PHONE", "03-1234-5678"), ("EMAIL", "aoki@example.co.jp"),
    ]  # fmt: skip
    assert "policy" not in came.json()


def test_the_policy_of_the_keys_task(gateway: RunningGateway, bound: str) -> None:
    told = ask(gateway, {"texts": [{"id": "a", "text": TEXT}, {"id": 2, "text": ""}]}, bound).json()
    assert [(one["id"], [found["type"] for found in one["entities"]]) for one in told["results"]] == [
        ("a", ["PHONE"]),
        (2, []),
    ]
    assert told["policy"] == {"task": "scanned", "version": 1}


def test_the_task_that_the_body_or_the_header_names(gateway: RunningGateway, key: str, bound: str) -> None:
    by_body, by_header = (
        ask(gateway, {"text": TEXT, "task": "scanned"}, key),
        ask(gateway, {"text": TEXT}, key, **{"x-jitsuri-task": "scanned"}),
    )
    assert by_body.json() == by_header.json()
    assert [one["type"] for one in by_body.json()["entities"]] == ["PHONE"]
    assert ask(gateway, {"text": TEXT, "task": "nobody"}, key).status_code == 404
    refused = ask(gateway, {"text": TEXT, "task": "other"}, bound)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "task_not_of_key")


@pytest.mark.parametrize("secret", ["", "sk-stranger"])
def test_a_stranger_is_refused(gateway: RunningGateway, secret: str) -> None:
    came = ask(gateway, {"text": TEXT}, secret)
    assert came.status_code == 401
    assert "entities" not in came.text
    in_other_words = ask(gateway, {"text": TEXT}, secret, **{"anthropic-version": "2023-06-01"})
    assert in_other_words.json()["type"] == "error"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "guard_scan_body"), ({"text": 1}, 400, "guard_scan_body"), ({}, 400, "guard_scan_body"),
        ({"text": "a", "texts": []}, 400, "guard_scan_body"), (b"\xff", 400, "guard_scan_body"),
        ({"texts": [{"text": ""}] * 1001}, 413, "guard_scan_size"), ({"texts": [{"text": "a" * 25_001}] * 4}, 413, "guard_scan_size"),
        ({"text": "a" * 30_001}, 413, "guard_scan_size"),
    ],
)  # fmt: skip
def test_what_cannot_be_scanned_is_refused(
    gateway: RunningGateway, key: str, body: Any, status: int, code: str
) -> None:
    came = ask(gateway, body, key)
    assert (came.status_code, came.json()["error"]["code"]) == (status, code)


def test_many_texts_are_answered_in_order(gateway: RunningGateway, key: str) -> None:
    texts = [{"id": n, "text": ("あ" * (n % 7) * 400) + "03-1234-5678" * (n % 2)} for n in range(60)]
    told = ask(gateway, {"texts": texts}, key).json()["results"]
    assert [one["id"] for one in told] == list(range(60))
    assert [len(one["entities"]) for one in told] == [n % 2 for n in range(60)]
    assert ask(gateway, {"texts": []}, key).json() == {"results": []}


def test_only_by_post(gateway: RunningGateway, key: str) -> None:
    came = httpx2.get(f"{gateway.url}/v1/guard/scan", headers={"authorization": f"Bearer {key}"})
    assert came.json()["error"]["code"] == "method_wrong"


def test_nothing_of_a_text_is_kept(gateway: RunningGateway, key: str, module_store: Store) -> None:
    assert ask(gateway, {"text": TEXT}, key).status_code == 200
    with module_store.reading() as tx:
        assert tx.execute(
            "SELECT (SELECT count(*) FROM calls_texts) + (SELECT count(*) FROM guard_runs)"
        ).fetchone() == (0,)
    assert "1234-5678" not in gateway.told()
