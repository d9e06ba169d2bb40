"""The console's door: routes as data, one way through it for every request, and the pages for when it goes wrong.

How to add a page
-----------------
1. ``web/pages/<subject>.py``: handlers are plain functions, called on a thread, never async::

       def price_list(desk: Desk, request: PageRequest) -> Page:
           with desk.store.reading() as tx:          # READ ONLY by PostgreSQL itself
               prices = records.standing(tx, request.now)
           return Page("price_list.html", {"prices": prices})

       ROUTES = (Route("GET", "/prices", "see_money", price_list, Nav("prices", "r", 60)),)

2. Name the module in ``web/routes.py``.
3. A template in ``web/templates`` that extends ``base.html`` (blocks ``title``, ``main_class``, ``main``); the
   parts of ``ui.html`` are there as ``ui``; ``t("page.prices.title")`` and the functions of ``web.formatting``
   speak the page's language by themselves. An unknown name is an error, so give every value, also empty ones.
4. Texts in a fragment of ``words/ja`` and ``words/en``: ``page.…``, ``nav.<code>``, ``notice.<code>``.

What a handler gets is a ``PageRequest`` (``query``, ``form``, ``part`` of the path, ``files``, ``session``, ``lang``,
``now``); what it may answer is a ``Page``, ``Redirect`` (after a POST), ``Download``, ``Data`` (JSON) or ``Missing``
(404). A POST handler calls a flow; a ``Refusal`` is shown on the form's own page with status 422. Its form must be
made by ``{% call ui.form(csrf, "/path") %}``. For a month: ``periods.asked_month`` and ``Page(…, period=…)``.

``right`` says who may come in: ``anyone``, ``signed_in``, or a right of ``access.shapes``. A test walks every route
with a stranger and with each role, so a new route is guarded or fails.

What is checked here, for all pages: session, right, size, token and origin of a form; what a handler raises becomes a
page: ``CallerError`` 422 with its sentence, ``OperatorError`` 503, anything else 500 with a number that the log holds.
Under ``/api/`` the same comes as ``{"error": {"code": …, "message": …}}``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from typing import Literal, cast
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Match
from starlette.routing import Route as Path
from starlette.types import ASGIApp

from jitsuri.access.live.passwords import Passwords
from jitsuri.access.rules.permitting import may
from jitsuri.access.shapes import Session
from jitsuri.flows.cold.admitting import admit
from jitsuri.guardrails.live.checks import Checks
from jitsuri.providers.shapes import Ask, Upstream
from jitsuri.routing.shapes import Site
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError, OperatorError
from jitsuri.web import guard, routes
from jitsuri.web.desk import (
    MEBIBYTE,
    Answer,
    Data,
    Desk,
    Download,
    Fields,
    Missing,
    Page,
    PageRequest,
    Redirect,
    Route,
    Told,
    Upload,
)
from jitsuri.web.rendering import environment
from jitsuri.web.speaking import language_of
from jitsuri.words import LANGUAGES, Language, has_text, text

LOGGER = logging.getLogger("jitsuri.web")

STATIC: dict[str, str] = {
    "jitsuri.css": "text/css; charset=utf-8",
    "jitsuri.js": "text/javascript; charset=utf-8",
    "pairs.css": "text/css; charset=utf-8",
    "pairs.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}
"""Files that pages load, with their media types; there are no others."""

KEPT_FOR_EVER = "public, max-age=31536000, immutable"
"""For a file whose address holds a digest of its content."""

MOST_FIELDS, MOST_FILES = 4_000, 20
"""A policy of 500 exemptions and 200 checks has 3,300 fields (decision 0044)."""


def build_console(
    *,
    store: Store,
    settings: Told,
    now: Callable[[], datetime],
    secret: Callable[[], str],
    passwords: Passwords | None = None,
    allowed_hosts: tuple[str, ...] = (),
    pages: Sequence[Route] = routes.ROUTES,
    upstreams: Mapping[str, Upstream] | None = None,
    sites: Mapping[str, Site] | None = None,
    gateway_port: int = 0,
    ask: Ask | None = None,
    checks: Checks | None = None,
) -> ASGIApp:
    """The console as an ASGI application. ``secret`` gives 256 random bits as text; hosts empty: all are let in."""
    desk = Desk(
        store, settings, passwords or Passwords(), secret, upstreams or {}, sites or {}, gateway_port, ask,
        checks=checks or Checks(),
    )  # fmt: skip
    door = _Door(desk, now, pages)
    app = Starlette(
        routes=[*door.paths(), Path("/static/{name}", _Static().serve, methods=["GET"])],
        exception_handlers={404: door.lost, 405: door.lost},
    )
    app.router.redirect_slashes = False
    return guard.Guard(app, allowed_hosts)


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry of the top navigation, as the template gets it."""

    code: str
    path: str
    key: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class _Visit:
    """Who came, and in which language we speak; ``said_language`` is one that the address asks for."""

    request: PageRequest
    visit: str
    is_new_visit: bool
    said_language: str


