"""``jitsuri ask``: one question to the running gateway, its answer as it comes, and what it cost."""

from __future__ import annotations

import http.client
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID

import click

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.telling import digits_told
from jitsuri.ledger.records import reading
from jitsuri.providers.rules.addressing import is_loopback
from jitsuri.terms.errors import CallerError, JitsuriError, OperatorError
from jitsuri.words import text

KEY = "JITSURI_KEY"
"""Environment variable that holds the key where no file is named."""
ADDRESS = "JITSURI_URL"
"""Environment variable that holds the gateway's address (``http://host:port/v1``) where it is not this machine's."""
WAIT_S = 630
"""Longest silence of the gateway: an attempt's longest time (600 s) and a little."""
MOST_ERROR_BYTES = 64 * 1024


@click.command("ask")
@click.argument("question", metavar="[TEXT]", required=False)
@click.option("--task", default="")
@click.option("--model", default="")
@click.option("--key-file", type=click.Path(path_type=Path), default=None)
@click.option("--url", default="")
@click.option("--most-output", type=click.IntRange(min=1), default=None, metavar="TOKENS")
@click.option("--thread", default="")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def ask(
    desk: Desk, /, question: str | None, task: str, model: str, key_file: Path | None, url: str,
    most_output: int | None, thread: str, json_out: bool,
) -> None:  # fmt: skip
    desk.json_out = json_out
    if bool(task) == bool(model):
        raise CallerError("ask_which")
    told = question if question not in (None, "-") else sys.stdin.read()
    if not told or not told.strip():
        raise CallerError("ask_nothing")
    body: dict[str, object] = {
        "model": f"task:{task}" if task else model,
        "messages": [{"role": "user", "content": told}],
    }
    if not json_out:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if most_output is not None:
        body["max_tokens"] = most_output
    headers = {"authorization": f"Bearer {_key(key_file)}", "x-jitsuri-language": desk.lang}
    if thread:
        headers["x-jitsuri-thread"] = thread.encode().decode("latin-1")
    address = url or os.environ.get(ADDRESS, "") or _own_address(desk)
    with _sent(address, headers, body) as answer:
        call_id = answer.headers.get("x-jitsuri-call", "")
        by = answer.headers.get("x-jitsuri-answered-by", "")
        if json_out:
            _give_whole(desk, answer, call_id, by)
            return
        try:
            _print_stream(answer)
        except (OSError, http.client.HTTPException) as error:
            raise OperatorError("gateway_broke_off", call=call_id, why=_reason(error)) from error
    is_here = not url and not os.environ.get(ADDRESS)
    _tell_cost(desk, call_id, by, _booked(desk, call_id) if is_here else None)


def _key(file: Path | None) -> str:
    """The key, from the file or the environment. Raises CallerError ``ask_no_key``, ``file_unreadable``."""
    if file is not None:
        try:
            found = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CallerError("file_unreadable", file=file, why=str(error)) from error
    else:
        found = os.environ.get(KEY, "").strip()
    if not found or not found.isascii() or not found.isprintable():
        raise CallerError("ask_no_key", variable=KEY)
    return found


def _own_address(desk: Desk) -> str:
    """The gateway of this installation, as this machine reaches it."""
    host, port = desk.settings.text("gateway.host"), desk.settings.integer("gateway.port")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  # only compared
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


def _sent(address: str, headers: Mapping[str, str], body: Mapping[str, object]) -> http.client.HTTPResponse:
    """The gateway's answer. Raises CallerError ``gateway_refused`` for what the asker can mend, OperatorError
    ``gateway_failed_call`` and ``gateway_unreachable``."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CallerError("ask_bad_address", value=address[:200], variable=ADDRESS)
    target = f"{address.rstrip('/')}/chat/completions"
    request = urllib.request.Request(  # noqa: S310  # http and https alone, looked at above
        target, json.dumps(body).encode(), {**headers, "content-type": "application/json"}
    )
    proxies = urllib.request.ProxyHandler({} if is_loopback(parts.hostname) else None)
    try:
        opened = urllib.request.build_opener(proxies).open(request, timeout=WAIT_S)
    except urllib.error.HTTPError as error:
        _refuse(error)
    except (OSError, http.client.HTTPException) as error:
        raise OperatorError("gateway_unreachable", url=address, why=_reason(error)) from error
    assert isinstance(opened, http.client.HTTPResponse)
    return opened


def _refuse(error: urllib.error.HTTPError) -> NoReturn:
    data = error.read(MOST_ERROR_BYTES)
    said = _field(_read(data), "error", "message") or data[:500].decode("utf-8", "replace")
    facts = {"status": error.code, "said": _plain(said), "call": error.headers.get("x-jitsuri-call", "–")}
    if error.code < 500:
        raise CallerError("gateway_refused", **facts) from error
    raise OperatorError("gateway_failed_call", **facts) from error


def _give_whole(desk: Desk, answer: http.client.HTTPResponse, call_id: str, by: str) -> None:
    try:
        read = _read(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise OperatorError("gateway_broke_off", call=call_id, why=_reason(error)) from error
    desk.give({
        "call_id": call_id, "answered_by": by, "cost_jpy": answer.headers.get("x-jitsuri-cost-jpy") or None,
        "answer": read,
    })  # fmt: skip


def _print_stream(answer: http.client.HTTPResponse) -> None:
    """Print the answer as it comes. Raises OperatorError ``gateway_failed_call`` for an error in the midst of it."""
    is_begun = False
    for event in _events(answer):
        error = event.get("error")
        if isinstance(error, dict):
            click.echo("")
            call_id = answer.headers.get("x-jitsuri-call", "–")
            said = _plain(str(error.get("message", "")))
            raise OperatorError("gateway_failed_call", status=answer.status, said=said, call=call_id)
        piece = _field(event, "choices", 0, "delta", "content")
        if piece:
            is_begun = True
            click.echo(_plain(piece) if sys.stdout.isatty() else piece, nl=False)
            sys.stdout.flush()
    if is_begun:
        click.echo("")


def _events(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The events of a stream, as they arrive."""
    for line in answer:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        read = _read(data)
        if isinstance(read, dict):
            yield read
    raise http.client.IncompleteRead(b"")


def _booked(desk: Desk, call_id: str) -> Decimal | None:
    """What the ledger of this installation has of a call; None where it cannot be read or knows no yen."""
    try:
        with desk.store() as store, store.reading() as tx:
            found = reading.amounts_of_calls(tx, [UUID(call_id)])
    except (JitsuriError, ValueError):
        return None
    return next((amounts.cost_jpy for amounts in found.values()), None)


def _tell_cost(desk: Desk, call_id: str, by: str, jpy: Decimal | None) -> None:
    """On stderr, so that stdout is the answer alone."""
    code = "cli.ask.done" if jpy is not None else "cli.ask.done_unknown"
    facts = {"call": call_id or "–", "by": by or "–", "jpy": digits_told(jpy) if jpy is not None else ""}
    click.echo(text(code, desk.lang, **facts), err=True)


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _field(value: Any, *path: str | int) -> str:
    """The text at a place in JSON; '' where there is none."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _plain(told: str) -> str:
    """A text for a terminal: what steers one is left out."""
    return "".join(c for c in told if c.isprintable() or c in "\n\t")


def _reason(error: Exception) -> str:
    why = getattr(error, "reason", None) or error
    return getattr(why, "strerror", None) or str(why) or type(why).__name__
