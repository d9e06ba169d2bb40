"""The parts that pages are made of: their markup, their colours, their words, the months of the menu."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from golden_pages import check_golden
from jinja2 import TemplateSyntaxError, UndefinedError
from parts_gallery import gallery
from test_web_pages import check_page

from jitsuri import words
from jitsuri.paper.rules.inking import INKS
from jitsuri.terms.period import Month
from jitsuri.web.desk import Fields
from jitsuri.web.doors import STATIC
from jitsuri.web.periods import asked_month, period_choice
from jitsuri.web.rendering import badge, environment
from jitsuri.words import Language

WEB = Path(str(resources.files("jitsuri.web")))
SOURCE = WEB.parent
STYLE = (WEB / "static" / "jitsuri.css").read_text("utf-8")


# -- markup


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_part_is_the_one_that_was_looked_at(lang: Language) -> None:
    page = gallery(lang)

    check_page(page)
    check_golden(f"gallery-{lang}", page)


def made(source: str, lang: Language = "ja", **shows: object) -> str:
    addresses = dict.fromkeys(STATIC, "/x")
    template = environment(lang, ZoneInfo("Asia/Tokyo"), addresses).from_string('{% import "ui.html" as ui %}' + source)
    return template.render(**shows)


def test_a_name_that_nobody_gave_is_an_error_and_not_nothing() -> None:
    with pytest.raises(UndefinedError):
        made("{{ unknown }}")
    with pytest.raises(KeyError):
        made('{{ t("page.none") }}')
    with pytest.raises(TemplateSyntaxError):
        made("{% if %}")


def test_what_a_part_is_given_stays_text() -> None:
    evil = '"><script>alert(1)</script>'
    page = made(
        "{{ ui.field('a', x, x, hint=x, wrong=x) }}{{ ui.badge(x) }}{{ ui.notice(x, x) }}{{ ui.empty(x, x, x, x) }}"
        "{{ ui.table([(x, '')], [[x], [{'text': x, 'href': x, 'sub': x}]], x) }}{{ ui.facts([(x, x)]) }}"
        "{{ ui.select('a', x, [(x, x)]) }}{{ ui.choices('a', x, [(x, x)]) }}{{ ui.pager(x, x, x) }}",
        x=evil,
    )

    assert "<script" not in page
    assert badge(evil) == '<span class="badge">&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</span>'


def test_a_cell_knows_its_column_for_a_phone() -> None:
    page = made("{{ ui.table([('月', ''), ('費用', 'n')], [['11月', '1,284']]) }}")

    assert re.search(r'<td class="n" data-head="費用">\s*1,284\s*</td>', page)
    assert re.search(r'<th scope="row">\s*11月\s*</th>', page)


def test_a_number_keeps_its_exact_value_for_who_points_at_it() -> None:
    page = made("{{ ui.number(yen_short(x)) }}", x=__import__("decimal").Decimal("1284300.5"))

    assert page == '<data value="1,284,300.5円" title="1,284,300.5円">128万円</data>'


# -- colours


def palettes() -> dict[str, dict[str, str]]:
    """Colours by name: of light, and of dark where they differ."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[:2]
    read = [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block)) for block in (light, dark)]
    return {"light": read[0], "dark": {**read[0], **read[1]}}


def test_a_drawing_has_on_paper_the_colours_it_has_on_a_light_page() -> None:
    light = palettes()["light"]

    assert {name: light[name] for name in INKS} == INKS


def test_dark_changes_every_colour() -> None:
    light, dark = palettes()["light"], palettes()["dark"]

    assert [name for name in light if light[name] == dark[name]] == []


def luminance(colour: str) -> float:
    """Relative luminance. Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_on_every_ground_it_stands_on(scheme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 for text; 1.4.11: 3 to 1 for what tells a state, such as a field's frame."""
    colour = palettes()[scheme]

    for ink in ("ink", "soft", "ai", "good", "warn", "bad"):
        for ground in ("paper", "card"):
            assert contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)
    for ink in ("good", "warn", "bad"):
        assert contrast(colour[ink], colour[f"{ink}-ground"]) >= 4.5, ink
    assert contrast(colour["on-ai"], colour["ai"]) >= 4.5
    for ground in ("paper", "card"):
        assert contrast(colour["mid"], colour[ground]) >= 3, ground


def test_the_style_sheet_loads_nothing() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert "@font-face" not in STYLE


def test_every_class_of_a_drawing_has_its_colour() -> None:
    used = set(re.findall(r'class="([^"]*)"', gallery("ja")))
    drawn = {name for told in used for name in told.split() if re.match(r"[flt]-", name)}

    assert drawn
    assert [name for name in drawn if f".chart .{name} " not in STYLE] == []


# -- words


def codes_used() -> set[str]:
    """Codes that templates and code name in full."""
    found = set()
    for file in [*WEB.rglob("*.html"), *SOURCE.rglob("*.py")]:
        found |= set(re.findall(r"""["']([a-z_]+(?:\.[a-z0-9_]+)+)["']""", file.read_text("utf-8")))
    return found


def test_every_text_that_a_template_names_exists() -> None:
    named = {
        code
        for file in WEB.rglob("*.html")
        for code in re.findall(r"""\bt\(["']([a-z_.0-9]+)["']\s*[,)]""", file.read_text("utf-8"))
    }

    assert len(named) > 50
    assert sorted(code for code in named if not words.has_text(code)) == []


MADE_UP = re.compile(
    r"(nav|role|language|notice|unit\.step|unit|date\.month|date\.weekday|date\.half|length|page\.error)\..+"
)
"""Codes whose end is put together where they are used."""


@pytest.mark.slow
def test_no_text_of_the_console_is_left_over() -> None:
    mine = tomllib.loads((SOURCE / "words" / "ja" / "web.toml").read_text("utf-8"))

    assert sorted(code for code in mine if code not in codes_used() and not MADE_UP.fullmatch(code)) == []


# -- months


@pytest.mark.parametrize(
    ("query", "month"),
    [("2026-10", Month(2026, 10)), ("", Month(2026, 11)), ("2026-13", Month(2026, 11)), ("x", Month(2026, 11)),
     ("0001-01", Month(2026, 11))],
)  # fmt: skip
def test_the_address_names_the_month(query: str, month: Month) -> None:
    assert asked_month(Fields([("month", query)]), date(2026, 11, 22)) == month


def test_the_menu_offers_the_months_of_a_fiscal_year_that_have_data() -> None:
    query = Fields([("task", "x"), ("month", "2026-11")])

    choice = period_choice(Month(2026, 11), query, "ja", first=Month(2025, 10), last=Month(2026, 11))

    assert (choice.shown, choice.year) == ("2026年度 11月", "2026年度")
    assert [name for name, _, _ in choice.months] == [f"{m}月" for m in (4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3)]
    assert [bool(link) for _, link, _ in choice.months] == [True] * 8 + [False] * 4
    assert [name for name, _, is_shown in choice.months if is_shown] == ["11月"]
    assert choice.months[0][1] == "?task=x&month=2026-04"
    assert choice.before == "?task=x&month=2025-11"
    assert choice.after == ""


def test_a_fiscal_year_with_one_month_of_data_is_reached_by_it() -> None:
    choice = period_choice(Month(2026, 5), Fields(), "en", first=Month(2026, 3), last=Month(2026, 5))

    assert choice.before == "?month=2026-03"
    assert period_choice(Month(2026, 3), Fields(), "en", first=Month(2026, 3), last=Month(2026, 5)).before == ""
    assert period_choice(Month(2026, 3), Fields(), "en", first=None, last=Month(2026, 5)).after == ""
