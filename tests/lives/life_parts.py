"""A task that gpt-big answers, an approved certificate for gpt-small, owners, and calls that are booked day by day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from verdict_parts import PASS, certificate

from jitsuri.access.records import people as person_rows
from jitsuri.access.shapes import Person, Role
from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.shapes import Act, Matter, Wish
from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal
from jitsuri.calls.shapes import Call
from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold import putting_in_force as flow
from jitsuri.flows.cold.approving import Acting, sign
from jitsuri.flows.cold.freezing_worlds import Around
from jitsuri.flows.cold.keeping_variants import set_variant
from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
from jitsuri.flows.cold.watching_certificates import Voided, watch
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.pricing import Block, BookInfo, BookUse, Clause, ModelSheet, PriceBook, UnitPrice, Vendor
from jitsuri.ledger.wire.packing import packed as packed_book
from jitsuri.ledger.wire.packing import sealed
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.shapes.certificates import Approval, TaskNamed
from jitsuri.rightsizing.shapes.certificates import Variant as Proposed
from jitsuri.rightsizing.shapes.lives import Life, Rollback
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Group, Site, Target, Task, Variant
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.usage import Usage
from jitsuri.words import LANGUAGES, sentence

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
"""Friday, noon in Tokyo."""
TASK = "inquiry-triage"
BIG, SMALL = "openai/gpt-big", "openai/gpt-small"
UNSIGNED = (Approval("draft"), Approval("review"), Approval("decision"))
SITES = {
    "openai": Site("openai", "openai", "us", "allowed", False, ("gpt-*",)),
    "azure-jp": Site("azure-jp", "azure", "jp", "never", False, ()),
    "local": Site("local", "local", "jp", "never", True, ()),
}
PEOPLE: dict[str, Role] = {
    "aoki": "admin", "baba": "developer", "chiba": "finance", "doi": "owner", "ema": "auditor", "fuji": "owner",
}  # fmt: skip
HASHES = {"usual": "a1" * 16, "other": "b2" * 16}


def _sheet(model: str, given: str, made: str, later: tuple[date, str, str] | None) -> ModelSheet:
    def block(name: str, into: str, out: str, starts: date | None = None) -> Block:
        units = (UnitPrice("input_tokens", Decimal(into), 10**6), UnitPrice("output_tokens", Decimal(out), 10**6))
        return Block(name, units) if starts is None else Block(name, units, starts_on=starts)

    blocks = [block("standard", given, made)] + ([block("later", later[1], later[2], later[0])] if later else [])
    return ModelSheet("openai", model, "USD", tuple(blocks), "test", match=Clause("equals", model))


class World:
    """Everything that a certificate in force stands on, and a clock."""

    def __init__(self, store: Store, *, rollback: Rollback = "automatic") -> None:
        self.store, self.now, self.rollback = store, NOW, rollback
        self.around = Around(SITES)
        self.people = {login: self._person(login, role) for login, role in PEOPLE.items()}
        task = Task(
            TASK, "問合せ分類", "Inquiry triage", "support", "doi", "production", "internal", Decimal("0.05"), NOW
        )
        with store.transaction() as tx:
            routing_rows.save_task(tx, task)
            for name, digest in HASHES.items():
                group = Group(derived_id("group", name), "system_prompt", digest, "", 1, NOW, NOW)
                routing_rows.add_groups(tx, [group])
        self.use_prices()
        self.set_by_hand(Target("openai", "gpt-big"))
        self.number = self.filed()
        self.approve(self.number)

    def _person(self, login: str, role: Role) -> Person:
        department = "support" if login in ("doi", "fuji") else ""
        made = Person(
            derived_id("person", login), login, f"{login} 一郎", frozenset({role}), department, "ja", True, NOW
        )
        with self.store.transaction() as tx:
            person_rows.insert(tx, made, "a hash")
        return made

    # -- what stands

    def use_prices(
        self,
        small: tuple[str, str] = ("0.15", "0.60"),
        later: tuple[date, str, str] | None = None,
        *,
        is_known: bool = True,
    ) -> None:
        self.now += timedelta(seconds=1)
        sheets = [_sheet("gpt-big", "2.50", "10.00", None)]
        if is_known:
            sheets.append(_sheet("gpt-small", *small, later))
        vendor = Vendor("openai", "OpenAI", Clause("equals", "openai"), Clause("starts_with", "gpt"), (), tuple(sheets))
        book = sealed(PriceBook("", f"test {self.now}", date(2026, 11, 1), (vendor,)))
        with self.store.transaction() as tx:
            info = BookInfo(book.book_id, book.source, self.now, book.published_on, book.models)
            book_rows.save(tx, info, packed_book(book))
            book_rows.use(tx, BookUse(book.book_id, self.now, "aoki", "test"))

    def set_by_hand(self, target: Target, *, cap: int = 0, **more: object) -> None:
        self.now += timedelta(seconds=1)
        variant = replace(Variant(TASK, target, most_output_tokens=cap), **more)  # type: ignore[arg-type]
        came = set_variant(self.store, self.now, "aoki", variant, "手で", SITES)
        assert not isinstance(came, Refusal), came

    def variant(self) -> tuple[str, str, tuple[str, ...]]:
        """First target, the canary's or '', fall-backs."""
        with self.store.reading() as tx:
            found, _ = routing_rows.variants(tx)[TASK]
        canary = str(found.canary.target) if found.canary else ""
        return str(found.target), canary, tuple(map(str, found.fallbacks))

    def filed(self, today: str = BIG, proposed: str = SMALL, seed: int = 7, **changes: object) -> str:
        verdict = replace(PASS, task=TASK, baseline=today, candidate=proposed, seed=seed)
        keep_verdicts(self.store, [verdict], b'{"rows": []}', "cli", NOW - timedelta(days=1))
        named = TaskNamed(TASK, "問合せ分類", "Inquiry triage", "営業支援課", "土井 四郎", "Sales support")

        def made(number: str) -> object:
            code = f"{number}-CODE"
            fields = {"task": named, "today": Proposed(today), "proposed": Proposed(proposed), "approvals": UNSIGNED,
                      "code": code, **changes}  # fmt: skip
            return certificate(number, verdict, **fields)

        kept = file_certificate(self.store, lambda number: (made(number), b"{}"), "cli", NOW - timedelta(days=1))  # type: ignore[arg-type,return-value]
        assert packed(kept)
        return kept.number

    def approve(self, number: str, last: Act = "approve") -> None:
        for act, login in (
            ("submit", "baba"),
            ("pass_review", "chiba"),
            (last, "baba" if last == "withdraw" else "aoki"),
        ):
            self.now += timedelta(seconds=1)
            with self.store.reading() as tx:
                matter = approval_rows.matter(tx, "certificate", number)
            wish = Wish(act, matter.sequence if matter else 0, f"{number}-CODE", "よい")  # type: ignore[arg-type]
            came = sign(self.store, self.now, Acting(login, "console"), "certificate", number, wish)
            assert isinstance(came, Matter), came

    # -- calls

    def book(
        self,
        at: datetime,
        count: int,
        *,
        model: str = "gpt-small",
        answered: str = "",
        prompt: str = "usual",
        tokens: int = 300,
        key: str = "key-1",
        texts: Path | None = None,
        system: str = "Sort.",
        name: str = "",
        purpose: str = "",
    ) -> list[Call]:
        """So many answered calls, a second apart. ``texts``: the folder of a key with which both parts are kept, the request with
        this system prompt."""
        made = [
            self._call(at + timedelta(seconds=n), n, model, answered or model, prompt, tokens, key, name)
            for n in range(count)
        ]
        with self.store.transaction() as tx:
            if not purpose:  # what we ask ourselves is no call
                call_rows.insert_many(tx, [call for call, _ in made])
            entry_rows.insert_many(tx, [replace(entry, purpose=purpose) for _, entry in made])
            if texts is not None:
                secret = bytes.fromhex((texts / "text.key").read_text("ascii").strip())
                told = {"model": "task:inquiry-triage", "messages": [
                    {"role": "system", "content": system}, {"role": "user", "content": "hello"}]}  # fmt: skip
                body = json.dumps(told).encode()
                text_rows.insert_many(tx, [
                    (call.call_id, part, seal(body, secret, call.call_id, part), "text.key", date(2027, 3, 1))
                    for call, _ in made for part in ("request", "response")
                ])  # fmt: skip
        return [call for call, _ in made]

    def book_days(
        self, first: date, days: int, count: int, shares: Sequence[tuple[int, float]] = ((300, 1.0),), **more: str
    ) -> None:
        """The same number of calls on each day, with so many input tokens for such a share of them."""
        for n in range(days):
            at = datetime.combine(first + timedelta(days=n), datetime.min.time(), UTC)
            for place, (tokens, share) in enumerate(shares):
                self.book(at + timedelta(hours=place), round(count * share), tokens=tokens, name=f"{place}", **more)  # type: ignore[arg-type]

    def _call(
        self, at: datetime, n: int, model: str, answered: str, prompt: str, tokens: int, key: str, name: str
    ) -> tuple[Call, Entry]:
        its_id = derived_id("call", f"{at.isoformat()} {n} {model} {answered} {prompt} {tokens} {key} {name}")
        usage = Usage(input_tokens=tokens, output_tokens=20)
        entry = Entry(
            entry_id=derived_id("entry", its_id.bytes), attempt_id=its_id, call_id=its_id, thread_id=its_id, kind="attempt",
            corrects=None, at=at, day=(at + timedelta(hours=9)).date(), booked_at=at, task=TASK, department="support",
            provider="openai", model=model, model_asked=model, model_answered=answered, region="", tier="", purpose="",
            status="ok", http_status=200, error_code="", calls=1, usage=usage, usage_raw=None, latency_ms=300,
            first_token_ms=None, state="priced", reason="", currency="USD", cost=Decimal("0.001"), price_block="standard",
            price_book="", rate_id=None, rate=Decimal(150), cost_jpy=Decimal("0.15"), reported_cost=None,
            reported_currency="", source="gateway", run_id=None,
        )  # fmt: skip
        call = Call(
            its_id, its_id.bytes[:16], at, its_id, TASK, "support", derived_id("group", prompt), "openai", model, "ok", key,
            "gateway", derived_id("run", "x"), 0, {},
        )  # fmt: skip
        return call, entry

    # -- acts

    def forced(self, login: str = "doi", number: str = "", percent: str = "5", **wish: object) -> Life | Refusal:
        self.now += timedelta(seconds=1)
        made = replace(flow.Wish("切り替える"), **wish)  # type: ignore[arg-type]
        owner = flow.Owner(login, "console")
        return flow.put_in_force(
            self.store, self.now, owner, number or self.number, percent, self.rollback, made, self.around
        )  # fmt: skip

    def full(self, login: str = "doi", number: str = "", **wish: object) -> Life | Refusal:
        self.now += timedelta(seconds=1)
        made = replace(flow.Wish("全部"), **wish)  # type: ignore[arg-type]
        return flow.make_full(
            self.store, self.now, flow.Owner(login, "console"), number or self.number, made, self.around
        )

    def back(self, login: str = "doi", reason: str = "苦情") -> Life | Refusal:
        self.now += timedelta(seconds=1)
        wish = flow.Wish(reason)
        return flow.go_back(self.store, self.now, flow.Owner(login, "console"), self.number, wish, self.around)

    def kept(self, login: str = "doi", reason: str = "確かめた") -> Life | Refusal:
        self.now += timedelta(seconds=1)
        return flow.keep_going(self.store, self.now, flow.Owner(login, "console"), self.number, flow.Wish(reason))

    def look(self, **later: float) -> list[Voided]:
        self.now += timedelta(**later) if later else timedelta(seconds=1)
        return watch(self.store, self.now, self.around)

    def life(self, number: str = "") -> Life:
        with self.store.reading() as tx:
            return life_rows.life(tx, number or self.number, TASK)

    def acts(self) -> list[str]:
        """Acts of evidence about certificates in force, oldest first."""
        with self.store.reading() as tx:
            noted = [one.record.act for one in evidence_rows.recent(tx, 1000)][::-1]
        return [act for act in noted if act.startswith("certificate_") and act != "certificate_filed"]


def running(world: World, *, is_full: bool = True) -> World:
    """The certificate in force, and a few answers of both ways since."""
    assert isinstance(world.forced(), Life)
    if is_full:
        came = world.full()
        assert isinstance(came, Life), came
    world.book(world.now + timedelta(seconds=5), 3, model="gpt-small")
    world.now += timedelta(minutes=1)
    return world


def code(came: object) -> str:
    """The code of a refusal, which has its sentences with the facts that they need."""
    assert isinstance(came, Refusal), came
    assert all(sentence("refusal", came.code, lang, came.facts) for lang in LANGUAGES)
    return came.code


def causes_found(voided: list[Voided]) -> list[str]:
    return [one.causes[0].code for one in voided]
