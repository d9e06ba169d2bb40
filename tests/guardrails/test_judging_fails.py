"""A judge of answers that breaks down: nothing of the answer is taken for judged, whatever the policy says of failing checks."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from jitsuri.flows.hot.guarding_outward import Outward, Unsure
from jitsuri.guardrails.shapes import Policy, Rule


def outward(on_failure: Literal["open", "closed"]) -> tuple[Outward, Any]:
    """What stands between an answer and its caller, over a policy whose one check looks at answers."""

    async def turn() -> None:
        await asyncio.sleep(0)

    policy = Policy("t", 3, (Rule("phone", "mask", "mask", on_failure=on_failure),))
    guards = SimpleNamespace(scanner=lambda *_: None, turn=turn, versions={"phone": "1"})
    desk = SimpleNamespace(guards=guards, monotonic=lambda: 0.0, new_id=lambda: None)
    guarded = SimpleNamespace(policy=policy, applies_to=lambda _leg: True, pseudonyms=None, stopped=None)
    call = SimpleNamespace(
        guarded=guarded, call_id=None, at=None, day=None, way=SimpleNamespace(plan=SimpleNamespace(task="t"))
    )
    leg = SimpleNamespace(upstream=SimpleNamespace(is_on_premises=False))
    return Outward(desk, SimpleNamespace(call=call, leg=leg)), guarded  # type: ignore[arg-type]


@pytest.mark.parametrize("on_failure", ["open", "closed"])
@pytest.mark.parametrize("size", [10, 20_000])
def test_a_stream_whose_judge_breaks_down_is_stopped(on_failure: Literal["open", "closed"], size: int) -> None:
    one, guarded = outward(on_failure)
    told: list[bytes] = []

    def work(events: list[bytes]) -> list[bytes]:
        if told:
            raise RuntimeError("the judge")
        told.extend(events)
        return events

    with pytest.raises(Unsure):
        asyncio.run(one.passed(work, [b"first", b"x" * size]))

    assert told == [b"first"]
    assert one.refusal is guarded.stopped
    assert one.refusal is not None
    assert one.refusal.code == "guard_unsure"
    run = one.run()
    assert (run.outcome, run.policy_version) == ("failed", 3)


def test_a_stream_whose_judge_can_tell_goes_on() -> None:
    one, guarded = outward("open")

    assert asyncio.run(one.passed(lambda events: events, [b"first", b"x" * 20_000])) == [b"first", b"x" * 20_000]
    assert guarded.stopped is None
    assert one.run().outcome == "clean"
