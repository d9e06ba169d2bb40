"""The console's own pages: entering, one's account, the people; each as it was looked at, in both languages."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from console_parts import BASE, PASSWORD, Console, posting, sample_settings
from golden_pages import check_golden

from jitsuri.flows.cold.admitting import first_admin_link
from jitsuri.store.door import Store
from jitsuri.words import Language

NEW = "atarashii-kotoba-34"


def link_on(page: str) -> str:
    """The one-time link that a page shows, as a path."""
    return page.partition(f"{BASE}/links/")[2].partition("<")[0]


# -- entering


def test_the_first_link_makes_the_first_administrator_and_works_once(console: Console) -> None:
    link = first_admin_link(console.store, console.now, console.secret)
    client = console.client()
    fields = {"login": "Aoki@Example.jp", "name": "青木 一郎", "password": PASSWORD, "again": PASSWORD}

    answer = posting(client, f"/links/{link}", f"/links/{link}", **fields)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "青木 一郎" in client.get("/").text
    assert console.people()["aoki@example.jp"].roles == {"admin"}
    again = console.client().get(f"/links/{link}")
    assert (again.status_code, "このリンクは使えません" in again.text) == (410, True)


def test_the_first_administrator_keeps_the_language_of_the_page(console: Console) -> None:
    link = first_admin_link(console.store, console.now, console.secret)
    fields = {"login": "aoki@example.jp", "name": "Aoki", "password": PASSWORD, "again": PASSWORD}

    posting(console.client("en"), f"/links/{link}", f"/links/{link}", **fields)

    assert console.people()["aoki@example.jp"].language == "en"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"password": "mijikai", "again": "mijikai"}, "12"),
        ({"password": PASSWORD, "again": PASSWORD + "x"}, "二つのパスワードが同じではありません"),
        ({"password": PASSWORD, "again": PASSWORD, "login": ""}, "サインイン名"),
    ],
)
def test_what_is_wrong_on_a_links_page_is_told_and_the_rest_stays_filled_in(
    console: Console, fields: dict[str, str], told: str
) -> None:
    link = first_admin_link(console.store, console.now, console.secret)
    filled = {"login": "aoki@example.jp", "name": "青木 一郎", **fields}

    answer = posting(console.client(), f"/links/{link}", f"/links/{link}", **filled)

    assert answer.status_code == 422
    assert told in answer.text.partition('role="alert"')[2].partition("</div>")[0]
    assert 'value="青木 一郎"' in answer.text
    assert "mijikai" not in answer.text
    assert console.people() == {}


def test_a_link_has_an_end(console: Console) -> None:
    link = first_admin_link(console.store, console.now, console.secret)
    console.later(hours=25)

    assert console.client().get(f"/links/{link}").status_code == 410


def test_signing_in_and_out(console: Console) -> None:
    console.admin()
    client = console.client()

    answer = posting(client, "/sign-in", "/sign-in", login="aoki@example.jp", password=PASSWORD)
    assert answer.headers["location"] == "/"
    secret = client.cookies["jitsuri_session"]
    assert client.get("/").status_code == 200
    assert client.get("/sign-in?next=/people").headers["location"] == "/people"

    answer = posting(client, "/", "/sign-out")
    assert answer.headers["location"] == "/sign-in?notice=signed_out"
    assert "サインアウトしました" in client.get(answer.headers["location"]).text
    client.cookies.set("jitsuri_session", secret)
    assert client.get("/").status_code == 303


@pytest.mark.parametrize("login", ["aoki@example.jp", "nobody@example.jp"])
def test_a_wrong_password_and_a_wrong_name_are_told_alike(console: Console, login: str) -> None:
    console.admin()
    answer = posting(console.client(), "/sign-in", "/sign-in", login=login, password="chigau-kotoba-desu")

    assert answer.status_code == 422
    assert answer.text.replace(login, "x").count('role="alert"') == 1
    assert f'value="{login}"' in answer.text
    assert "chigau" not in answer.text
    assert "jitsuri_session" not in answer.headers.get("set-cookie", "")


def test_many_wrong_passwords_make_one_wait(console: Console) -> None:
    console.admin()
    client = console.client()

    for _ in range(5):
        assert posting(client, "/sign-in", "/sign-in", login="aoki@example.jp", password="x").status_code == 422
    answer = posting(client, "/sign-in", "/sign-in", login="aoki@example.jp", password=PASSWORD)

    assert (answer.status_code, "30" in answer.text) == (429, True)


# -- one's own account


def test_a_language_kept_is_spoken_from_now_on_in_every_browser(console: Console) -> None:
    came = console.admin()
    client = console.browser_of(came)
    client.get("/?lang=ja")

    answer = posting(client, "/account", "/account/language", language="en")

    assert "Your language is changed" in client.get(answer.headers["location"]).text
    assert '<html lang="en">' in client.get("/").text
    assert '<html lang="en">' in console.browser_of(came).get("/").text


def test_a_new_password_ends_every_other_session(console: Console) -> None:
    here = console.admin()
    client, elsewhere = console.browser_of(here), console.client()
    posting(elsewhere, "/sign-in", "/sign-in", login="aoki@example.jp", password=PASSWORD)
    assert elsewhere.get("/").status_code == 200

    answer = posting(client, "/account", "/account/password", old=PASSWORD, password=NEW, again=NEW)

    assert answer.headers["location"] == "/account?notice=password_changed"
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/").status_code == 303
    answer = posting(console.client(), "/sign-in", "/sign-in", login="aoki@example.jp", password=NEW)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "fields",
    [
        {"old": "chigau", "password": NEW, "again": NEW},
        {"old": PASSWORD, "password": NEW, "again": "x"},
        {"old": PASSWORD, "password": "x", "again": "x"},
    ],
)
def test_a_password_is_not_changed_by_half(console: Console, fields: dict[str, str]) -> None:
    client = console.browser_of(console.admin())

    answer = posting(client, "/account", "/account/password", **fields)

    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert client.get("/").status_code == 200


# -- people


def test_an_invitation_is_shown_once_and_lets_its_person_in(console: Console) -> None:
    client = console.browser_of(console.admin())
    fields = {"login": "baba@example.jp", "name": "馬場 二葉", "roles": ["finance", "owner"], "language": "en"}

    made = posting(client, "/people", "/people/invitations", **fields)
    link = link_on(made.text)
    guest = console.client()
    came = posting(guest, f"/links/{link}", f"/links/{link}", password=PASSWORD, again=PASSWORD)

    assert made.status_code == 200
    assert came.headers["location"] == "/"
    assert '<html lang="en">' in guest.get("/").text
    assert console.people()["baba@example.jp"].roles == {"finance", "owner"}
    assert link not in client.get("/people").text


@pytest.mark.parametrize(
    "fields",
    [
        {"login": "", "name": "x", "roles": ["finance"]},
        {"login": "aoki@example.jp", "name": "x", "roles": ["finance"]},
        {"login": "b@example.jp", "name": "x", "roles": []},
        {"login": "b@example.jp", "name": "x", "roles": ["auditor", "admin"]},
        {"login": "b@example.jp", "name": "x", "roles": ["root"]},
    ],
)
def test_an_invitation_that_cannot_be_says_why_and_stays_filled_in(console: Console, fields: dict[str, object]) -> None:
    client = console.browser_of(console.admin())

    answer = posting(client, "/people", "/people/invitations", **fields)

    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert 'value="x"' in answer.text
    assert set(console.people()) == {"aoki@example.jp"}


def test_a_person_is_stopped_at_once_and_let_in_again(console: Console) -> None:
    admin = console.browser_of(console.admin())
    came = console.person("finance")
    guest, someone = console.browser_of(came), f"/people/{came.session.person.person_id}"
    assert guest.get("/").status_code == 200

    answer = posting(admin, someone, f"{someone}/deactivation")
    assert answer.headers["location"] == f"{someone}?notice=person_deactivated"
    assert guest.get("/").status_code == 303
    assert "停止中" in admin.get("/people").text

    posting(admin, someone, f"{someone}/activation")
    back = posting(console.client(), "/sign-in", "/sign-in", login="finance@example.jp", password=PASSWORD)
    assert back.status_code == 303


def test_the_last_administrator_stays(console: Console) -> None:
    came = console.admin()
    client, me = console.browser_of(came), f"/people/{came.session.person.person_id}"

    for act, fields in (("deactivation", {}), ("roles", {"roles": ["finance"]})):
        answer = posting(client, me, f"{me}/{act}", **fields)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert console.people()["aoki@example.jp"].roles == {"admin"}


def test_roles_hold_from_the_next_request_on(console: Console) -> None:
    admin = console.browser_of(console.admin())
    came = console.person("finance")
    guest, someone = console.browser_of(came), f"/people/{came.session.person.person_id}"
    assert guest.get("/people").status_code == 403

    posting(admin, someone, f"{someone}/roles", roles=["auditor"])

    page = guest.get("/people")
    assert page.status_code == 200
    assert "/people/invitations" not in page.text


def test_a_forgotten_password_is_mended_by_a_link(console: Console) -> None:
    admin = console.browser_of(console.admin())
    came = console.person("finance")
    someone = f"/people/{came.session.person.person_id}"

    link = link_on(posting(admin, someone, f"{someone}/links").text)
    posting(console.client(), f"/links/{link}", f"/links/{link}", password=NEW, again=NEW)

    assert console.browser_of(came).get("/").status_code == 303
    back = posting(console.client(), "/sign-in", "/sign-in", login="finance@example.jp", password=NEW)
    assert back.status_code == 303


def test_people_are_found_by_name_and_by_sign_in_name(console: Console) -> None:
    client = console.browser_of(console.admin())
    console.person("finance", "千葉 三郎", "chiba@example.jp")

    assert "chiba@example.jp" not in client.get("/people?find=青木").text
    assert "chiba@example.jp" in client.get("/people?find=CHIBA").text
    assert "chiba@example.jp" in client.get("/people?find=三郎").text
    assert "当てはまる人はいません" in client.get("/people?find=zzz").text


def test_a_name_from_outside_stays_text(console: Console) -> None:
    client = console.browser_of(console.admin())
    evil = "<script>alert('x')</script>"
    console.person("finance", evil)

    page = client.get(f"/people?find={evil}").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


# -- as they were looked at


VOID = {"meta", "link", "input", "br", "hr", "img"}
FOREIGN_VOID = {"rect", "line", "path", "circle"}


class Balance(HTMLParser):
    """Every element that opens closes, in order; ids are given once; labels name fields that exist."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.named: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.named += [told[a] or "" for a in ("for", "aria-describedby", "aria-labelledby", "data-copy") if a in told]
        if tag not in VOID | {"p", "dt", "dd", "li"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [v or "" for k, v in attrs if k == "id"]

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"p", "dt", "dd", "li"}:
            assert self.open.pop() == tag


