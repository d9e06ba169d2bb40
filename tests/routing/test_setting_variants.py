"""Variants and data rules: read as people write them, refused with the reason, kept as versions with evidence."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold.keeping_variants import (
    Decided,
    end_variant,
    return_data_rule,
    return_variant,
    set_data_rule,
    set_variant,
)
from jitsuri.flows.cold.pinning import pin
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.shapes.pricing import Block, BookInfo, BookUse, Clause, ModelSheet, PriceBook, UnitPrice, Vendor
from jitsuri.ledger.wire.packing import packed, sealed
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import plan
from jitsuri.routing.rules.setting import names_in, rule_of, sites_kept_out, variant_of
from jitsuri.routing.shapes import DataRule, Plan, Site, Target, Task, Variant
from jitsuri.store.announcing import numbers
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, sentence

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)
SITES = {
    "openai": Site("openai", "openai", "us", "allowed", False, ("gpt-*",)),
    "azure-jp": Site("azure-jp", "azure", "jp", "never", False, ()),
    "house": Site("house", "house", "jp", "unknown", True, ("swallow",)),
    "local": Site("local", "local", "jp", "never", True, ()),
}
BIG, SMALL = Target("openai", "gpt-big"), Target("openai", "gpt-small")
HOUSE, STUDENT, AZURE = Target("house", "swallow"), Target("local", "student:triage"), Target("azure-jp", "gpt-big")


@pytest.fixture
def furnished(store: Store) -> Store:
    """A task, and a price book that knows gpt-big alone."""
    unit = UnitPrice("input_tokens", Decimal("2.5"), 1_000_000), UnitPrice("output_tokens", Decimal(10), 1_000_000)
    sheet = ModelSheet(
        "openai", "gpt-big", "USD", (Block("standard", unit),), "test", match=Clause("equals", "gpt-big")
    )
    vendor = Vendor("openai", "OpenAI", Clause("equals", "openai"), Clause("starts_with", "gpt"), (), (sheet,))
    book = sealed(PriceBook("", "test", date(2026, 11, 1), (vendor,)))
    with store.transaction() as tx:
        routing_rows.save_task(
            tx, Task("triage", "分類", "Triage", "", "", "production", "internal", Decimal("0.05"), NOW)
        )
        book_rows.save(tx, BookInfo(book.book_id, book.source, NOW, book.published_on, book.models), packed(book))
        book_rows.use(tx, BookUse(book.book_id, NOW, "jitsuri", "first_start"))
    return store


def set_(store: Store, variant: Variant, reason: str = "試す", minutes: int = 0, **more: int) -> Decided | Refusal:
    at = NOW + timedelta(minutes=minutes)
    return set_variant(store, at, "aoki@example.jp", variant, reason, SITES, **more)  # type: ignore[arg-type]


def rule_(store: Store, rule: DataRule, reason: str = "国内だけ", **more: int) -> Decided | Refusal:
    return set_data_rule(store, NOW, "aoki@example.jp", rule, reason, SITES, **more)  # type: ignore[arg-type]


def code(came: Decided | Refusal) -> str:
    return came.code if isinstance(came, Refusal) else f"v{came.version}"


def acts(store: Store) -> list[str]:
    with store.reading() as tx:
        return [one.record.act for one in evidence_rows.recent(tx, 50, None)]


# -- reading


def test_names_are_set_apart_as_people_do() -> None:
    assert names_in(" openai,azure、google，aws\n xai　openai ") == ("openai", "azure", "google", "aws", "xai")
    assert names_in(" ") == ()


@pytest.mark.parametrize(
    ("target", "fallbacks", "most", "code"),
    [
        ("gpt-big", "", "", "target_unreadable"), ("openai/", "", "", "target_unreadable"), ("", "", "", "target_unreadable"),
        ("openai/gpt big", "", "", "target_unreadable"), ("openai/g\x00", "", "", "target_unreadable"),
        ("openai/" + "g" * 300, "", "", "target_unreadable"), ("openai/a", "b", "", "target_unreadable"),
        ("openai/a", " ".join(f"openai/m{n}" for n in range(9)), "", "targets_many"),
        ("openai/a", "", "-1", "output_cap_invalid"), ("openai/a", "", "1000001", "output_cap_invalid"),
        ("openai/a", "", "１００", "output_cap_invalid"), ("openai/a", "", "x", "output_cap_invalid"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_variant_is_refused_with_its_sentence(
    target: str, fallbacks: str, most: str, code: str
) -> None:
    came = variant_of("triage", target, fallbacks, most)

    assert isinstance(came, Refusal)
    assert came.code == code
    assert all(sentence("refusal", came.code, lang, came.facts) for lang in LANGUAGES)


def test_a_variant_reads_as_written() -> None:
    assert variant_of("triage", " openai/gpt-big ", "house/swallow\nlocal/student:triage", "2,000") == Variant(
        "triage", BIG, (HOUSE, STUDENT), 2000
    )
    assert variant_of("t", "openrouter/meta/llama-3", "", "") == Variant("t", Target("openrouter", "meta/llama-3"))


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=30))
def test_reading_never_fails(target: str, fallbacks: str, most: str) -> None:
    for came in (
        variant_of("t", target, fallbacks, most), rule_of("t", target, fallbacks, most, is_on_premises_only=False)
    ):  # fmt: skip
        if isinstance(came, Refusal):
            assert all(sentence("refusal", came.code, lang, came.facts) for lang in LANGUAGES)


def test_a_data_rule_reads_as_written() -> None:
    assert rule_of("t", "OpenAI, azure", "JP", "never", is_on_premises_only=True) == DataRule(
        "t", ("openai", "azure"), ("jp",), "never", True
    )
    for wrong in (rule_of("t", "open ai!", "", "any", is_on_premises_only=False),
                  rule_of("t", "", "東京", "any", is_on_premises_only=False),
                  rule_of("t", "", "", "sometimes", is_on_premises_only=False),
                  rule_of("t", " ".join(f"v{n}" for n in range(31)), "", "any", is_on_premises_only=False)):  # fmt: skip
        assert isinstance(wrong, Refusal)


def test_a_rule_keeps_upstreams_out_whatever_the_model() -> None:
    found = sites_kept_out(SITES.values(), DataRule("t", regions=("jp",), training="never"))

    assert {name: why.code for name, why in found.items()} == {"openai": "region_not_allowed"}
    only = sites_kept_out(SITES.values(), DataRule("t", is_on_premises_only=True))
    assert {name: why.code for name, why in only.items()} == {
        "openai": "not_on_premises",
        "azure-jp": "not_on_premises",
    }
    assert sites_kept_out(SITES.values(), None) == {}


# -- keeping


def test_a_variant_is_kept_with_author_reason_evidence_and_notice(furnished: Store) -> None:
    came = set_(furnished, Variant("triage", BIG, (SMALL,), 500), "安い")

    assert came == Decided(1, (came.warnings[0],)) if isinstance(came, Decided) else False
    assert [(w.what, w.code) for w in came.warnings] == [("openai/gpt-small", "price_missing_model")]  # type: ignore[union-attr]
    with furnished.reading() as tx:
        variant, version = routing_rows.variants(tx)["triage"]
        record = evidence_rows.recent(tx, 1, None)[0].record
        changes = numbers(tx)["routing"]
    assert variant == Variant("triage", BIG, (SMALL,), 500)
    assert (version.version, version.author, version.reason, version.set_at) == (1, "aoki@example.jp", "安い", NOW)
    assert (record.act, record.subject) == ("variant_set", "task:triage")
    assert record.facts["after"] == {"targets": ["openai/gpt-big", "openai/gpt-small"], "most_output_tokens": 500}
    assert changes >= 2


def test_what_this_machine_answers_needs_no_price(furnished: Store) -> None:
    came = set_(furnished, Variant("triage", STUDENT, (HOUSE,)))

    assert [w.what for w in came.warnings] == ["house/swallow"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("variant", "reason", "wanted"),
    [
        (Variant("nothing", BIG), "x", "task_unknown"), (Variant("triage", BIG), " ", "routing_reason_missing"),
        (Variant("triage", BIG), "x" * 501, "routing_reason_missing"), (Variant("triage", BIG, (BIG,)), "x", "target_twice"),
        (Variant("triage", Target("nowhere", "m")), "x", "target_upstream_unknown"),
        (Variant("triage", BIG, (Target("nowhere", "m"),)), "x", "target_upstream_unknown"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_variant_leaves_nothing(
    furnished: Store, variant: Variant, reason: str, wanted: str
) -> None:
    came = set_(furnished, variant, reason)

    assert code(came) == wanted
    assert all(sentence("refusal", came.code, lang, came.facts) for lang in LANGUAGES)  # type: ignore[union-attr]
    with furnished.reading() as tx:
        assert routing_rows.variants(tx) == {}
    assert acts(furnished) == []


@pytest.mark.parametrize(
    ("rule", "target", "why"),
    [
        (DataRule("triage", is_on_premises_only=True), AZURE, "not_on_premises"),
        (DataRule("triage", vendors=("azure",)), BIG, "vendor_not_allowed"),
        (DataRule("triage", regions=("jp",)), BIG, "region_not_allowed"),
        (DataRule("triage", training="never"), BIG, "training_not_excluded"),
    ],
)
def test_a_target_that_the_rule_forbids_is_refused_with_the_reason_in_words(
    furnished: Store, rule: DataRule, target: Target, why: str
) -> None:
    rule_(furnished, rule)

    came = set_(furnished, Variant("triage", HOUSE, (target,)))

    assert isinstance(came, Refusal)
    assert (came.code, came.facts["why"]) == ("target_forbidden", why)
    told = sentence("refusal", came.code, "ja", came.facts)
    assert why not in told
    assert str(target) in told
    assert isinstance(set_(furnished, Variant("triage", HOUSE)), Decided)


def test_a_stricter_rule_holds_at_once_and_names_what_it_keeps_out(furnished: Store) -> None:
    set_(furnished, Variant("triage", BIG, (AZURE, HOUSE)))

    came = rule_(furnished, DataRule("triage", regions=("jp",)))

    assert isinstance(came, Decided)
    assert [(w.what, w.code) for w in came.warnings] == [("openai/gpt-big", "region_not_allowed")]
    with furnished.reading() as tx:
        tasks = routing_rows.tasks(tx)
        variants = {name: found[0] for name, found in routing_rows.variants(tx).items()}
        rules = {name: found[0] for name, found in routing_rows.data_rules(tx).items()}
    chosen = plan("task:triage", "triage", tasks, variants, rules, SITES)
    assert isinstance(chosen, Plan)
    assert chosen.targets == (AZURE, HOUSE)
    everything_out = rule_(furnished, DataRule("triage", vendors=("nobody",), regions=("us",)))
    assert len(everything_out.warnings) == 3  # type: ignore[union-attr]  # the house computes in jp


def test_earlier_versions_hold_again_as_new_ones(furnished: Store) -> None:
    set_(furnished, Variant("triage", BIG))
    set_(furnished, Variant("triage", HOUSE), minutes=1)
    rule_(furnished, DataRule("triage", regions=("jp",)))
    rule_(furnished, DataRule("triage"), "全部")

    back = return_variant(furnished, NOW, "aoki@example.jp", "triage", 1, "戻す", SITES)
    rule_back = return_data_rule(furnished, NOW, "aoki@example.jp", "triage", 1, "戻す", SITES)
    now_forbidden = return_variant(furnished, NOW, "aoki@example.jp", "triage", 1, "もう一度", SITES)

    assert (code(back), code(rule_back)) == ("v3", "v3")
    assert code(now_forbidden) == "target_forbidden"
    assert code(return_variant(furnished, NOW, "a", "triage", 9, "x", SITES)) == "version_unknown"
    assert code(return_data_rule(furnished, NOW, "a", "triage", 9, "x", SITES)) == "version_unknown"
    with furnished.reading() as tx:
        history = routing_rows.variant_history(tx, "triage")
    assert [(variant.target if variant else None, kept.version) for variant, kept in history] == [
        (BIG, 3), (HOUSE, 2), (BIG, 1),
    ]  # fmt: skip


def test_a_task_is_left_without_a_variant_and_calls_of_it_are_refused(furnished: Store) -> None:
    assert code(end_variant(furnished, NOW, "a", "triage", "x")) == "variant_none"
    set_(furnished, Variant("triage", BIG))

    assert code(end_variant(furnished, NOW, "a", "triage", "やめる")) == "v2"

    assert code(end_variant(furnished, NOW, "a", "triage", "やめる")) == "variant_none"
    assert code(return_variant(furnished, NOW, "a", "triage", 2, "x", SITES)) == "version_unknown"
    with furnished.reading() as tx:
        assert routing_rows.variants(tx) == {}
        assert routing_rows.variant_history(tx, "triage")[0][0] is None
        came = plan("task:triage", "triage", routing_rows.tasks(tx), {}, {}, SITES)
    assert isinstance(came, Refusal)
    assert came.code == "variant_missing"
    assert code(set_(furnished, Variant("triage", BIG))) == "v3"
    assert acts(furnished).count("variant_ended") == 1


def test_what_stands_already_is_told_and_adds_no_version(furnished: Store) -> None:
    set_(furnished, Variant("triage", BIG))

    assert code(set_(furnished, Variant("triage", BIG))) == "variant_unchanged"
    assert code(rule_(furnished, DataRule("triage"))) == "rule_unchanged"


def test_who_looked_at_an_older_version_looks_again(furnished: Store) -> None:
    set_(furnished, Variant("triage", BIG), seen=0)

    assert code(set_(furnished, Variant("triage", HOUSE), seen=0)) == "variant_moved"
    assert code(end_variant(furnished, NOW, "a", "triage", "x", seen=0)) == "variant_moved"
    assert code(rule_(furnished, DataRule("triage", regions=("jp",)), seen=4)) == "rule_moved"
    assert code(set_(furnished, Variant("triage", HOUSE), seen=1)) == "v2"


def test_what_the_file_pins_is_not_changed_here(furnished: Store) -> None:
    row = {"title_ja": "分類", "title_en": "", "department": "", "owner": "", "stage": "production",
           "data_class": "internal", "margin": Decimal("0.05"), "variant": "openai/gpt-big", "fallbacks": "",
           "most_output_tokens": 0, "vendors": "", "regions": "us", "training": "any", "on_premises_only": False}  # fmt: skip
    pin(furnished, {"triage": row}, {}, {}, NOW)

    assert code(set_(furnished, Variant("triage", SMALL))) == "variant_pinned"
    assert code(end_variant(furnished, NOW, "a", "triage", "x")) == "variant_pinned"
    assert code(rule_(furnished, DataRule("triage"))) == "rule_pinned"
    pin(furnished, {"triage": {**row, "variant": "", "regions": ""}}, {}, {}, NOW)
    assert code(set_(furnished, Variant("triage", SMALL))) == "v3"
    assert code(rule_(furnished, DataRule("triage"))) == "v3"


def test_two_who_change_at_once_make_two_versions(furnished: Store) -> None:
    came: list[str] = []

    def change(model: str) -> None:
        came.append(code(set_(furnished, Variant("triage", Target("openai", model)))))

    threads = [threading.Thread(target=change, args=(f"gpt-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(came) == [f"v{n}" for n in range(1, 7)]
