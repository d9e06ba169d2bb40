"""A certificate in force over a stub upstream whose answers have a quality, audited, with a console to label the pairs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from console_parts import Console, sample_settings
from judging_upstream import JudgingUpstream
from life_parts import TASK, World
from replaying_parts import prepared
from starlette.testclient import TestClient

from jitsuri.access.shapes import SignedIn
from jitsuri.app.replaying import Replayer
from jitsuri.app.trialling import trial_around
from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal
from jitsuri.flows.cold.auditing import audit
from jitsuri.flows.cold.freezing_worlds import Around
from jitsuri.flows.cold.judging_audits import AuditJudge, JudgedAudit, judge_audits
from jitsuri.flows.cold.keeping_variants import set_variant
from jitsuri.flows.cold.labelling import Given, label, next_pair
from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.flows.cold.viewing.opening_audits import AuditStanding, audit_standing
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.shapes.pricing import BookUse
from jitsuri.providers.shapes import Came, Question
from jitsuri.review.rules.counting import audit_set
from jitsuri.review.rules.judging import baseline_is_left
from jitsuri.review.shapes import Label, Press, Said
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.shapes.lives import Audited, Life
from jitsuri.routing.shapes import Target, Variant
from jitsuri.settings import Settings
from jitsuri.store.door import Connection, Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.routes import ROUTES
from jitsuri.words import Language

KEY = "ab" * 32
JUDGE = "stub-anthropic/claude-haiku-4-5"
OLD, NEW = "gpt-4o-mini", "stub-gpt"
CAP = Decimal(100_000)


def answer(quality: int, name: str = "") -> str:
    return f"ご注文の件、承りました。{name}担当から折り返しご連絡いたします。品質{quality}"


class Audit:
    """gpt-4o-mini answered until then, stub-gpt is in force. ``old`` and ``new`` are the qualities of their answers."""

    def __init__(
        self, store: Store, upstream: JudgingUpstream, folder: Path, *, old_quality: int = 5, new_quality: int = 5
    ) -> None:
        self.settings = prepared(store, upstream.url, folder)
        with store.reading() as tx:
            book = book_in_use(tx)
        assert book is not None
        (folder / "text.key").write_text(KEY, "ascii")
        self.store, self.folder, self.old, self.new = store, folder, old_quality, new_quality
        upstream.writers |= {OLD: lambda _: answer(old_quality, "営業の"), NEW: lambda _: answer(new_quality, "営業の")}
        upstream.judges.setdefault("claude-haiku-4-5", "good")
        self.sites = sites_of(upstreams_of(self.settings))
        self.world = world = World(store)
        world.now = datetime.now(UTC) - timedelta(hours=2)
        world.around = Around(self.sites, "TTM", folder)
        with store.transaction() as tx:
            book_rows.use(tx, BookUse(book[0].book_id, world.now, "aoki", "test"))
        came = set_variant(store, world.now, "aoki", Variant(TASK, Target("stub", OLD)), "はじめ", self.sites)
        assert not isinstance(came, Refusal), came
        world.number = world.filed(f"stub/{OLD}", f"stub/{NEW}", seed=41, audit_percent=Decimal(100))
        world.approve(world.number)
        begun = world.forced()
        assert isinstance(begun, Life), begun
        self.number, self.trial_id = world.number, audit_set(world.number)
        self.now = datetime.now(UTC)

    def calls(self, new: int, old: int = 0, name: str = "") -> None:
        """Calls that each way answered, with their texts."""
        for model, count, quality in ((NEW, new, self.new), (OLD, old, self.old)):
            made = self.world.book(
                self.world.now + timedelta(minutes=1), count, model=model, texts=self.folder, name=name + model
            )
            with self.store.transaction() as tx:
                tx.execute("DELETE FROM calls_texts WHERE call_id = ANY(%s)", ([call.call_id for call in made],))
                for place, call in enumerate(made):
                    asked = {"model": "task", "messages": [{"role": "user", "content": f"依頼 {place}"}]}
                    told = {"choices": [{"message": {"role": "assistant", "content": answer(quality, f"{place}番、")},
                                         "finish_reason": "stop"}]}  # fmt: skip
                    text_rows.insert_many(tx, [
                        (call.call_id, part, seal(json.dumps(body).encode(), bytes.fromhex(KEY), call.call_id, part),
                         "text.key", date(2027, 3, 1))
                        for part, body in (("request", asked), ("response", told))
                    ])  # fmt: skip

    def audit(self, *, backwards: bool = False) -> None:
        """Ask the other way, until nothing waits; ``backwards``: what was asked last comes first."""
        with Replayer(self.settings, self.store) as replayer:

            def ask(questions: Sequence[Question], at_once: int) -> Iterable[tuple[int, Came]]:
                came = replayer(questions, at_once)
                return sorted(came, key=lambda one: -one[0]) if backwards else came

            while True:
                (done,) = audit(self.store, lambda: datetime.now(UTC), ask, self.folder, CAP, self.sites)
                if not done.answered:
                    break
        self.now = datetime.now(UTC)

    def judge(self, cap: Decimal = CAP, judge: str = JUDGE) -> JudgedAudit:
        with Replayer(self.settings, self.store) as ask:
            around = trial_around(self.store, self.settings)
            (done,) = judge_audits(self.store, lambda: self.now, ask, around, AuditJudge(judge), cap)
        return done

    def rows(self) -> list[Audited]:
        with self.store.reading() as tx:
            return audit_rows.of_certificate(tx, self.number)

    def spent(self, tx: Connection) -> Decimal:
        return audit_rows.spent_jpy(tx, TASK, self.now - timedelta(days=40))

    def standing(self) -> AuditStanding:
        with self.store.reading() as tx:
            found = audit_standing(tx, self.number)
        assert found is not None
        return found

    def given(self, person: str) -> Given | None:
        came = next_pair(self.store, self.folder, self.trial_id, person, self.now)
        assert not isinstance(came, Refusal), came
        return came

    def label(self, person: str, choice: str = "") -> Label | None:
        """Somebody's word on the next pair: by the quality that they read, or as told. None where nothing is left for them."""
        self.now += timedelta(seconds=40)
        given = self.given(person)
        if given is None:
            return None
        left, right = (int(one.text.rpartition("品質")[2]) for one in (given.left, given.right))
        press: Press = "left" if left > right else "right" if right > left else "same"
        if choice in ("baseline", "candidate"):
            press = "left" if baseline_is_left(given.pair.pair_id, person) == (choice == "baseline") else "right"
        elif choice:
            press = choice  # type: ignore[assignment]
        came = label(self.store, given.pair.pair_id, person, Said(press, given.version, took_ms=9000), self.now)
        assert isinstance(came, Label), came
        return came

    def watch(self, **later: float) -> list[str]:
        """Codes of the causes by which a look voids."""
        self.now += timedelta(**later)
        self.world.now = self.now
        return [cause.code for one in self.world.look() for cause in one.causes]


class AuditConsole:
    """The console over it: 青木 administers, 土井 owns, 藤 and 長谷 review, 馬場 develops."""

    def __init__(self, audit: Audit) -> None:
        told = sample_settings(**{"company.is_sample": True})
        self.audit = audit
        self.console = Console(
            audit.store, Settings(audit.folder, None, told.values, told.tables), ROUTES, sites=audit.sites
        )
        self.console.now = audit.now
        with audit.store.transaction() as tx:  # the first link is for a house without people
            tx.execute("DELETE FROM access_people")
        self.admin = self.console.admin()
        person = self.console.person
        self.owner = person("owner", "土井 四郎", "doi@example.jp")
        self.reviewer = person("reviewer", "藤 六花", "fuji@example.jp")
        self.other = person("reviewer", "長谷 七海", "hase@example.jp")
        self.developer = person("developer", "馬場 二葉", "baba@example.jp")

    @property
    def page(self) -> str:
        return f"/pairs?trial={self.audit.trial_id}"

    def browser(self, who: SignedIn | None = None, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(who or self.reviewer, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client