class _Door:
    """Takes every request through the same steps: who is it, may they, is the form ours, answer, or an error's page."""

    def __init__(self, desk: Desk, now: Callable[[], datetime], pages: Sequence[Route]) -> None:
        self._desk = desk
        self._now = now
        self._pages = pages
        self._readable = [Path(p.path, _nowhere, methods=["GET"]) for p in pages if p.method == "GET"]
        addresses = {name: f"/static/{name}?v={_digest(name)}" for name in STATIC}
        self._templates = {lang: environment(lang, desk.zone, addresses) for lang in LANGUAGES}

    def paths(self) -> list[Path]:
        return [Path(page.path, self._endpoint(page), methods=[page.method]) for page in self._pages]

    async def lost(self, request: Request, error: Exception) -> Response:
        """No such page, or a page that does not take this method."""
        status = cast(HTTPException, error).status_code
        return await run_in_threadpool(self._lost, request, "missing" if status == 404 else "method", status)

    def _lost(self, request: Request, code: str, status: int) -> Response:
        came = self._opened(request)
        return came if isinstance(came, Response) else self._wrong(request, came, code, status)

    def _endpoint(self, page: Route) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            if page.method == "GET":
                return await run_in_threadpool(self._read, page, request)
            return await self._write(page, request)

        return endpoint

    # -- the two ways through

    def _read(self, page: Route, request: Request) -> Response:
        came = self._opened(request, is_polled=page.is_polled)
        if isinstance(came, Response):
            return came
        return self._refused(page, request, came) or self._answered(page, request, came)

    async def _write(self, page: Route, request: Request) -> Response:
        """A form is read only from somebody who may send it."""
        came = await run_in_threadpool(self._opened, request)
        if isinstance(came, Response):
            return came
        refused = self._refused(page, request, came)
        if refused is not None:
            return refused
        if guard.says_too_large(request, page.longest_body):
            return self._too_large(page, request, came)
        try:
            body = Request(request.scope, guard.limited(request.receive, page.longest_body))
            async with body.form(max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=page.longest_body) as sent:
                pairs = [(k, v) for k, v in sent.multi_items() if isinstance(v, str)]
                files = {k: _upload(v) for k, v in sent.multi_items() if isinstance(v, UploadFile)}
                filled = replace(came, request=replace(came.request, form=Fields(pairs), files=files))
                return await run_in_threadpool(self._written, page, request, filled)
        except guard.TooLarge:
            return self._too_large(page, request, came)
        except HTTPException:
            return self._wrong(request, came, "bad_request", 400)

    def _written(self, page: Route, request: Request, came: _Visit) -> Response:
        sent, asked = came.request.form.exact("csrf"), came.request
        is_right = asked.session is not None and guard.is_right_token(sent, asked.session.csrf)
        if page.right == "anyone":
            is_right = is_right or guard.is_right_token(sent, guard.visit_token(came.visit))
        if not is_right or not guard.is_same_origin(request.headers, asked.base_url):
            return self._wrong(request, came, "form_stale", 403)
        return self._answered(page, request, came)

    # -- the steps

    def _opened(self, request: Request, *, is_polled: bool = False) -> _Visit | Response:
        """Who came: session, visit, language. Without a database nobody can be known: that page instead."""
        said = request.query_params.get("lang", "")
        remembered = request.cookies.get(guard.LANGUAGE_COOKIE, "")
        accepted = request.headers.get("accept-language", "")
        default = cast(Language, self._desk.settings.text("console.language"))
        now, kept = self._now(), request.cookies.get(guard.SESSION_COOKIE, "")
        visit = request.cookies.get(guard.VISIT_COOKIE, "")
        stranger = PageRequest(
            method=cast(Literal["GET", "POST"], "GET" if request.method == "HEAD" else request.method),
            path=request.url.path,
            lang=language_of(said, remembered, "", accepted, default),
            now=now,
            base_url=guard.base_url_of(request),
            part=request.path_params,
            query=Fields(request.query_params.multi_items()),
            session_secret=kept,
        )
        try:
            session = admit(self._desk.store, now, kept, is_use=not is_polled) if kept else None
            is_new = session is None and not visit
            visit = self._desk.secret() if is_new else visit
            csrf = session.csrf if session else guard.visit_token(visit)
            own = session.person.language if session else ""
            lang = language_of(said, remembered, own, accepted, default)
            return _Visit(replace(stranger, lang=lang, session=session, csrf=csrf), visit, is_new, said)
        except Exception as error:  # noqa: BLE001  # told by _failed, which logs it
            return self._failed(request, _Visit(stranger, "", False, said), "admit", error)

    def _refused(self, page: Route, request: Request, came: _Visit) -> Response | None:
        """To sign-in, 403, or nothing: the visitor may go on."""
        session: Session | None = came.request.session
        if page.right == "anyone":
            return None
        if session is None:
            if _is_api(request):
                return self._wrong(request, came, "unauthorised", 401)
            query = {"next": _here(request)} if request.method in ("GET", "HEAD") and _here(request) != "/" else {}
            answer = Redirect(f"/sign-in?{urlencode(query)}" if query else "/sign-in")
            return self._response(request, came, answer)
        if page.right != "signed_in" and not may(session.person, page.right):
            return self._wrong(request, came, "forbidden", 403)
        return None

    def _answered(self, page: Route, request: Request, came: _Visit) -> Response:
        try:
            answer = page.handler(self._desk, came.request)
            if isinstance(answer, Missing):
                return self._wrong(request, came, "missing", 404)
            return self._response(request, came, answer)
        except Exception as error:  # noqa: BLE001  # told by _failed, which logs it
            return self._failed(request, came, f"{page.method} {page.path}", error)

    def _response(self, request: Request, came: _Visit, answer: Answer) -> Response:
        match answer:
            case Page():
                response: Response = HTMLResponse(self._html(request, came, answer), answer.status)
            case Redirect():
                response = RedirectResponse(_target(answer), 303)
                if answer.cookie is not None:
                    kept, is_https = answer.cookie, request.url.scheme == "https"
                    guard.set_session(response, kept.secret, kept.expires_at, came.request.now, is_https=is_https)
            case Download():
                response = _download(answer)
            case Data():
                response = JSONResponse(dict(answer.values), answer.status)
            case Missing():
                raise AssertionError("told by _answered")
        return self._with_cookies(request, came, response)

    def _with_cookies(self, request: Request, came: _Visit, response: Response) -> Response:
        is_https = request.url.scheme == "https"
        if came.is_new_visit and isinstance(response, HTMLResponse):
            guard.set_visit(response, came.visit, is_https=is_https)
        if came.said_language in LANGUAGES:
            guard.set_language(response, came.said_language, is_https=is_https)
        return response

    # -- what a page shows

    def _html(self, request: Request, came: _Visit, page: Page) -> str:
        template = self._templates[came.request.lang].get_template(page.template)
        return template.render({**self._around(request, came, page), **page.shows})

    def _around(self, request: Request, came: _Visit, page: Page) -> dict[str, object]:
        """What ``base.html`` needs besides the page itself."""
        asked = came.request
        return {
            "request": asked,
            "person": asked.session.person if asked.session else None,
            "csrf": asked.csrf,
            "nav": self._nav(asked),
            "company": self._desk.company,
            "is_sample": self._desk.is_sample,
            "period": page.period,
            "notice": _notice(asked),
            "here_in": {lang: f"{self._readable_path(request)}{_query(asked, lang)}" for lang in LANGUAGES},
        }

    def _nav(self, asked: PageRequest) -> list[_Place]:
        """The pages that this person may open, in order; the one that holds the present path is marked."""
        if asked.session is None:
            return []
        open_to = [
            (p.nav, p.path)
            for p in self._pages
            if p.nav is not None and (p.right in ("anyone", "signed_in") or asked.may(p.right))  # type: ignore[arg-type]
        ]
        holding = [
            path for _, path in open_to if asked.path == path or (path != "/" and asked.path.startswith(f"{path}/"))
        ]
        here = max(holding, key=len, default="")
        return [
            _Place(nav.code, path, nav.key, path == here) for nav, path in sorted(open_to, key=lambda p: p[0].order)
        ]

    def _readable_path(self, request: Request) -> str:
        """The present path, or after a POST the nearest one above it that can be read: where a language link leads."""
        path = request.url.path
        if request.method in ("GET", "HEAD"):
            return path
        while path:
            if any(p.matches({"type": "http", "method": "GET", "path": path})[0] == Match.FULL for p in self._readable):
                return path
            path = path.rpartition("/")[0]
        return "/"

    # -- when it goes wrong

    def _failed(self, request: Request, came: _Visit, what: str, error: Exception) -> Response:
        """An exception as a page. Codes of ours have sentences; of anything else only a number is told."""
        if isinstance(error, CallerError):
            told = _sentence(error, came.request.lang)
            return self._wrong(request, came, "bad_request", 422, told=told, api_code=error.code)
        if isinstance(error, OperatorError):
            LOGGER.error("%s: %s", what, error)
            return self._wrong(request, came, "unavailable", 503)
        number = hashlib.sha256(self._desk.secret().encode()).hexdigest()[:8]
        LOGGER.error("%s failed, number %s", what, number, exc_info=error)
        return self._wrong(request, came, "internal", 500, number=number)

    def _too_large(self, page: Route, request: Request, came: _Visit) -> Response:
        told = text("page.error.too_large.told", came.request.lang, mebibytes=page.longest_body // MEBIBYTE)
        return self._wrong(request, came, "too_large", 413, told=told)

    def _wrong(
        self, request: Request, came: _Visit, code: str, status: int, *, told: str = "", number: str = "",
        api_code: str = "",
    ) -> Response:  # fmt: skip
        """The page (or, under /api/, the JSON) of an error; ``told`` in place of the code's own sentence."""
        lang = came.request.lang
        sentence = told or text(f"page.error.{code}.told", lang)
        if _is_api(request):
            shown = {"code": api_code or code, "message": sentence, **({"number": number} if number else {})}
            return JSONResponse({"error": shown}, status)
        is_passing = code in ("unavailable", "internal") and request.method in ("GET", "HEAD")
        shows: Mapping[str, object] = {
            "head": f"page.error.{code}.head", "told": sentence, "number": number,
            "again": _here(request) if is_passing else "/",
            "again_text": "page.error.again" if is_passing else "page.error.home",
        }  # fmt: skip
        return self._with_cookies(
            request, came, HTMLResponse(self._html(request, came, Page("error.html", shows)), status)
        )


class _Static:
    """The few files that pages load, read once."""

    def __init__(self) -> None:
        self._files = {name: (_static(name), _digest(name)) for name in STATIC}

    async def serve(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            raise HTTPException(404)
        body, digest = self._files[name]
        is_versioned = request.query_params.get("v") == digest
        headers = {"cache-control": KEPT_FOR_EVER if is_versioned else "no-cache", "etag": f'"{digest}"'}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=STATIC[name], headers=headers)


def _static(name: str) -> bytes:
    return resources.files("jitsuri.web").joinpath("static", name).read_bytes()


def _digest(name: str) -> str:
    return hashlib.sha256(_static(name)).hexdigest()[:12]


async def _nowhere(request: Request) -> Response:
    raise HTTPException(404, str(request.url.path))


def _upload(sent: UploadFile) -> Upload:
    return Upload(sent.filename or "", sent.file)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _here(request: Request) -> str:
    query = request.url.query
    return guard.local_path(f"{request.url.path}?{query}" if query else request.url.path)


def _query(asked: PageRequest, lang: str) -> str:
    """The present query in another language; after a POST there is none to keep."""
    fields = asked.query if asked.method == "GET" else Fields()
    return fields.but(lang=lang, notice=None)


def _notice(asked: PageRequest) -> str:
    code = f"notice.{asked.query.get('notice')}"
    return text(code, asked.lang) if has_text(code) else ""


def _target(answer: Redirect) -> str:
    to = guard.local_path(answer.to)
    if not answer.notice:
        return to
    return f"{to}{'&' if '?' in to else '?'}{urlencode({'notice': answer.notice})}"


def _sentence(error: CallerError, lang: Language) -> str:
    """The sentence of a code; a code or a fact that is missing is a bug, but the visitor's mistake is still told."""
    try:
        return text(f"error.{error.code}", lang, **error.facts)
    except KeyError:
        LOGGER.exception("no sentence for %s", error)
        return ""


def _download(answer: Download) -> Response:
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(answer.file_name, safe='')}"}
    if isinstance(answer.body, bytes):
        return Response(answer.body, media_type=answer.media_type, headers=headers)
    return StreamingResponse(answer.body, media_type=answer.media_type, headers=headers)
