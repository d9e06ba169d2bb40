"""The door: who gets in where, what every answer carries, and what is told when it goes wrong."""

from __future__ import annotations

import logging
import re
from typing import get_args
from uuid import UUID

import pytest
from console_parts import BASE, BASE_ROUTES, START, Console, csrf_of, posting, sample_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.access.rules.permitting import may
from jitsuri.access.shapes import ROLES, Right, Role
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError, OperatorError
from jitsuri.web import guard
from jitsuri.web.desk import Answer, Data, Desk, Download, Fields, Missing, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.routes import ROUTES
from jitsuri.web.speaking import language_of

NOBODY = UUID("00000000-0000-8000-8000-000000000000")
FORBIDDEN = "この頁を見る権限がありません"
STALE = "この頁からは送れませんでした"


def address_of(route: Route) -> str:
    """The route's path with something in each of its braces."""
    fill = {"uuid": str(NOBODY), "int": "1"}
    return re.sub(r"\{\w+:?(\w*)\}", lambda brace: fill.get(brace[1], "x"), route.path)


# -- who gets in


def test_a_stranger_gets_only_what_anyone_may_have(store: Store) -> None:
    console = Console(store, pages=ROUTES)
    console.admin()

    for route in ROUTES:
        answer = console.client().request(route.method, address_of(route))
        told = f"{route.method} {route.path} → {answer.status_code}"
        if route.right == "anyone":
            assert answer.status_code in ((200, 410) if route.method == "GET" else (403,)), told
        elif route.path.startswith("/api/"):  # a script is told, not led away
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorised"), told
        else:
            assert answer.status_code == 303, told
            assert answer.headers["location"].startswith("/sign-in"), told
            assert answer.text == "", told


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_what_its_rights_allow_and_nothing_else(store: Store, role: Role) -> None:
    console = Console(store, pages=ROUTES)
    admin = console.admin()
    came = admin if role == "admin" else console.person(role)

    for route in ROUTES:
        answer = console.browser_of(came).request(route.method, address_of(route))
        told = f"{role}: {route.method} {route.path} → {answer.status_code}"
        is_allowed = route.right in ("anyone", "signed_in") or may(came.session.person, route.right)  # type: ignore[arg-type]
        if route.path.startswith("/api/"):
            code = "form_stale" if is_allowed else "forbidden"
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, code), told
        elif not is_allowed:
            assert (answer.status_code, FORBIDDEN in answer.text) == (403, True), told
        elif route.method == "GET":
            assert answer.status_code in (200, 303, 404, 410), told
        else:  # allowed, but the form's token is missing
            assert (answer.status_code, STALE in answer.text) == (403, True), told


@pytest.mark.parametrize(
    ("role", "opens"),
    [("admin", 200), ("auditor", 200), ("finance", 403), ("owner", 403), ("reviewer", 403), ("developer", 403)],
)
def test_only_administrators_and_auditors_see_the_people(console: Console, role: Role, opens: int) -> None:
    admin = console.admin()
    came = admin if role == "admin" else console.person(role)

    assert console.browser_of(came).get("/people").status_code == opens


def test_an_auditor_with_a_right_token_still_changes_nothing(console: Console) -> None:
    admin = console.admin()
    auditor = console.browser_of(console.person("auditor"))
    someone = admin.session.person.person_id

    answer = posting(auditor, "/account", f"/people/{someone}/deactivation")

    assert answer.status_code == 403
    assert console.people()["aoki@example.jp"].is_active


def test_the_navigation_holds_only_what_the_person_may_open(console: Console) -> None:
    console.admin()

    page = console.browser_of(console.person("developer")).get("/").text

    assert 'href="/"' in page
    assert 'href="/people"' not in page


def test_every_right_named_by_a_route_exists() -> None:
    known = {"anyone", "signed_in", *get_args(Right)}

    assert {route.right for route in ROUTES} <= known


