"""What a page works with: the desk, the request on it, and the answers it may give.

Plain values: a handler is a function ``(Desk, PageRequest) -> Answer`` that can be called in a test without a
server. How pages are declared is told in ``web.doors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO, Literal, Protocol
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from jitsuri.access.live.passwords import Passwords
from jitsuri.access.rules.permitting import may
from jitsuri.access.shapes import Person, Right, Session
from jitsuri.guardrails.live.checks import Checks
from jitsuri.providers.shapes import Ask, Upstream
from jitsuri.routing.shapes import Site
from jitsuri.store.door import Store
from jitsuri.web.trying import Tries
from jitsuri.words import Language

Needed = Right | Literal["anyone", "signed_in"]
"""What a route asks of a visitor: a right, a session, or nothing."""

MEBIBYTE = 1024 * 1024


class Told(Protocol):
    """The settings as the console needs them. The floor of ``settings`` lies beside this one and is not imported."""

    @property
    def values(self) -> Mapping[str, object]: ...

    def text(self, path: str) -> str: ...

    def integer(self, path: str) -> int: ...

    def decimal(self, path: str) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What stands ready for every request.

    A page reads with ``with desk.store.reading() as tx`` and writes by calling a flow, which opens the transaction.
    """

    store: Store
    settings: Told
    passwords: Passwords
    secret: Callable[[], str]
    """A new secret of 256 bits each time."""
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)
    """The gateway's upstreams by name, as ``jitsuri.toml`` has them, in its order."""
    sites: Mapping[str, Site] = field(default_factory=dict)
    """What routing knows of them."""
    gateway_port: int = 0
    """The port that the gateway listens on, where it runs beside this console; 0: as the settings have it."""
    ask: Ask | None = None
    """Asks models outside the path of a call; None where this console cannot."""
    tries: Tries = field(default_factory=Tries)
    checks: Checks = field(default_factory=Checks)
    """Guardrail checks for trying a policy and for measuring; nothing is loaded before it is asked for."""

    @property
    def company(self) -> str:
        return self.settings.text("company.name")

    @property
    def is_sample(self) -> bool:
        """Does the installation hold sample data? Then every page says 見本."""
        return bool(self.settings.values["company.is_sample"])

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.text("company.zone"))

    @property
    def fiscal_start(self) -> int:
        """The month in which a 年度 begins."""
        return self.settings.integer("company.fiscal_year_starts_in")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form; ``file`` stands at its beginning and is closed after the answer."""

    name: str
    file: BinaryIO


class Fields:
    """The fields of a query or a form, in the order sent; a name may come several times."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)

    def get(self, name: str, default: str = "") -> str:
        """The last value of a name, without white space around it."""
        return next((value.strip() for key, value in reversed(self._pairs) if key == name), default)

    def exact(self, name: str) -> str:
        """The last value of a name, as it was sent: for passwords."""
        return next((value for key, value in reversed(self._pairs) if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self._pairs if key == name)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number between bounds; what is no such number counts as the default."""
        text = self.get(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            return default
        return int(text) if low <= int(text) <= high else default

    def but(self, **changes: str | int | None) -> str:
        """The same fields as a query string (with ``?``), with some set anew and some left out (None)."""
        kept = [(key, value) for key, value in self._pairs if key not in changes]
        kept += [(key, str(value)) for key, value in changes.items() if value is not None]
        return f"?{urlencode(kept)}" if kept else "?"

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __bool__(self) -> bool:
        return bool(self._pairs)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request, read and checked: its visitor may be here, and its form was sent by our own page."""

    method: Literal["GET", "POST"]
    path: str
    lang: Language
    now: datetime
    base_url: str = ""
    """``https://host`` as the visitor sees it, for links that are handed on."""
    part: Mapping[str, object] = field(default_factory=dict)
    """What the path's braces held, converted: ``/people/{person_id:uuid}`` gives a UUID."""
    query: Fields = field(default_factory=Fields)
    form: Fields = field(default_factory=Fields)
    files: Mapping[str, Upload] = field(default_factory=dict)
    session: Session | None = None
    session_secret: str = ""
    csrf: str = ""
    """What every form of the answer must hold (the macro ``ui.form`` puts it there)."""

    @property
    def person(self) -> Person:
        """Who is signed in; only where the route asks for it."""
        if self.session is None:
            raise LookupError("nobody is signed in; does the route ask for 'anyone'?")
        return self.session.person

    def may(self, right: Right) -> bool:
        """May the signed-in person do this? Nobody signed in may do nothing."""
        return self.session is not None and may(self.session.person, right)

    def words_of(self, name: str) -> str:
        """A part of the path as text."""
        return str(self.part[name])

    def id_of(self, name: str) -> UUID:
        """A part of the path that is an id."""
        value = self.part[name]
        if not isinstance(value, UUID):
            raise TypeError(f"the path's {name} is no id: declare it as {{{name}:uuid}}")
        return value


@dataclass(frozen=True, slots=True)
class PeriodChoice:
    """The month a page shows, and what else can be chosen: the twelve months of its 年度."""

    shown: str
    """As the menu's head: 2026年度 11月."""
    year: str
    before: str
    after: str
    """Links to the same month of the year before and after; '' where there is nothing."""
    months: Sequence[tuple[str, str, bool]]
    """(name, link or '', is it the one shown)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A template of ``web/templates`` with what it shows."""

    template: str
    shows: Mapping[str, object] = field(default_factory=dict)
    status: int = 200
    period: PeriodChoice | None = None


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """What the browser is to keep; an empty secret ends it."""

    secret: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go and look there (303); ``notice`` is a code below ``notice.`` that the next page tells once."""

    to: str
    notice: str = ""
    cookie: SessionCookie | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file to keep. ``body`` may be made piece by piece while it is sent."""

    body: bytes | Iterable[bytes]
    media_type: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Data:
    """An answer for a program."""

    values: Mapping[str, object]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such thing: the page of 404."""


Answer = Page | Redirect | Download | Data | Missing
Handler = Callable[[Desk, PageRequest], Answer]


@dataclass(frozen=True, slots=True)
class Nav:
    """A place in the top navigation: its text is ``nav.<code>``, its key ``g`` then ``key``, its place ``order``."""

    code: str
    key: str
    order: int


@dataclass(frozen=True, slots=True)
class Route:
    """One door: who may come in, and who answers. ``longest_body`` in bytes; a form that sends files has more."""

    method: Literal["GET", "POST"]
    path: str
    right: Needed
    handler: Handler
    nav: Nav | None = None
    longest_body: int = MEBIBYTE
    is_polled: bool = False
    """A page asks here by itself, again and again: that keeps nobody signed in."""
