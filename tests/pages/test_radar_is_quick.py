"""The radar with many models and tasks: 200 models that all change, and 50 tasks that use twenty of them each."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

import pytest
from page_scene import NOW, dearer, make, rate_on, run, sheet
from page_scene import book as small_book
from radar_scene import SITES

from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import runs as run_rows
from jitsuri.flows.cold.renewing_prices import apply_update
from jitsuri.flows.cold.viewing.scouting import effects_of, radar_kept
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import rates as rate_rows
from jitsuri.ledger.shapes.pricing import Retirement
from jitsuri.ledger.wire.packing import sealed
from jitsuri.store.door import Store
from jitsuri.terms.usage import Usage

MODELS, TASKS, EACH = 200, 50, 20
QUICK_SECONDS = 0.3
"""Of this process: the wall clock of a shared machine tells of its other users."""


@pytest.mark.slow
def test_two_hundred_models_and_fifty_tasks_are_told_in_under_300_ms(store: Store) -> None:
    names = [f"gpt-m{at:03d}" for at in range(MODELS)]
    sheets = tuple(
        dearer(sheet(name, "1.00", "4.00"), date(2027, 1 + at % 10, 1), "2.00", "8.00") for at, name in enumerate(names)
    )
    [vendor] = small_book().vendors
    ends = tuple(Retirement("openai", name, "test", date(2027, 6, 1)) for name in names[::20])
    made = sealed(replace(small_book(), vendors=(replace(vendor, sheets=sheets),), retirements=ends))
    usage, day = Usage(input_tokens=1_000, output_tokens=100), date(2026, 10, 5)
    pairs = [
        make(f"{task}-{name}", day, task, f"task-{task}", "hq", name, usage, "0.0014")
        for task in range(TASKS)
        for name in names[task % 10 :: MODELS // EACH]
    ]
    with store.transaction() as tx:
        run_rows.save(tx, run(len(pairs)))
        rate_rows.insert_many(tx, [rate_on(date(2026, 11, 20))], "aoki", NOW)
        call_rows.insert_many(tx, [call for call, _ in pairs])
        entry_rows.insert_many(tx, [entry for _, entry in pairs])
    apply_update(store, made, NOW, "aoki", "test")

    taken = []
    for _ in range(5):
        begun = time.process_time()
        with store.reading() as tx:
            found = radar_kept(tx, NOW, "TTM", SITES)
        taken.append(time.process_time() - begun)

    assert len(found.coming) == MODELS + len(ends)
    assert len(effects_of(found)) == TASKS * EACH + sum(len(end.stranded) for end in found.endings)
    assert min(taken) < QUICK_SECONDS, taken
