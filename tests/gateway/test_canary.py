"""A canary through the running gateway: its share of threads, each thread on one side, and what its failures cost nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import openai
import pytest
from running_gateway import RunningGateway, make_key, settings_text
from stub_upstream import StubUpstream

from jitsuri.calls.rules.identifying import named_thread
from jitsuri.flows.cold.keeping_variants import Decided, change_canary, roll_back, set_variant
from jitsuri.flows.cold.viewing.explaining import explain
from jitsuri.routing.rules.choosing import is_in
from jitsuri.routing.rules.setting import canary_of, in_full
from jitsuri.routing.shapes import Site, Target, Variant
from jitsuri.store.door import Store

SITES = {"stub": Site("stub", "openai", "us", "unknown", False, ("*",))}
BIG = Target("stub", "gpt-4o-mini")
MORE = """
[tasks.watched]
title_ja = "先行の試し"
"""


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, module_store: Store, stub: StubUpstream
) -> Iterator[RunningGateway]:
    home = tmp_path_factory.mktemp("gateway")
    with RunningGateway(home, settings_text(stub.url, more=MORE), module_store.dsn) as running:
        yield running


class Desk:
    """The owner's side, and a caller's."""

    def __init__(self, gateway: RunningGateway, store: Store) -> None:
        self.gateway, self.store = gateway, store
        self.key = ""

    def holds(self, came: Any) -> None:
        """Wait until the gateway has read the change: it reads a key that was made later in the same look, or after it."""
        assert isinstance(came, Decided), came
        self.key = make_key(self.store, f"app{came.version}", secret=f"{came.version:043d}")
        self.gateway.wait_until_known(self.key)

    def change(self, target: str, percent: str) -> None:
        self.holds(
            change_canary(
                self.store, datetime.now(UTC), "owner", "watched", lambda before: canary_of(before, target, percent), "x", SITES,
            )
        )  # fmt: skip

    def asked(self, threads: list[str]) -> dict[str, tuple[str, str]]:
        """Who answered each thread, and the call's id."""
        found = {}
        with openai.OpenAI(base_url=f"{self.gateway.url}/v1", api_key=self.key, max_retries=0, timeout=20) as client:
            for thread in threads:
                raw = client.chat.completions.with_raw_response.create(
                    model="task:watched", messages=[{"role": "user", "content": "納期は"}],
                    extra_headers={"X-Jitsuri-Thread": thread} if thread else {},
                )  # fmt: skip
                assert raw.parse().choices
                found[thread] = (raw.headers["x-jitsuri-answered-by"], raw.headers["x-jitsuri-call"])
        return found


@pytest.fixture
def desk(gateway: RunningGateway, module_store: Store) -> Desk:
    return Desk(gateway, module_store)


def test_a_share_of_threads_goes_first_widens_and_comes_back(desk: Desk) -> None:
    threads = [f"case-{n}" for n in range(40)]
    desk.holds(set_variant(desk.store, datetime.now(UTC), "owner", Variant("watched", BIG), "初め", SITES))
    assert {who for who, _ in desk.asked(threads[:3]).values()} == {"stub/gpt-4o-mini"}

    desk.change("stub/gpt-5-mini", "30")
    once, again = desk.asked(threads), desk.asked(threads[::-1])
    expected = {
        one: "stub/gpt-5-mini" if is_in(named_thread(one), 300) else "stub/gpt-4o-mini" for one in threads
    }  # fmt: skip
    assert {one: who for one, (who, _) in once.items()} == expected
    assert {one: who for one, (who, _) in again.items()} == expected
    assert 4 <= sum(who == "stub/gpt-5-mini" for who in expected.values()) <= 20

    call_ids = {who: call for who, call in once.values()}
    with desk.store.reading() as tx:
        by_canary = explain(tx, call_ids["stub/gpt-5-mini"], SITES)  # type: ignore[arg-type]
        by_rest = explain(tx, call_ids["stub/gpt-4o-mini"], SITES)  # type: ignore[arg-type]
    assert by_canary is not None
    assert by_rest is not None
    assert by_canary.plan is not None
    assert by_rest.plan is not None
    assert (by_canary.plan.is_canary, by_rest.plan.is_canary) == (True, False)

    desk.holds(change_canary(desk.store, datetime.now(UTC), "owner", "watched", in_full, "x", SITES))
    assert {who for who, _ in desk.asked(threads[:5]).values()} == {"stub/gpt-5-mini"}
    desk.holds(roll_back(desk.store, datetime.now(UTC), "owner", "watched", "x", SITES))
    assert {who for who, _ in desk.asked(threads[:5]).values()} == {"stub/gpt-4o-mini"}


def test_a_canary_that_fails_costs_nobody_an_answer(desk: Desk) -> None:
    desk.holds(
        set_variant(
            desk.store, datetime.now(UTC), "owner", Variant("watched", BIG, (Target("stub", "gpt-5-mini"),)), "x", SITES
        )
    )
    desk.change("stub/stub-503", "99.9")

    assert {who for who, _ in desk.asked([f"case-{n}" for n in range(4)]).values()} == {"stub/gpt-4o-mini"}
