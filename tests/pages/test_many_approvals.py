"""承認待ち with many matters: every list says how many it has, shows so many of them, and stays quick."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from approval_parts import file_one
from approved_scene import Approved
from page_reading import normal
from verdict_parts import PASS

from jitsuri.approvals.shapes import Act
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.store.door import Store
from jitsuri.web.pages import approvals
from jitsuri.words import text

QUICK_SECONDS = 0.3
WAYS: tuple[tuple[Act, ...], ...] = ((), ("submit",), ("submit", "pass_review"), ("submit", "pass_review", "approve"))


def furnished(store: Store, number: int) -> Approved:
    """So many certificates, in turn a draft, in review, in decision and approved; nobody has named a deputy."""
    scene = Approved(store, acts=False)
    for at in range(number):
        name = f"m{at}"
        scene.numbers[name] = file_one(store, replace(PASS, seed=1000 + at))
        who = {"submit": scene.developer, "pass_review": scene.finance, "approve": scene.owner}
        for act in WAYS[at % len(WAYS)]:
            scene.act(name, act, who[act], "見合う")
    return scene


def test_lists_are_counted_and_cut(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "MOST_OPEN", 2)
    monkeypatch.setattr(approvals, "MOST_DONE", 1)
    scene = furnished(store, 12)
    page = normal(scene.browser(scene.console.person("finance", "遠藤", "endo@example.jp")).get("/approvals").text)

    counts = re.findall(r'<h2>(\S+) <span class="soft">(\d+)</span>', page)
    assert counts == [
        (text("page.approvals.yours", "ja"), "3"), (text("page.approvals.still", "ja"), "3"),
        (text("page.approvals.undrafted", "ja"), "4"), (text("page.approvals.done", "ja"), "3"),
    ]  # fmt: skip
    for more in (1, 2):
        assert text("page.approvals.more", "ja", count=more) in page
    assert len(re.findall(r'href="/certificates/JR-[^"]*#approval"', page)) == 2 + 2 + 2 + 1


def test_a_brief_says_what_the_document_says(store: Store) -> None:
    furnished(store, 3)
    with store.reading() as tx:
        papers, briefs = [one.certificate for one in certificate_rows.certificates(tx)], certificate_rows.briefs(tx)

    assert [(b.number, b.task, b.decision, b.valid_until, b.approvals, b.code) for b in briefs] == [
        (p.number, p.task, p.verdict.decision, p.valid_until, p.approvals, p.code) for p in papers
    ]


@pytest.mark.slow
@pytest.mark.quiet
def test_the_page_is_quick_with_five_hundred_matters(store: Store) -> None:
    scene = furnished(store, 500)
    client = scene.browser(scene.console.person("owner", "遠藤", "endo@example.jp"))
    taken = []
    for _ in range(7):
        begun = time.perf_counter()
        assert client.get("/approvals").status_code == 200
        taken.append(time.perf_counter() - begun)

    assert min(taken) < QUICK_SECONDS, taken