def test_navigation_keys_and_addresses_are_given_once() -> None:
    places = [route.nav for route in ROUTES if route.nav]
    assert len({nav.key for nav in places}) == len({nav.code for nav in places}) == len(places)
    assert all(len(nav.key) == 1 and nav.key not in "g/?" for nav in places)
    assert len({(r.method, r.path) for r in ROUTES}) == len(ROUTES)


def test_a_session_ends_with_its_time(console: Console) -> None:
    client = console.browser_of(console.admin())
    assert client.get("/").status_code == 200

    console.later(hours=13)

    assert client.get("/").headers["location"] == "/sign-in"


def test_a_cookie_of_somebody_elses_making_is_nobody(console: Console) -> None:
    console.admin()
    client = console.client()
    client.cookies.set("jitsuri_session", "' OR 1=1 --\x7f")

    assert client.get("/people").headers["location"] == "/sign-in?next=%2Fpeople"


# -- forms


def test_a_form_needs_the_token_of_its_own_session(console: Console) -> None:
    admin, other = console.admin(), console.person("finance")
    client = console.browser_of(admin)

    for token in ("", "x", other.session.csrf, guard.visit_token("v")):
        client.cookies.set("jitsuri_visit", "v")
        answer = client.post("/account/language", data={"csrf": token, "language": "en"})
        assert (answer.status_code, STALE in answer.text) == (403, True)
    assert console.people()["aoki@example.jp"].language == "ja"


ORIGINS: list[tuple[dict[str, str], int]] = [
    ({"origin": BASE}, 303),
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": BASE.replace("http:", "https:")}, 303),
    ({"origin": f"{BASE}:8080"}, 403),
    ({"origin": "http://behind-a-proxy", "sec-fetch-site": "same-origin"}, 303),
    ({"origin": BASE, "sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-origin"}, 303),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
    ({"referer": f"{BASE}/account"}, 303),
    ({"referer": f"{BASE}.evil.example/account"}, 403),
    ({}, 303),
]


def test_a_form_must_come_from_our_own_pages(console: Console) -> None:
    came = console.admin()
    fields = {"csrf": came.session.csrf, "language": "en"}

    for headers, status in ORIGINS:
        answer = console.browser_of(came).post("/account/language", data=fields, headers=headers)
        assert (headers, answer.status_code) == (headers, status)


def test_signing_in_too_needs_a_token_of_this_visit(console: Console) -> None:
    console.admin()
    attacker, victim = console.client(), console.client()
    token = csrf_of(attacker.get("/sign-in").text)
    victim.get("/sign-in")

    answer = victim.post("/sign-in", data={"csrf": token, "login": "aoki@example.jp", "password": "x"})

    assert (answer.status_code, STALE in answer.text) == (403, True)


def test_a_form_that_says_it_is_too_large_is_not_read(console: Console) -> None:
    came = console.admin()

    answer = console.browser_of(came).post(
        "/account/language", content=b"x", headers={"content-length": str(2**40), "content-type": "text/plain"}
    )

    assert answer.status_code == 413
    assert "1 MB" in answer.text


def test_a_form_that_turns_out_too_large_is_stopped(console: Console) -> None:
    came = console.admin()

    def endless() -> object:
        for _ in range(40):
            yield b"a=" + b"x" * 65536 + b"&"

    answer = console.browser_of(came).post(
        "/account/language", content=endless(), headers={"content-type": "application/x-www-form-urlencoded"}
    )  # type: ignore[arg-type]

    assert answer.status_code == 413


def test_a_form_that_cannot_be_read_is_the_senders_matter(console: Console) -> None:
    came = console.admin()

    answer = console.browser_of(came).post(
        "/account/language", content=b"no boundary", headers={"content-type": "multipart/form-data; boundary=x"}
    )

    assert answer.status_code == 400


# -- what every answer carries


@pytest.mark.parametrize("path", ["/sign-in", "/", "/nowhere", "/health", "/static/jitsuri.css", "/static/none"])
def test_every_answer_carries_the_guards(console: Console, path: str) -> None:
    headers = console.client().get(path).headers

    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path.endswith(".css") else "no-store")


