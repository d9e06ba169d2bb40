"""Addresses: where a number, a name or an id can be opened. Templates call these as ``link.…``."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from jitsuri.store.door import without_nul
from jitsuri.terms.period import Month
from jitsuri.web.desk import Desk, PageRequest

NOBODY = "-"
"""How 未割当 stands in an address; no task and no department can be called so."""


def gateway_address(desk: Desk, request: PageRequest) -> str:
    """Where applications reach the gateway, without a path: the same on every page.

    Where it listens on all addresses of its machine, under the name by which the visitor came, for that name leads to this
    machine from where the visitor is; else on the one address it listens on.
    """
    host = desk.settings.text("gateway.host")
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  # only compared
        host = urlsplit(request.base_url).hostname or "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{desk.gateway_port or desk.settings.integer('gateway.port')}"


class Links:
    """Addresses of this console's pages, within one month."""

    def __init__(self, month: Month | None = None) -> None:
        self._month = month

    def calls(self, **asked: object) -> str:
        """The calls behind a number: any field of the filter of ``/calls``; without a span, the month at hand.

        ``task`` and ``department`` '' are 未割当; None is any.
        """
        fields = {name: value for name, value in asked.items() if value is not None}
        if self._month is not None and not {"month", "from", "thread", "run"} & {n.rstrip("_") for n in fields}:
            fields["month"] = self._month
        return f"/calls{_query(fields)}"

    def days(self, first: date, last: date, **asked: object) -> str:
        """The calls of a span of days."""
        return self.calls(**{"from": first, "to": last, **asked})

    def call(self, call_id: UUID) -> str:
        return f"/calls/{call_id}"

    def thread(self, thread_id: UUID) -> str:
        return f"/threads/{thread_id}"

    def overview(self, month: Month | None = None) -> str:
        return f"/{self._in(month)}"

    def year(self, year: int) -> str:
        return f"/year/{year}"

    def tasks(self, month: Month | None = None) -> str:
        return f"/tasks{self._in(month)}"

    def task(self, name: str, month: Month | None = None) -> str:
        return f"/tasks/{quote(name or NOBODY, safe='')}{self._in(month)}"

    def variant(self, name: str) -> str:
        return f"/tasks/{quote(name or NOBODY, safe='')}/variant"

    def prompts(self, name: str) -> str:
        return f"/tasks/{quote(name or NOBODY, safe='')}/prompts"

    def guard(self, name: str) -> str:
        """The policy of a task's checks; calls of no task are checked by the common one."""
        return f"/guards/{quote(name or '*', safe='')}"

    def findings(self, **asked: object) -> str:
        """The findings behind a number; ``task`` '' is 未割当."""
        return f"/guards/findings{_query(asked)}"

    def trial_of(self, name: str, way: str) -> str:
        """Where a trial of this way is begun."""
        return f"/trials/new?{urlencode({'task': name, 'way': way})}"

    def departments(self) -> str:
        return f"/departments{self._in(None)}"

    def department(self, code: str, month: Month | None = None) -> str:
        return f"/departments/{quote(code or NOBODY, safe='')}{self._in(month)}"

    def price(self, provider: str, model: str) -> str:
        return f"/prices/{quote(provider or NOBODY, safe='')}/{quote(model, safe='/:@+,;=!$*()')}"

    def radar(self, task: str | None = None) -> str:
        """What is dated to come; of one task where it is named."""
        return f"/radar{_query({'task': task or NOBODY})}" if task is not None else "/radar"

    def run(self, run_id: UUID) -> str:
        return f"/imports/{run_id}"

    def opportunities(self, task: str = "") -> str:
        return f"/opportunities#task-{task}" if task else "/opportunities"

    def costs(self) -> str:
        return f"/costs{self._in(None)}"

    def _in(self, month: Month | None) -> str:
        shown = month or self._month
        return _query({"month": shown}) if shown is not None else ""


def named(part: str) -> str:
    """A name as the address had it: ``-`` is 未割当."""
    return "" if part == NOBODY else without_nul(part)


def _query(fields: dict[str, object]) -> str:
    told = {name.rstrip("_"): NOBODY if value == "" else str(value) for name, value in fields.items()}
    return f"?{urlencode(told)}" if told else ""