def check_page(page: str) -> None:
    """What every page keeps, whatever it shows."""
    balance = Balance()
    balance.feed(page)
    balance.close()
    assert balance.open == []
    assert len(set(balance.ids)) == len(balance.ids)
    assert set(balance.named) <= set(balance.ids)
    assert page.count("<h1") == 1
    assert page.count("<main") == 1
    for leak in ("Undefined", "{{", "{%", "None", "StrictUndefined"):
        assert leak not in page


def pages_of(console: Console, lang: Language) -> dict[str, str]:
    """Every page of the base with fixed data."""
    first = first_admin_link(console.store, console.now, console.secret)
    pages = {"link-first": console.client(lang).get(f"/links/{first}").text}
    admin = console.admin()
    console.person("auditor", "千葉 三郎", "chiba@example.jp")
    stopped = console.person("finance", "馬場 二葉", "baba@example.jp")
    client = console.browser_of(admin, lang)
    client.get(f"/?lang={lang}")
    someone = f"/people/{stopped.session.person.person_id}"
    stranger = console.client(lang)
    wrong = posting(stranger, "/sign-in", "/sign-in", login="aoki@example.jp", password="x")
    fields = {"login": "doi@example.jp", "name": "土井 四季", "roles": ["owner"], "language": lang}
    made = posting(client, "/people", "/people/invitations", **fields)
    pages |= {
        "sign-in": console.client(lang).get("/sign-in").text,
        "sign-in-wrong": wrong.text,
        "link-made": made.text,
        "link-password": console.client(lang).get(f"/links/{link_on(made.text)}").text,
        "person": client.get(someone).text,
    }
    posting(client, someone, f"{someone}/deactivation")
    return pages | {
        "account": client.get("/account").text,
        "people": client.get("/people").text,
        "person-stopped": client.get(f"{someone}?notice=person_deactivated").text,
        "people-wrong": posting(client, "/people", "/people/invitations", login="", name="x", roles=["owner"]).text,
        "keys": client.get("/help/keys").text,
        "missing": client.get("/nowhere").text,
        "forbidden": console.browser_of(console.person("developer"), lang).get(f"/people?lang={lang}").text,
        "stale": client.post("/account/language").text,
    }


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_pages_are_the_ones_that_were_looked_at(store: Store, lang: Language) -> None:
    console = Console(store, sample_settings(**{"company.is_sample": True}))

    for name, page in pages_of(console, lang).items():
        check_page(page)
        assert f'<html lang="{lang}">' in page
        check_golden(f"{name}-{lang}", page)