def test_no_page_holds_a_script_or_a_style_of_its_own(store: Store) -> None:
    """The policy would stop them in the browser; this names the page."""
    console = Console(store, pages=ROUTES)
    client = console.browser_of(console.admin())

    for route in ROUTES:
        if route.method == "GET":
            page = client.get(address_of(route)).text
            assert "<style" not in page
            assert " style=" not in page
            assert " onclick=" not in page
            assert page.count("<script") == page.count('<script src="/static/')


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(console: Console) -> None:
    console.admin()
    plain = console.client()
    secure = console.client(base_url=BASE.replace("http:", "https:"))

    told = {}
    for client in (plain, secure):
        answer = posting(client, "/sign-in", "/sign-in", login="AOKI@example.jp ", password="korekara-12-mojide")
        assert answer.status_code == 303
        (told[client],) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("jitsuri_session=")]
    assert "HttpOnly" in told[plain]
    assert "SameSite=lax" in told[plain]
    assert "Max-Age=43200" in told[plain]
    assert "Secure" not in told[plain]
    assert "Secure" in told[secure]


def test_only_hosts_of_ours_are_let_in_where_they_are_named(store: Store) -> None:
    console = Console(store, allowed_hosts=("jitsuri.example.jp",))

    assert console.client().get("/sign-in").status_code == 200
    assert console.client(base_url="http://jitsuri.example.jp:8890").get("/sign-in").status_code == 200
    refused = console.client(base_url="http://evil.example").get("/sign-in")
    assert refused.status_code == 400
    assert refused.headers["x-content-type-options"] == "nosniff"


