"""``jitsuri certificate``: the filed papers; computing one again from its export."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table as Grid

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.lives import COMMANDS as LIFE
from jitsuri.cli.rightsize import language_named
from jitsuri.terms.errors import CallerError
from jitsuri.words import text


@click.group("certificate")
def certificate() -> None: ...


for _command in LIFE:
    certificate.add_command(_command)


@certificate.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def verify(desk: Desk, file: Path, json_out: bool) -> None:
    from jitsuri.flows.cold.certifying import verify_file
    from jitsuri.rightsizing.rules.certifying import CHECKS
    from jitsuri.rightsizing.rules.telling import verdict_word

    desk.json_out = json_out
    found = verify_file(file)
    paper = found.certificate
    failed = {check: (stands, computed) for check, stands, computed in found.failed}
    if json_out:
        desk.give({"ok": not failed, "number": paper.number, "task": paper.task.name, "code": paper.code,
                   "verdict": verdict_word(paper.verdict), "is_other_code_version": found.is_other_code_version,
                   "code_version": paper.verdict.code_version, "data_hash": paper.verdict.data_hash,
                   "checks": {c: c not in failed for c in CHECKS},
                   "failed": [{"check": c, "stands": s, "computed": n} for c, s, n in found.failed]})  # fmt: skip
    else:
        desk.say("cli.certificate.verify.head", number=paper.number, task=paper.task.name or "*",
                 candidate=paper.verdict.candidate, verdict=verdict_word(paper.verdict))  # fmt: skip
        for check in CHECKS:
            stands, computed = failed.get(check, ("", ""))
            state = text(f"check.state.{'wrong' if check in failed else 'ok'}", desk.lang)
            click.echo(f"{state}{text(f'cli.certificate.verify.check.{check}', desk.lang)}")
            if stands or computed:
                desk.say("cli.certificate.verify.differs", stands=stands, computed=computed)
        if found.is_other_code_version:
            desk.say("cli.certificate.verify.other_version", version=paper.verdict.code_version)
        desk.say("cli.certificate.verify.failed" if failed else "cli.certificate.verify.done", code=paper.code)
    if failed:
        raise SystemExit(1)


@certificate.command("list")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def list_(desk: Desk, json_out: bool) -> None:
    from jitsuri.rightsizing.records import certificates as rows
    from jitsuri.rightsizing.rules.telling import verdict_word

    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        found = rows.certificates(tx)
    if json_out:
        desk.give([{"number": k.certificate.number, "task": k.certificate.task.name, "issued_at": k.certificate.issued_at,
                    "candidate": k.certificate.verdict.candidate, "verdict": verdict_word(k.certificate.verdict),
                    "valid_until": k.certificate.valid_until, "code": k.certificate.code} for k in found])  # fmt: skip
        return
    if not found:
        desk.say("cli.certificate.list.none")
        return
    grid = Grid(
        *(
            text(f"cli.certificate.list.column.{c}", desk.lang)
            for c in ("number", "task", "candidate", "verdict", "valid")
        )
    )
    for kept in found:
        paper = kept.certificate
        grid.add_row(paper.number, paper.task.name or "*", paper.verdict.candidate, verdict_word(paper.verdict),
                     str(paper.valid_until or "–"))  # fmt: skip
    Console().print(grid)


@certificate.command("export")
@click.argument("number")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None)
@click.option("--pdf", type=click.Path(path_type=Path, dir_okay=False), default=None)
@pass_desk
def export(desk: Desk, number: str, out: Path | None, pdf: Path | None) -> None:
    from jitsuri.approvals import records as approval_rows
    from jitsuri.flows.cold.viewing.opening_certificates import set_paper
    from jitsuri.rightsizing.records import certificates as rows
    from jitsuri.web.pages.papering import sheet_of
    from jitsuri.web.pages.signing import signed_paper

    with desk.store() as store, store.reading() as tx:
        kept, content = rows.by_number(tx, number), rows.export_of(tx, number)
        matter = approval_rows.matter(tx, "certificate", number)
    if kept is None or content is None:
        raise CallerError("certificate_unknown", number=number)
    written = {out or Path(f"{number}.json"): content}
    if pdf is not None:
        lang = language_named(desk.lang)
        paper = signed_paper(kept.certificate, matter, lang)
        written[pdf] = set_paper(sheet_of(paper, lang), lang, paper.issued_at)
    for path, body in written.items():
        try:
            path.write_bytes(body)
        except OSError as error:
            raise CallerError("file_unwritable", path=str(path), reason=error.strerror or str(error)) from None
        desk.say("cli.certificate.export.done", path=path)
