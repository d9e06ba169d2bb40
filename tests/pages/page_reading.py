"""Reading pages back: their main part as it was looked at, and the numbers that open."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from html import unescape
from pathlib import Path

from golden_pages import normal

GOLDEN = Path(__file__).parent / "golden"


def check_main(name: str, page: str) -> None:
    """The page's own part is the one that was looked at. JITSURI_GOLDEN=write keeps a new one."""
    main = normal("<main" + page.partition("<main")[2].partition("</main>")[0] + "</main>")
    main = re.sub(r'name="csrf" value="[^"]*"', 'name="csrf" value="*"', main)
    kept = GOLDEN / f"{name}.html"
    if os.environ.get("JITSURI_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        kept.write_text(main, "utf-8")
    assert main == kept.read_text("utf-8")


_OPENS = re.compile(r'<a href="(/calls[^"]*)"[^>]*>\s*<data value="([^"]*)"')


def numbers_that_open(page: str) -> list[tuple[str, Decimal, bool]]:
    """Every number that leads to calls: (address, value, is it yen)."""
    found = []
    for href, exact in _OPENS.findall(page):
        is_yen = "円" in exact or "¥" in exact
        found.append((unescape(href), number_of(exact), is_yen))
    return found


def sum_shown(page: str) -> tuple[int, Decimal]:
    """The sum that a page of calls shows: calls and yen."""
    line = page.partition('<p class="sums">')[2].partition("</p>")[0]
    counted = re.search(r"([\d,]+)件", line)
    yen = re.search(r'<data value="([^"]*)"', line)
    assert counted is not None
    assert yen is not None
    return int(counted.group(1).replace(",", "")), number_of(yen.group(1))


def number_of(exact: str) -> Decimal:
    """The number in an exact value: 15,779.4円."""
    digits = re.sub(r"[^0-9.\-−]", "", exact).replace("−", "-")
    return Decimal(digits)
