"""``jitsuri up``: the console."""

from __future__ import annotations

import os
import socket
from typing import cast

import click

from jitsuri.app.serving import Surroundings, first_link, listen, serve
from jitsuri.app.upstreams import faults, upstreams_of
from jitsuri.cli.doors import Desk, pass_desk, pin_settings, tell
from jitsuri.cli.refusing import refuse
from jitsuri.flows.cold.keeping_rates import rates_in_use
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.words import text


@click.command("up")
@click.option("--host", default=None)
@click.option("--port", type=int, default=None)
@click.option("--gateway-port", type=int, default=None)
@pass_desk
def up(desk: Desk, host: str | None, port: int | None, gateway_port: int | None) -> None:
    settings = desk.settings
    wrong = faults(upstreams_of(settings))
    if wrong:
        refuse(desk, wrong)
    named = host or settings.text("console.host")
    listening = listen(named, settings.integer("console.port") if port is None else port)
    url = _url(named, listening)
    gateway = None
    if settings.integer("gateway.workers"):
        gateway_host = settings.text("gateway.host")
        asked = settings.integer("gateway.port") if gateway_port is None else gateway_port
        gateway = listen(gateway_host, asked)
    surroundings = Surroundings(desk.now, desk.secret)
    with desk.store() as store:
        pin_settings(store, settings, desk.now())
        ensure_book(store, desk.now(), settings.overrides)
        rates_in_use(store, desk.now(), cast(RateKind, settings.text("money.rate_kind")), settings.assumed_rates)
        click.echo(text("cli.up.listening", desk.lang, url=url))
        path = first_link(store, surroundings)
        if path is not None:
            click.echo(text("cli.up.first_admin", desk.lang, url=url + path))
        if gateway is not None:
            click.echo(text("cli.up.gateway", desk.lang, url=f"{_url(gateway_host, gateway)}/v1"))
        serve(
            store, settings, listening, surroundings, lambda error: click.echo(tell(error, desk.lang), err=True),
            gateway, os.environ,
        )  # fmt: skip
        click.echo(text("cli.up.stopping", desk.lang), err=True)


def _url(host: str, listening: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"