def test_a_file_with_its_version_is_kept_for_ever(console: Console) -> None:
    page = console.client().get("/sign-in").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]

    answer = console.client().get(address)

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    again = console.client().get("/static/jitsuri.css", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_health_says_that_and_which_form_the_data_has_and_nothing_else(console: Console) -> None:
    told = console.client().get("/health").json()

    assert set(told) == {"ok", "schema"}
    assert told["ok"] is True
    assert told["schema"] >= 1


# -- which language


@pytest.mark.parametrize(
    ("asked", "remembered", "own", "accepted", "spoken"),
    [
        ("en", "ja", "ja", "ja", "en"),
        ("", "en", "ja", "ja", "en"),
        ("fr", "", "en", "ja", "en"),
        ("", "", "", "en-US,en;q=0.9,ja;q=0.8", "en"),
        ("", "", "", "fr;q=1, ja;q=0.4, en;q=0.5", "en"),
        ("", "", "", "en;q=0, ja", "ja"),
        ("", "", "", "de,fr", "ja"),
        ("", "", "", "", "ja"),
        ("", "", "", "en;q=abc", "ja"),
    ],
)
def test_the_language_is_the_first_one_that_was_wished_for(
    asked: str, remembered: str, own: str, accepted: str, spoken: str
) -> None:
    assert language_of(asked, remembered, own, accepted, "ja") == spoken


def test_a_language_asked_for_is_remembered(console: Console) -> None:
    client = console.client("ja")

    assert "Sign in" in client.get("/sign-in?lang=en").text
    assert '<html lang="en">' in client.get("/sign-in").text


def test_the_language_link_keeps_the_rest_of_the_address(console: Console) -> None:
    page = console.browser_of(console.admin()).get("/people?find=%E9%9D%92&notice=roles_kept").text

    assert 'href="/people?find=%E9%9D%92&amp;lang=en"' in page


def test_after_a_form_the_language_link_leads_to_a_page_that_can_be_read(console: Console) -> None:
    client = console.browser_of(console.admin())

    page = posting(client, "/people", "/people/invitations", login="", name="").text

    assert 'href="/people?lang=en"' in page


# -- when it goes wrong


def boom(desk: Desk, request: PageRequest) -> Answer:
    raise ZeroDivisionError("the password is hunter2")


def away(desk: Desk, request: PageRequest) -> Answer:
    raise OperatorError("database_unreachable", where="db.internal:5432", reason="password hunter2")


def unfit(desk: Desk, request: PageRequest) -> Answer:
    raise CallerError("month_unreadable", value="2026-13")


def mute(desk: Desk, request: PageRequest) -> Answer:
    raise CallerError("a_code_without_a_sentence")


def gone(desk: Desk, request: PageRequest) -> Answer:
    return Missing()


def broken_template(desk: Desk, request: PageRequest) -> Answer:
    return Page("person.html", {})


TROUBLE = (
    *BASE_ROUTES,
    *(
        Route("GET", f"{above}/{handler.__name__}", "anyone", handler)
        for handler in (boom, away, unfit, mute, gone, broken_template)
        for above in ("/trouble", "/api/trouble")
    ),
)


@pytest.mark.parametrize(
    ("name", "status", "head"),
    [
        ("boom", 500, "思いがけない誤りが起きました"),
        ("broken_template", 500, "思いがけない誤りが起きました"),
        ("away", 503, "いまは使えません"),
        ("unfit", 422, "読み取れない要求です"),
        ("mute", 422, "読み取れない要求です"),
        ("gone", 404, "頁が見つかりません"),
        ("nowhere", 404, "頁が見つかりません"),
    ],
)
def test_each_kind_of_trouble_has_its_page_and_tells_nothing_of_the_inside(
    store: Store, caplog: pytest.LogCaptureFixture, name: str, status: int, head: str
) -> None:
    console = Console(store, pages=TROUBLE)

    with caplog.at_level(logging.ERROR, "jitsuri.web"):
        answer = console.client().get(f"/trouble/{name}")

    assert answer.status_code == status
    assert f"<h1>{head}</h1>" in answer.text
    for inside in ("hunter2", "ZeroDivision", "Traceback", "db.internal", "jinja2", ".py"):
        assert inside not in answer.text
    assert (status >= 500 or name == "mute") == bool(caplog.records)


def test_the_number_on_the_page_stands_in_the_log(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    console = Console(store, pages=TROUBLE)

    with caplog.at_level(logging.ERROR, "jitsuri.web"):
        page = console.client("en").get("/trouble/boom").text

    number = page.partition("Number ")[2][:8]
    (record,) = caplog.records
    assert number in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("boom", 500, "internal"), ("away", 503, "unavailable"), ("unfit", 422, "month_unreadable"),
     ("gone", 404, "missing"), ("nowhere", 404, "missing")],
)  # fmt: skip
def test_programs_get_one_shape_of_error(store: Store, name: str, status: int, code: str) -> None:
    answer = Console(store, pages=TROUBLE).client("en").get(f"/api/trouble/{name}")

    assert answer.status_code == status
    told = answer.json()["error"]
    assert set(told) - {"number"} == {"code", "message"}
    assert told["code"] == code
    assert "hunter2" not in answer.text


def test_a_program_without_a_session_is_told_so(store: Store) -> None:
    guarded = Route("GET", "/api/secret", "signed_in", lambda desk, request: Data({"secret": 1}))

    answer = Console(store, pages=(*BASE_ROUTES, guarded)).client().get("/api/secret")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorised")


