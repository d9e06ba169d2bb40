"""Policies are set with evidence, tried on kept calls and measured; nowhere does a value come to rest."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from gateway_scene import AOKI, furnish_gateway
from hypothesis import given
from hypothesis import strategies as st
from page_scene import NOW
from prompt_scene import KEY, PLAIN, keep_texts

from jitsuri.access.records import people as people_rows
from jitsuri.access.shapes import Person
from jitsuri.calls.rules.sealing import seal
from jitsuri.flows.cold.guarding import keeping, measuring, replaying, scanning
from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.rules.measuring import Score, labelled_line
from jitsuri.guardrails.rules.policing import BUILT_IN
from jitsuri.guardrails.rules.presets import observe, recommended
from jitsuri.guardrails.shapes import Exemption, Finding, Policy, Rule, StoredPolicy
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal

TASK = "inquiry-triage"
CHECKS = Checks()
PHONE = "03-1234-5678"


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Store:
    (tmp_path / "texts.key").write_text(KEY)
    furnish_gateway(store)
    keep_texts(store)
    aoki = Person(uuid4(), AOKI, "青木", frozenset({"admin"}), "", "ja", True, NOW)
    with store.transaction() as tx:
        people_rows.insert(tx, aoki, "")
    return store


def put(store: Store, policy: Policy, reason: str = "x", **more: Any) -> StoredPolicy:
    came = keeping.set_policy(store, NOW, AOKI, policy, reason, BUILT_IN, **more)
    assert isinstance(came, StoredPolicy), came
    return came


def codes(came: object) -> list[str]:
    return [came.code] if isinstance(came, Refusal) else [one.code for one in cast("tuple[Refusal, ...]", came)]


def evidence(store: Store, act: str) -> list[dict[str, Any]]:
    with store.reading() as tx:
        rows = tx.execute(
            "SELECT actor, subject, facts FROM evidence_records WHERE act = %s ORDER BY (facts->>'version')::int",
            (act,),
        )
        return [{"actor": row[0], "subject": row[1], **row[2]} for row in rows]


def test_versions_follow_each_other_and_leave_evidence(scene: Store) -> None:
    assert put(scene, observe(TASK)).policy.version == 1
    second = put(scene, recommended(TASK), "仮名にする", seen=1)
    assert second.policy == replace(recommended(TASK), version=2)
    with scene.reading() as tx:
        assert [(one.policy.version, one.is_active) for one in keeping.policy_history(tx, TASK)] == [
            (2, True),
            (1, True),
        ]
        assert keeping.policies(tx) == {TASK: second}
        [(number,)] = tx.execute("SELECT number FROM store_changes WHERE what = 'guards'").fetchall()
        assert number == 2
    told = evidence(scene, "guard_policy_set")[-1]
    assert (told["actor"], told["subject"], told["version"], told["reason"]) == (AOKI, f"task:{TASK}", 2, "仮名にする")
    assert "my_number in=mask out=mask threshold=0.5 on_failure=closed" in told["rules"]


def test_what_set_refuses_leaves_nothing(scene: Store) -> None:
    put(scene, observe(TASK))
    for policy, reason, more, expected in (
        (observe(TASK), "x", {}, ["guard_policy_unchanged"]),
        (recommended(TASK), "x", {"seen": 0}, ["guard_policy_moved"]),
        (recommended(TASK), " ", {}, ["routing_reason_missing"]),
        (recommended("nobody"), "x", {}, ["task_unknown"]),
        (Policy(TASK, 0, (Rule("fone", "mask"), Rule("my_number", "pseudonymise"))), "", {},
         ["routing_reason_missing", "guard_check_unknown", "guard_my_number"]),
    ):  # fmt: skip
        assert codes(keeping.set_policy(scene, NOW, AOKI, policy, reason, BUILT_IN, **cast(Any, more))) == expected
    assert len(evidence(scene, "guard_policy_set")) == 1


def test_an_exemption_has_an_owner_who_is_there_and_its_value_stands_in_the_policy_alone(scene: Store) -> None:
    one = Exemption("phone", PHONE, AOKI.upper(), date(2026, 12, 31), "代表番号")
    unknown = replace(observe(TASK), exemptions=(replace(one, owner="nobody@example.jp"),))
    assert codes(keeping.set_policy(scene, NOW, AOKI, unknown, "x", BUILT_IN)) == ["guard_exemption_owner_unknown"]
    kept = put(scene, replace(observe(TASK), exemptions=(one,)))
    assert kept.policy.exemptions == (replace(one, owner=AOKI),)
    assert keeping.without_values(kept.policy).exemptions[0].value == ""
    assert evidence(scene, "guard_policy_set")[-1]["exemptions"] == 1
    with scene.reading() as tx:
        assert tx.execute("SELECT count(*) FROM evidence_records WHERE facts::text LIKE '%1234-5678%'").fetchone() == (
            0,
        )


def test_off_holds_against_everything_and_an_earlier_version_can_return(scene: Store) -> None:
    put(scene, recommended("*"))
    assert codes(keeping.retire_policy(scene, NOW, AOKI, "nobody", "x")) == ["task_unknown"]
    off = keeping.retire_policy(scene, NOW, AOKI, TASK, "要らない", seen=0)
    assert isinstance(off, StoredPolicy)
    assert not off.is_active
    assert codes(keeping.retire_policy(scene, NOW, AOKI, TASK, "x")) == ["guard_policy_none"]
    with scene.reading() as tx:
        assert keeping.holding_for(tx, TASK) is None
        assert cast(StoredPolicy, keeping.holding_for(tx, "")).policy.task == "*"
        assert cast(StoredPolicy, keeping.holding_for(tx, "another")).policy.task == "*"
    again = keeping.return_policy(scene, NOW, AOKI, TASK, 1, "やはり要る", BUILT_IN)
    assert isinstance(again, StoredPolicy)
    assert (again.policy.version, again.is_active) == (2, True)
    assert codes(keeping.return_policy(scene, NOW, AOKI, TASK, 9, "x", BUILT_IN)) == ["version_unknown"]
    assert [one["version"] for one in evidence(scene, "guard_policy_off")] == [1]


def _keep(store: Store, at: int, body: bytes) -> None:
    """Put another request in the place of a kept one."""
    sealed = seal(body, bytes.fromhex(KEY), PLAIN[at], "request")
    with store.transaction() as tx:
        tx.execute("UPDATE calls_texts SET sealed = %s WHERE call_id = %s AND part = 'request'", (sealed, PLAIN[at]))


def test_a_policy_is_tried_on_kept_calls(scene: Store, tmp_path: Path) -> None:
    bodies: list[Any] = [
        {"messages": [{"role": "user", "content": f"電話は{PHONE}です。"}]},
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"電話": PHONE})}}],
                }
            ]
        },
        {"messages": [{"role": "user", "content": "納期はいつですか。"}]},
    ]
    for at, body in enumerate(bodies):
        _keep(scene, at, json.dumps(body).encode())
    _keep(scene, 3, b"[1")
    put(scene, Policy(TASK, 0, (Rule("phone", "observe"),)))
    told: list[tuple[int, int]] = []
    new = Policy(TASK, 0, (Rule("phone", "block"), Rule("email", "mask")))
    came = replaying.replay_policy(
        scene, NOW, AOKI, TASK, new, tmp_path, CHECKS, iter([1.0, 3.5]).__next__, reason="四月から",
        on_progress=lambda done, all_: told.append((done, all_)),
    )  # fmt: skip
    assert isinstance(came, replaying.Replayed), came
    assert (came.looked_at, came.unreadable, came.before_version, came.changed, came.seconds) == (3, 1, 1, 2, 2.5)
    assert came.outcomes == {("observed", "blocked"): 2, ("clean", "clean"): 1}
    assert [(one.check, one.before, one.after, one.findings) for one in came.followed] == [
        ("phone", "observe", "block", 2)
    ]
    places = {(one.call_id, one.place) for one in came.examples}
    assert places == {(PLAIN[0], "messages[0].content"), (PLAIN[1], "messages[0].tool_calls[0].function.arguments#0")}
    assert "1234" not in repr(came)
    assert told == [(4, 4)]
    [fact] = evidence(scene, "guard_texts_replayed")
    assert (fact["actor"], fact["subject"], fact["calls"], fact["reason"]) == (AOKI, f"task:{TASK}", 4, "四月から")


def test_a_replay_follows_the_rules_of_calls(scene: Store, tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    bodies: list[Any] = [
        {"model": f"x {PHONE}", "stop": [PHONE], "messages": [{"role": "user", "content": "納期はいつですか。"}]},
        {"messages": [{"role": "user", "content": [picture, {"type": "text", "text": "これは何ですか。"}]}]},
        {"messages": [{"role": "user", "content": [picture, {"type": "text", "text": f"電話は{PHONE}です。"}]}]},
    ]
    for at in range(4):
        _keep(scene, at, json.dumps(bodies[at] if at < 3 else {"messages": []}).encode())

    def outcomes(*, lets_media_pass: bool) -> dict[tuple[Any, Any], int]:
        new = Policy(TASK, 0, (Rule("phone", "block"),), lets_media_pass=lets_media_pass)
        came = replaying.replay_policy(scene, NOW, AOKI, TASK, new, tmp_path, CHECKS, lambda: 0.0, reason="x")
        assert isinstance(came, replaying.Replayed), came
        return dict(came.outcomes)

    assert outcomes(lets_media_pass=False) == {("clean", "clean"): 2, ("clean", "failed"): 1, ("clean", "blocked"): 1}
    assert outcomes(lets_media_pass=True) == {("clean", "clean"): 3, ("clean", "blocked"): 1}


def test_a_replay_tells_what_it_cannot_do_before_it_opens_a_text(scene: Store, tmp_path: Path) -> None:
    def tried(task: str, policy: Policy, **more: Any) -> object:
        return replaying.replay_policy(scene, NOW, AOKI, task, policy, tmp_path, CHECKS, lambda: 0.0, **more)

    assert codes(tried(TASK, Policy(TASK, 0, ()))) == ["guard_rules_none"]
    assert codes(tried("another", observe("another"))) == ["guard_no_texts"]
    assert codes(tried("", observe("*"))) == ["guard_no_texts"]
    assert evidence(scene, "guard_texts_replayed") == []
    one = tried(TASK, observe(TASK), calls=1)
    assert isinstance(one, replaying.Replayed)
    assert one.looked_at == 1
    assert one.before_version == 0


def test_a_check_that_is_not_here_fails_the_calls_and_is_told(scene: Store, tmp_path: Path) -> None:
    class Broken(Checks):
        def scanner(self, policy: Policy, direction: Any) -> Any:
            inner = super().scanner(policy, direction)
            return type(inner)([_Raising()])

    came = replaying.replay_policy(
        scene, NOW, AOKI, TASK, Policy(TASK, 0, (Rule("phone", "observe"),)), tmp_path, Broken(), lambda: 0.0
    )
    assert isinstance(came, replaying.Replayed)
    assert came.outcomes == {("clean", "failed"): 4}
    assert came.not_run == ("phone",)


class _Raising:
    name, version, types = "phone", "1", ("PHONE",)

    def find(self, text: str) -> list[Finding]:
        raise ValueError(text)


def test_measuring_counts_lines_names_bad_ones_and_keeps_none_of_them(scene: Store) -> None:
    good = {
        "id": 1,
        "text": f"電話は{PHONE}、別名は山田です。",
        "entities": [{"start": 3, "end": 15, "type": "PHONE", "text": PHONE}],
    }
    missed = {"text": "内線は秘密", "entities": [{"start": 0, "end": 2, "type": "PHONE"}], "part": "real"}
    lines = [
        json.dumps(good).encode(),
        b"",
        b"{",
        json.dumps(missed).encode(),
        b'{"text":"a","entities":[{"start":0,"end":9,"type":"X"}]}',
    ]
    policy = put(scene, Policy(TASK, 0, (Rule("phone", "mask"),))).policy
    came = measuring.measure(scene, NOW, AOKI, TASK, policy, lines, CHECKS)
    assert isinstance(came, measuring.MeasuredLines), came
    assert [(one.code, one.facts["line"]) for one in came.faults] == [("guard_line_json", 3), ("guard_line_span", 5)]
    one = came.measurement
    assert (one.lines, came.unreadable, one.policy_version, list(one.versions)) == (2, 2, 1, ["phone"])
    [row] = one.types
    assert (row.type, row.labelled, row.found_typed, row.masked, row.reported, row.right) == ("PHONE", 2, 1, 1, 1, 1)
    with scene.reading() as tx:
        assert measuring.measurements(tx) == measuring.measurements(tx, TASK) == [one]
        assert measuring.measurements(tx, "another") == []
        stored = tx.execute("SELECT string_agg(m::text, '') FROM guard_measurements m").fetchone()
    assert "1234" not in str(stored)
    [fact] = evidence(scene, "guard_measured")
    assert (fact["lines"], fact["unreadable"], fact["subject"]) == (2, 2, f"task:{TASK}")


def test_measuring_nothing_is_refused(scene: Store) -> None:
    assert codes(measuring.measure(scene, NOW, AOKI, "", None, [b"x", b""], CHECKS)) == ["guard_lines_none"]
    assert evidence(scene, "guard_measured") == []


_SPANS = st.lists(
    st.tuples(st.integers(0, 11), st.integers(1, 6), st.sampled_from(["A", "ADDRESS", "LOCATION"])), max_size=4
)


@given(_SPANS, _SPANS, st.lists(st.tuples(st.integers(0, 11), st.integers(1, 4)), max_size=2))
def test_counts_are_those_of_the_definition(labels: Any, found: Any, optional: Any) -> None:
    """Counted a second time, sign by sign."""
    text = "ab cd efghijklmno"
    line = {
        "text": text, "entities": [{"start": s, "end": s + n, "type": t} for s, n, t in labels],
        "optional": [{"start": s, "end": s + n} for s, n in optional],
    }  # fmt: skip
    marked = labelled_line(1, json.dumps(line).encode())
    assert not isinstance(marked, Refusal)
    score = Score()
    score.add(marked, [Finding(s, s + n, t, 1.0, "") for s, n, t in found])
    alike = lambda a, b: a == b or {a, b} <= {"ADDRESS", "LOCATION"}  # noqa: E731
    for row in score.measured(["A"]):
        mine = [(s, n) for s, n, t in labels if t == row.type]
        typed = sum(2 * len({i for fs, fn, ft in found if alike(ft, row.type) for i in range(fs, fs + fn)} & set(range(s, s + n))) >= n
                    for s, n in mine)  # fmt: skip
        covered = {i for fs, fn, _ in found for i in range(fs, fs + fn)} | {2, 5}
        reported = [
            (fs, fn)
            for fs, fn, ft in found
            if ft == row.type and not any(fs < s + n and s < fs + fn for s, n in optional)
        ]
        right = sum(any(fs < s + n and s < fs + fn and alike(t, row.type) for s, n, t in labels) for fs, fn in reported)
        assert (row.labelled, row.found_typed) == (len(mine), typed)
        assert row.masked == sum(set(range(s, s + n)) <= covered for s, n in mine)
        assert (row.reported, row.right) == (len(reported), right)


def test_lines_are_scanned_one_by_one_whatever_stands_in_them() -> None:
    big = "あ" * 400_000 + PHONE
    lines = [
        json.dumps({"id": "a", "text": f"電話 {PHONE}"}).encode(), b"nonsense", b"\n", b'{"id": 1}', b'{"text": 5}', b"\xff\xfe",
        b'{"id": "a", "text": "a\\ud800b aoki@example.co.jp"}', json.dumps({"text": big}).encode(), b'{"text": "", "id": null}',
        b"[" * 100_000, b'{"text": "x", "n": ' + b"9" * 5000 + b"}",
    ]  # fmt: skip
    found = list(scanning.scan_lines(CHECKS, lines))
    assert [number for number, _ in found] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    bad = [number for number, told in found if isinstance(told, Refusal)]
    assert bad[:4] == [2, 4, 5, 6]
    assert 10 in bad
    told = {number: one for number, one in found if isinstance(one, dict)}
    assert [(one["type"], one["start"]) for one in told[1]["entities"]] == [("PHONE", 3)]
    assert told[7]["id"] == "a"
    assert [(one["type"], one["start"], one["end"]) for one in told[7]["entities"]] == [("EMAIL", 4, 22)]
    assert [one["start"] for one in told[8]["entities"] if one["type"] == "PHONE"] == [400_000]
    assert "id" not in told[8]
    assert told[9] == {"id": None, "entities": []}
