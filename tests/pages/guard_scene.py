"""The company of ``page_scene`` with checks: a policy of two versions, a common one, runs of three weeks, a measurement.

Nothing here is anybody's: findings are places and types only, as they are kept.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from console_parts import Console, sample_settings
from page_scene import NOW, Scene, furnish, working_days
from starlette.testclient import TestClient

from jitsuri.access.shapes import Role, SignedIn
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal
from jitsuri.calls.shapes import TextPolicy
from jitsuri.flows.cold.guarding.keeping import set_policy
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.records import measurements as measurement_rows
from jitsuri.guardrails.records import runs as run_rows
from jitsuri.guardrails.rules.presets import observe, recommended
from jitsuri.guardrails.shapes import (
    TYPES,
    CheckRan,
    Exemption,
    GuardRun,
    KeptFinding,
    Measured,
    Measurement,
    Outcome,
    Policy,
    StoredPolicy,
)
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.web.routes import ROUTES
from jitsuri.words import Language

AOKI = "aoki@example.jp"
TASK = "inquiry-triage"
TERM, VALUE = "さくら計画", "03-1234-5678"
"""A confidential word and an exempt value: who may not edit policies sees neither."""


class Guarded:
    """The scene on a console, and an administrator."""

    def __init__(self, store: Store, home: Path, *, is_empty: bool = False) -> None:
        self.store = store
        self.scene = furnish(store)
        told = sample_settings(**{"company.is_sample": True})
        (home / "texts.key").write_text("5a" * 32)
        settings = Settings(home, None, told.values, told.tables)
        self.console = Console(store, settings, ROUTES)
        self.admin = self.console.admin()
        if not is_empty:
            furnish_guards(store, self.scene)

    def browser(self, lang: Language = "ja", who: SignedIn | None = None) -> TestClient:
        client = self.console.browser_of(who or self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def of(self, role: Role) -> TestClient:
        return self.browser(who=self.console.person(role))


def furnish_guards(store: Store, scene: Scene) -> None:
    """Policies, runs and a measurement."""
    for policy, reason, hours in policies():
        came = set_policy(store, NOW - timedelta(hours=hours), AOKI, policy, reason, Checks().known())
        assert isinstance(came, StoredPolicy), came
    with store.transaction() as tx:
        run_rows.insert_many(tx, runs(scene))
        measurement_rows.add(tx, measurement())
        text_rows.save_policy(
            tx, TextPolicy(TASK, "full", 30, "texts.key", "品質の試行"), AOKI, NOW - timedelta(days=9)
        )


def policies() -> list[tuple[Policy, str, int]]:
    """(policy, reason, hours ago)."""
    first = recommended(TASK)
    changed = {"my_number": {"inward": "block"}, "postal_code": {"threshold": 0.8}}
    rules = tuple(replace(rule, **changed.get(rule.check, {})) for rule in first.rules)  # type: ignore[arg-type]
    exemption = Exemption("phone", VALUE, AOKI, date(2027, 3, 31), "代表番号は公開している")
    second = replace(
        first, rules=rules, exemptions=(exemption,), terms=(TERM, "青葉ロジテック"), employee_patterns=("A9999-99",)
    )  # fmt: skip
    return [
        (first, "推奨の形から始める", 60),
        (observe("*"), "全社でまず様子を見る", 50),
        (second, "代表番号を通す", 20),
    ]


def runs(scene: Scene) -> list[GuardRun]:
    """Two calls a day for three weeks; on some days nothing, on one day a check that could not tell."""
    made = []
    for at, day in enumerate(working_days(date(2026, 10, 26))):
        call = scene.call(TASK, day)
        made.append(_run(call.call_id, call.at, day, TASK, "in", _sent(at), "blocked" if at % 7 == 3 else "altered"))
        made.append(_run(call.call_id, call.at + timedelta(seconds=2), day, TASK, "out", (), "clean"))
        other = scene.call("quotation-extraction", day)
        noted = (_finding("CORPORATE_NUMBER", 4, 18, 0.97, "observe"),) if at % 2 else ()
        made.append(
            _run(other.call_id, other.at, day, "quotation-extraction", "in", noted, "observed" if noted else "clean")
        )
    last = scene.call(TASK, date(2026, 11, 20))
    made.append(
        replace_run(
            _run(last.call_id, last.at + timedelta(seconds=9), date(2026, 11, 20), TASK, "in", (), "failed"),
            (CheckRan("person", "1", "timed_out"), CheckRan("secret", "1", "failed"), CheckRan("phone", "1", "ran")),
        )
    )
    return made


def replace_run(run: GuardRun, checks: tuple[CheckRan, ...]) -> GuardRun:
    """The same run with other checks."""
    told = {name: getattr(run, name) for name in run.__struct_fields__}
    return GuardRun(**{**told, "checks": checks})


def _sent(at: int) -> tuple[KeptFinding, ...]:
    found = [
        _finding("PERSON", 0, 4, 0.86, "pseudonymise"),
        _finding("PHONE", 12, 24, 1.0, "pseudonymise", is_exempt=at % 3 == 0),
    ]
    if at % 7 == 3:
        found.append(_finding("MY_NUMBER", 40, 52, 0.99, "block"))
    found += [_finding(kind, 60 + 10 * n, 66 + 10 * n, 0.9, "pseudonymise") for n, kind in
              enumerate(("ADDRESS", "EMAIL", "CUSTOMER_ID", "BANK_ACCOUNT")[: at % 5])]  # fmt: skip
    return tuple(found)


def _finding(kind: str, start: int, end: int, score: float, action: str, *, is_exempt: bool = False) -> KeptFinding:
    reason = {"PERSON": "person_title", "PHONE": "pattern", "MY_NUMBER": "check_digit_context"}.get(kind, "context")
    return KeptFinding("messages[1].content", start, end, kind, kind.lower(), score, reason, action, is_exempt)  # type: ignore[arg-type]


def _run(
    call_id: object, at: datetime, day: date, task: str, direction: str, findings: tuple[KeptFinding, ...], outcome: Outcome
) -> GuardRun:  # fmt: skip
    checks = tuple(CheckRan(name, "1", "ran") for name in ("person", "phone", "my_number", "corporate_number"))
    run_id = derived_id("run", str(call_id), direction, at.isoformat())
    return GuardRun(
        run_id, call_id, at, day, task, direction, 2 if task == TASK else 1, outcome, True, checks, findings,  # type: ignore[arg-type]
        len(findings), 3_480, 412,
    )  # fmt: skip


def measurement() -> Measurement:
    """What was measured on the company's own lines."""
    types = (
        Measured("PERSON", 268, 203, 196, 240, 199), Measured("ADDRESS", 70, 64, 61, 71, 64),
        Measured("PHONE", 71, 71, 71, 72, 71), Measured("MY_NUMBER", 44, 44, 44, 45, 44), Measured("PASSPORT", 4, 3, 3, 3, 3),
    )  # fmt: skip
    return Measurement(
        NOW - timedelta(hours=12), AOKI, TASK, 2, 904, 81_360, types, {kind.lower(): "1" for kind in TYPES}
    )


def keep_texts(guarded: Guarded) -> tuple[str, ...]:
    """Texts of two calls of the task, with made-up values; returns the values."""
    values = ("090-1111-2222", "kawai@example.com")
    said = (f"川井です。{values[0]}へ折り返してください。", f"返事は{values[1]}へ。")
    rows = []
    for text, day in zip(said, (date(2026, 11, 19), date(2026, 11, 20)), strict=True):
        call_id = guarded.scene.call(TASK, day).call_id
        body = json.dumps({"model": "gpt-big", "messages": [{"role": "user", "content": text}]}, ensure_ascii=False)
        sealed = seal(body.encode(), bytes.fromhex("5a" * 32), call_id, "request")
        rows.append((call_id, "request", sealed, "texts.key", date(2026, 12, 20)))
    with guarded.store.transaction() as tx:
        text_rows.insert_many(tx, rows)
    return values