def test_without_a_database_every_page_says_so_and_says_what_to_do() -> None:
    console = Console(Store("host=/nonexistent user=nobody dbname=nothing"))
    client = console.client()
    client.cookies.set("jitsuri_session", "whatever")

    for path in ("/", "/sign-in", "/health", "/links/x", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "jitsuri check" in answer.text
        assert "nonexistent" not in answer.text


def test_a_method_that_a_page_does_not_take_is_refused(console: Console) -> None:
    client = console.browser_of(console.admin())

    assert client.post("/help/keys").status_code == 405
    assert client.get("/sign-out").status_code == 405
    assert client.delete("/people").status_code == 405


def test_an_address_is_not_bent(console: Console) -> None:
    client = console.browser_of(console.admin())

    assert client.get("/people/").status_code == 404
    assert client.get("/people/not-an-id").status_code == 404
    assert client.get(f"/people/{NOBODY}").status_code == 404
    assert client.get("/static/../doors.py").status_code == 404
    assert client.get("/static/doors.py").status_code == 404


# -- what a handler may answer


def test_a_file_is_handed_out_whole_or_piece_by_piece(store: Store) -> None:
    whole = Route("GET", "/a", "anyone", lambda d, r: Download(b"1,2\r\n", "text/csv; charset=utf-8", "費用 11月.csv"))
    pieces = Route("GET", "/b", "anyone", lambda d, r: Download((b"x" for _ in range(3)), "text/plain", 'a"b.txt'))
    client = Console(store, pages=(*BASE_ROUTES, whole, pieces)).client()

    answer = client.get("/a")
    assert answer.content == b"1,2\r\n"
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''%E8%B2%BB%E7%94%A8%2011%E6%9C%88.csv"
    )
    answer = client.get("/b")
    assert answer.content == b"xxx"
    assert '"' not in answer.headers["content-disposition"]


def test_a_file_that_comes_with_a_form_reaches_the_handler(store: Store) -> None:
    taken: dict[str, object] = {}

    def take(desk: Desk, request: PageRequest) -> Answer:
        upload = request.files["log"]
        taken.update(name=upload.name, body=upload.file.read(), note=request.form.get("note"))
        return Redirect("/")

    console = Console(store, pages=(*BASE_ROUTES, Route("POST", "/upload", "signed_in", take, longest_body=3_000_000)))
    came = console.admin()
    body = b"x" * 2_000_000

    answer = console.browser_of(came).post(
        "/upload", data={"csrf": came.session.csrf, "note": "11月"}, files={"log": ("ログ.jsonl", body)}
    )

    assert answer.status_code == 303
    assert taken == {"name": "ログ.jsonl", "body": body, "note": "11月"}


@settings(derandomize=True, deadline=None)
@given(st.text(alphabet=st.sampled_from("/\\.:@?#%a\n\t evil"), max_size=12))
def test_no_address_leads_to_another_host(wish: str) -> None:
    """What a browser makes of the answer is a path of this host: one slash at the start, and no second one."""
    to = guard.local_path(wish)

    assert to.startswith("/")
    assert to[1:2] != "/"
    assert "\\" not in to
    assert to.isprintable()


def test_the_place_one_wanted_to_see_comes_after_signing_in(console: Console) -> None:
    console.admin()
    client = console.client()
    to = client.get("/people?find=x").headers["location"]
    assert to == "/sign-in?next=%2Fpeople%3Ffind%3Dx"

    for wish, onward in ((to.partition("next=")[2], "/people?find=x"), ("//evil.example", "/")):
        from urllib.parse import unquote

        answer = posting(
            client, to, "/sign-in", login="aoki@example.jp", password="korekara-12-mojide", next=unquote(wish)
        )
        assert answer.headers["location"] == onward
        client.cookies.delete("jitsuri_session")


def test_fields_read_numbers_within_bounds_only() -> None:
    fields = Fields(
        [("page", "3"), ("far", "99999999999999999999"), ("sign", "-1"), ("wide", "３"), ("a", "1"), ("a", "2")]
    )

    assert fields.whole("page", 1, 1, 10) == 3
    assert [fields.whole(n, 1, 1, 10) for n in ("far", "sign", "wide", "none")] == [1, 1, 1, 1]
    assert fields.all("a") == ("1", "2")
    assert fields.get("a") == "2"
    assert fields.but(page=4, a=None) == "?far=99999999999999999999&sign=-1&wide=%EF%BC%93&page=4"


def test_a_handler_is_called_without_a_server() -> None:
    request = PageRequest("GET", "/", "ja", START)

    with pytest.raises(LookupError):
        _ = request.person
    assert not request.may("see_money")


def test_sample_data_is_marked_on_every_page(store: Store) -> None:
    console = Console(store, sample_settings(**{"company.is_sample": True}))

    assert "見本" in console.client().get("/sign-in").text
    assert Nav("overview", "o", 10) in [r.nav for r in ROUTES]
