"""``jitsuri up``: the console."""

from __future__ import annotations

import click

from jitsuri.app import Surroundings, first_link, listen, serve
from jitsuri.cli.doors import Desk, pass_desk, pin_settings, tell
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.words import text


@click.command("up")
@click.option("--host", default=None)
@click.option("--port", type=int, default=None)
@pass_desk
def up(desk: Desk, host: str | None, port: int | None) -> None:
    settings = desk.settings
    named = host or settings.text("console.host")
    listening = listen(named, settings.integer("console.port") if port is None else port)
    shown = f"[{named}]" if ":" in named else named
    url = f"http://{shown}:{listening.getsockname()[1]}"
    surroundings = Surroundings(desk.now, desk.secret)
    with desk.store() as store:
        pin_settings(store, settings, desk.now())
        ensure_book(store, desk.now(), settings.overrides)
        click.echo(text("cli.up.listening", desk.lang, url=url))
        path = first_link(store, surroundings)
        if path is not None:
            click.echo(text("cli.up.first_admin", desk.lang, url=url + path))
        serve(store, settings, listening, surroundings, lambda error: click.echo(tell(error, desk.lang), err=True))
        click.echo(text("cli.up.stopping", desk.lang), err=True)
