"""``jitsuri opportunities``: tasks by cost, with what a candidate's price alone would save."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.flows.cold.opportunities import Opportunities, Proof
from jitsuri.flows.cold.opportunities import opportunities as find_opportunities
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.flows.cold.viewing.basing import rates_kept
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.words import text

_SHOWN = ("task", "cost_per_month", "candidate", "saving", "labels", "proof_cost", "pays_back")


@click.command("opportunities")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def opportunities(desk: Desk, json_out: bool) -> None:
    desk.json_out = json_out
    told, now = desk.settings, desk.now()
    proof = Proof(
        told.decimal("proof.discordance"), told.decimal("proof.seconds_per_label"),
        told.decimal("proof.labour_jpy_per_hour"), told.decimal("proof.margin"),
    )  # fmt: skip
    with desk.store() as store:
        book = ensure_book(store, now, told.overrides)
        with store.reading() as tx:
            found = find_opportunities(tx, now, book, rates_kept(tx, _kind(desk)), proof)
    if json_out:
        desk.give(_plain(found))
        return
    if found is None or not found.rows:
        desk.say("cli.opportunities.none")
        return
    table = Table(*(text(f"column.{name}", desk.lang) for name in _SHOWN))
    for row in found.rows:
        best = row.candidates[0] if row.candidates else None
        pays_back = f"{row.pays_back_months:,.1f}" if row.pays_back_months is not None else "–"
        cost, proof_jpy = _yen(row.cost_jpy), _yen(row.proof_labour_jpy + row.proof_replay_jpy)
        table.add_row(
            row.task, cost, best.model if best else "–", _yen(-best.saving_jpy) if best else "–",
            f"{row.need.labels:,}", proof_jpy, pays_back,
        )  # fmt: skip
    Console().print(table)
    desk.say("cli.opportunities.sum", first=found.first, last=found.last, saving=f"{found.saving_jpy:,.0f}",
             labels=f"{found.labels:,}")  # fmt: skip
    if found.is_running:
        desk.say("opportunity.running")


def _yen(amount: Decimal) -> str:
    """Whole yen; below ten yen with two decimals, so that a small amount is not shown as none."""
    return f"{amount:,.2f}" if abs(amount) < 10 else f"{amount:,.0f}"


def _kind(desk: Desk) -> RateKind:
    kinds: dict[str, RateKind] = {"TTM": "TTM", "TTS": "TTS", "TTB": "TTB", "CARD": "CARD"}
    return kinds[desk.settings.text("money.rate_kind")]


def _plain(found: Opportunities | None) -> dict[str, Any]:
    """The list for a script: amounts are yen per month, as exact texts; every saving is assumed."""
    if found is None:
        return {"baseline": None, "tasks": []}
    return {
        "baseline": {"first": str(found.first), "last": str(found.last), "is_running": found.is_running},
        "price_book": found.book_id,
        "saving_jpy_per_month_at_most": str(found.saving_jpy),
        "tasks": [
            {
                "task": row.task, "calls": row.calls, "months": row.months, "cost_jpy_per_month": str(row.cost_jpy),
                "labels_needed": row.need.labels, "label_seconds": str(row.need.seconds),
                "proof_labour_jpy": str(row.proof_labour_jpy), "proof_replay_jpy": str(row.proof_replay_jpy),
                "pays_back_months": None if row.pays_back_months is None else str(row.pays_back_months),
                "candidates": [
                    {"provider": c.provider, "model": c.model, "cost_jpy_per_month": str(c.cost_jpy),
                     "saving_jpy_per_month": str(c.saving_jpy), "is_assumed": True}
                    for c in row.candidates
                ],
                "dropped": [{"what": d.what, "code": d.code} for d in row.dropped],
                "calls_without_yen": found.uncompared.get(row.task, 0),
            }
            for row in found.rows
        ],
    }  # fmt: skip
