"""``jitsuri certificate force|full|back|keep|life|watch|audit``: the life of a certificate from the machine itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import click

from jitsuri.access.rules.guarding import login_form
from jitsuri.app.trialling import trial_around
from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.cli.doors import Desk, pass_desk, pin_settings
from jitsuri.cli.refusing import refuse
from jitsuri.cli.telling import moment_told
from jitsuri.flows.cold import putting_in_force as flow
from jitsuri.flows.cold.auditing import Round
from jitsuri.flows.cold.auditing import audit as audit_round
from jitsuri.flows.cold.freezing_worlds import Around
from jitsuri.flows.cold.judging_audits import AuditJudge, JudgedAudit, judge_audits
from jitsuri.flows.cold.putting_in_force import Owner, Wish
from jitsuri.flows.cold.settling_labels import settle_labels
from jitsuri.flows.cold.viewing.opening_lives import Opened, after_told, cause_told, event_told, open_life
from jitsuri.flows.cold.watching_certificates import watch as watch_round
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.rules.living import USUAL_PERCENT
from jitsuri.rightsizing.shapes.lives import ROLLBACKS, Life, Rollback
from jitsuri.store.door import Store, without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import Language, sentence, text

Command = TypeVar("Command", bound=Callable[..., None])

_json = click.option("--json", "json_out", is_flag=True)


def _acting(command: Command) -> Command:
    """What every act takes: the certificate, who acts, why."""
    for option in (
        _json,
        click.option("--reason", default=""),
        click.option("--login", required=True),
        click.argument("number"),
    ):
        command = option(command)
    return command


@click.command("force")
@click.option("--percent", default=USUAL_PERCENT, metavar="SHARE")
@click.option("--rollback", type=click.Choice(ROLLBACKS), default="ask")
@_acting
@pass_desk
def force(desk: Desk, number: str, login: str, reason: str, percent: str, rollback: Rollback, json_out: bool) -> None:
    def act(store: Store, owner: Owner, wish: Wish) -> Life | Refusal:
        return flow.put_in_force(store, desk.now(), owner, number, percent, rollback, wish, around_of(desk))

    _act(desk, "force", number, login, reason, act, json_out=json_out)


@click.command("full")
@_acting
@pass_desk
def full(desk: Desk, number: str, login: str, reason: str, json_out: bool) -> None:
    def act(store: Store, owner: Owner, wish: Wish) -> Life | Refusal:
        return flow.make_full(store, desk.now(), owner, number, wish, around_of(desk))

    _act(desk, "full", number, login, reason, act, json_out=json_out)


@click.command("back")
@_acting
@pass_desk
def back(desk: Desk, number: str, login: str, reason: str, json_out: bool) -> None:
    def act(store: Store, owner: Owner, wish: Wish) -> Life | Refusal:
        return flow.go_back(store, desk.now(), owner, number, wish, around_of(desk))

    _act(desk, "back", number, login, reason, act, json_out=json_out)


@click.command("keep")
@_acting
@pass_desk
def keep(desk: Desk, number: str, login: str, reason: str, json_out: bool) -> None:
    def act(store: Store, owner: Owner, wish: Wish) -> Life | Refusal:
        return flow.keep_going(store, desk.now(), owner, number, wish)

    _act(desk, "keep", number, login, reason, act, json_out=json_out)


@click.command("life")
@click.argument("number")
@_json
@pass_desk
def life(desk: Desk, number: str, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        opened = _opened(desk, store, number)
    if json_out:
        desk.give(_told(opened))
        return
    found = opened.life
    desk.say(
        "cli.certificate.life.head", number=found.number, task=found.task, state=_state(desk, found),
        share=f"{found.per_mille / 10:g}", rollback=text(f"life.rollback.{found.rollback}", desk.lang),
    )  # fmt: skip
    for one in found.events:
        desk.say(
            "cli.certificate.life.event", at=moment_told(desk, one.at), event=text(f"life.event.{one.event}", desk.lang),
            who=one.author, told=event_told(found, one, desk.lang) or "–",
        )  # fmt: skip
    for seen in opened.watched:
        desk.say(
            "cli.certificate.life.watched", name=text(f"life.watch.{seen.code}", desk.lang), before=seen.before,
            now=seen.now, state=text(f"life.watched.{seen.state}", desk.lang),
        )  # fmt: skip


@click.command("watch")
@_json
@pass_desk
def watch(desk: Desk, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        with store.reading() as tx:
            standing = len(life_rows.in_force(tx))
        voided = watch_round(store, desk.now(), around_of(desk))
    if json_out:
        desk.give({
            "in_force": standing,
            "voided": [
                {"number": one.life.number, "task": one.life.task, "causes": [c.code for c in one.causes], "after": one.after}
                for one in voided
            ],
        })  # fmt: skip
        return
    for one in voided:
        event = one.life.voided
        if event is not None:
            desk.say(
                "cli.certificate.watch.voided", number=one.life.number, cause=cause_told(event.code, event.facts, desk.lang),
                after=after_told(event, one.life.world, desk.lang),
            )  # fmt: skip
    if not voided:
        desk.say("cli.certificate.watch.none", count=standing)


@click.command("audit")
@click.option("--judge", default="", metavar="UPSTREAM/MODEL")
@click.option("--allow-same-vendor", is_flag=True)
@_json
@pass_desk
def audit(desk: Desk, judge: str, allow_same_vendor: bool, json_out: bool) -> None:
    from jitsuri.app.replaying import Replayer

    desk.json_out = json_out
    cap = desk.settings.decimal("proof.audit_jpy_per_month")
    judge = without_nul(judge.strip()) or desk.settings.text("proof.audit_judge")
    around = around_of(desk)
    judged: list[JudgedAudit] = []
    with desk.store() as store, Replayer(desk.settings, store) as ask:
        pin_settings(store, desk.settings, desk.now())
        assert around.key_folder is not None
        rounds = audit_round(store, desk.now, ask, around.key_folder, cap, around.sites)
        settle_labels(store, desk.now())
        if judge:
            wanted = AuditJudge(judge, cast("Language", desk.lang), allow_same_vendor, "cli")
            judged = judge_audits(store, desk.now, ask, trial_around(store, desk.settings), wanted, cap)
    if json_out:
        desk.give(_audit_told(rounds, judged))
        return
    for one in rounds:
        capped = text("cli.certificate.audit.capped", desk.lang) if one.is_capped else ""
        desk.say(
            "cli.certificate.audit.done", number=one.number, drawn=one.drawn, answered=one.answered, failed=one.failed,
            capped=capped,
        )  # fmt: skip
    for found in judged:
        desk.say(
            "cli.certificate.audit.judged", number=found.number, judge=judge, judged=found.judged, recorded=found.recorded,
            jpy=f"{found.spent_jpy:,.2f}",
        )  # fmt: skip
        if found.set_aside:
            desk.say("cli.certificate.audit.aside", why=text(f"verdict.set_aside.{found.set_aside}", desk.lang))
        if found.refusal is not None:
            desk.say(
                "cli.certificate.audit.open",
                why=sentence("refusal", found.refusal.code, desk.lang, found.refusal.facts),
            )
    if not rounds:
        desk.say("cli.certificate.audit.none")


def _audit_told(rounds: Sequence[Round], judged: Sequence[JudgedAudit]) -> list[dict[str, object]]:
    by_number = {one.number: one for one in judged}
    told = []
    for one in rounds:
        found = by_number.get(one.number)
        word: dict[str, object] | None = None
        if found is not None:
            word = {
                "judged": found.judged, "recorded": found.recorded, "jpy": str(found.spent_jpy), "set_aside": found.set_aside,
                "refusal": found.refusal.code if found.refusal is not None else "",
            }  # fmt: skip
        told.append({
            "number": one.number, "drawn": one.drawn, "answered": one.answered, "failed": one.failed,
            "capped": one.is_capped, "judge": word,
        })  # fmt: skip
    return told


COMMANDS: tuple[click.Command, ...] = (force, full, back, keep, life, watch, audit)


def around_of(desk: Desk) -> Around:
    """What freezing and looking need, from the settings."""
    settings = desk.settings
    folder = settings.file.parent if settings.file is not None else settings.home
    return Around(sites_of(upstreams_of(settings)), cast(RateKind, settings.text("money.rate_kind")), folder)


def _act(
    desk: Desk,
    name: str,
    number: str,
    login: str,
    reason: str,
    act: Callable[[Store, Owner, Wish], Life | Refusal],
    *,
    json_out: bool,
) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        pin_settings(store, desk.settings, desk.now())
        seen = _opened(desk, store, number)
        wish = Wish(reason, seen.life.sequence, seen.variant_version)
        came = act(store, Owner(login_form(login), "shell"), wish)
        if isinstance(came, Refusal):
            refuse(desk, came)
        found = _opened(desk, store, number)
    if json_out:
        desk.give(_told(found))
    else:
        desk.say(f"cli.certificate.{name}.done", number=number, share=f"{found.life.per_mille / 10:g}")


def _opened(desk: Desk, store: Store, number: str) -> Opened:
    """The certificate's life; ends the command where there is no such certificate."""
    with store.reading() as tx:
        kept = certificate_rows.by_number(tx, without_nul(number))
        if kept is None:
            refuse(desk, Refusal("certificate_absent", {"number": number}))
        return open_life(tx, desk.now(), kept.certificate, around_of(desk))


def _state(desk: Desk, found: Life) -> str:
    return text(f"life.state.{found.state}", desk.lang)


def _told(opened: Opened) -> dict[str, object]:
    found, world = opened.life, opened.life.world
    return {
        "number": found.number, "task": found.task, "state": found.state, "sequence": found.sequence,
        "percent": found.per_mille / 10, "rollback": found.rollback, "asks": found.asks,
        "asked": [one.login for one in opened.asked] if found.asks else [],
        "fault": opened.fault.code if opened.fault is not None else "",
        "today": world.today if world is not None else "", "proposed": world.proposed if world is not None else "",
        "events": [
            {
                "sequence": one.sequence, "event": one.event, "at": one.at.isoformat(), "author": one.author,
                "door": one.door, "code": one.code, "reason": one.reason,
                "facts": {name: value for name, value in one.facts.items() if name != "world"},
            }
            for one in found.events
        ],
        "watched": [
            {"code": one.code, "before": one.before, "now": one.now, "state": one.state, **one.facts}
            for one in opened.watched
        ],
    }  # fmt: skip
