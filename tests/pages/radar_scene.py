"""The furnished company with things to come: gpt-big doubles in January, gpt-small triples in December and ends in February."""

from __future__ import annotations

from pathlib import Path

from approval_parts import file_one
from console_parts import Console, sample_settings
from page_scene import NOW, book, furnish
from verdict_parts import PASS

from jitsuri.flows.cold.renewing_prices import apply_update
from jitsuri.ledger.shapes.pricing import PriceBook
from jitsuri.ledger.wire.overriding import overrides_from_toml, with_own_prices
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Site, Target, Variant
from jitsuri.store.door import Store
from jitsuri.web.routes import ROUTES

OWN_PRICES = """
zone = "Asia/Tokyo"

[[price]]
provider = "openai"
model = "gpt-small"
currency = "USD"
valid_from = 2026-12-01
input = 0.45
output = 1.8
source = "価格改定のお知らせ 2026-11-10"

[[retirement]]
provider = "openai"
model = "gpt-small"
retired_on = 2027-02-01
successor = "openai/gpt-tiny"
source = "提供終了の一覧 2026-11-20 確認"
"""
"""Of October's use (22 working days) gpt-small costs 22 × 63 = 1,386 yen at 150 yen a dollar; the trebling adds 2 × that."""

SITES = {"main": Site("main", "openai", "", "never", False, ("gpt-*",))}


class Ahead:
    """The company, its book with the file above, one certificate (gpt-big → gpt-small), and a console."""

    def __init__(self, store: Store, folder: Path, *, own: str = OWN_PRICES) -> None:
        self.scene = furnish(store)
        self.store = store
        self.book = self.use(folder, own)
        self.number = file_one(store, PASS)
        self.console = Console(store, sample_settings(**{"company.is_sample": True}), ROUTES)
        self.admin = self.console.admin()

    def use(self, folder: Path, own: str) -> PriceBook:
        path = folder / "prices.toml"
        path.write_text(own, "utf-8")
        made = with_own_prices(book(), overrides_from_toml(path))
        apply_update(self.store, made, NOW, "aoki@example.jp", "test")
        return made

    def falls_back(self, task: str, first: str, *others: str) -> None:
        """Give the task a variant with these fallbacks."""
        variant = Variant(task, Target("main", first), tuple(Target("main", one) for one in others))
        with self.store.transaction() as tx:
            routing_rows.save_variant(tx, variant, is_pinned=False, author="aoki", reason="test", now=NOW)
