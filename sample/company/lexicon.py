"""The company's words: customers, parts, dates, amounts; each drawn by name for a scene."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from company.saying import Scene, texts

_NAMES = texts("names")
_CUSTOMERS, _SUPPLIERS, _PARTS = _NAMES["customers"], _NAMES["suppliers"], _NAMES["parts"]
_FAMILY = _NAMES["people"]["family"]
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXY"
_WEEKDAYS = "月火水木金土日"

Drawer = Callable[[Scene], str]


def scene_on(chance: Random, day: date) -> Scene:
    """A scene that happens on ``day``: its dates lie around it."""
    return Scene(chance, {**_DRAWERS, **_dated(day)})


def roman(family: str) -> str:
    """A family name as it stands in a mail address."""
    return str(_NAMES["people"]["family_roman"][_FAMILY.index(family)])


def mail_host(customer: str) -> str:
    """The host of a customer's mail: always below ``example.jp``, which is reserved for examples."""
    first = next(i for i, name in enumerate(_CUSTOMERS["first"]) if name in customer)
    trade = next((short for name, short in _CUSTOMERS["trade"] if name in customer), "office")
    return f"{_CUSTOMERS['first_roman'][first]}-{trade}.example.jp"


def phone(chance: Random) -> str:
    """A number nobody can have: exchanges never begin with 0, nor does the digit behind 090."""
    last = f"{chance.randrange(10000):04d}"
    return chance.choice((f"03-0000-{last}", f"06-0000-{last}", f"052-000-{last}", f"090-0000-{last}"))


def written_day(day: date, how: int) -> str:
    """A day as people write it, in one of six ways."""
    weekday = _WEEKDAYS[day.weekday()]
    return (
        f"{day.month}月{day.day}日",
        f"{day.month}月{day.day}日({weekday})",
        f"{day.month}/{day.day}",
        f"{day.month}/{day.day}({weekday})",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.day}日",
    )[how % 6]


def thousands(amount: int) -> str:
    return f"{amount:,}"


def _customer(scene: Scene) -> str:
    name = scene.pick(_CUSTOMERS["first"]) + scene.pick(_CUSTOMERS["trade"])[0]
    return str(scene.pick(("株式会社" + name, name + "株式会社", name + "株式会社", name, "(株)" + name)))


def _part(scene: Scene) -> str:
    """A part number; the first goes with ``{partname}``, the second with ``{partname2}``."""
    place = "partname" if "part" not in scene.words else "partname2"
    name, code = scene.pick(_PARTS["kinds"])
    if place in scene.words:
        name, code = next(kind for kind in _PARTS["kinds"] if kind[0] == scene.words[place])
    scene.words.setdefault(place, name)
    tail = scene.pick(("", "", "-" + str(scene.number(1, 9)), scene.pick(_LETTERS), "-" + scene.pick(_LETTERS)))
    return f"{code}-{scene.number(1000, 9899)}{tail}"


def _round(low: int, high: int, step: int) -> Drawer:
    return lambda scene: thousands(scene.number(low // step, high // step) * step)


def _span(low: int, high: int) -> Drawer:
    return lambda scene: str(scene.number(low, high))


def _of(words: list[str]) -> Drawer:
    return lambda scene: str(scene.pick(words))


def _time(scene: Scene) -> str:
    hour, minute = scene.number(8, 18), scene.pick((0, 0, 10, 15, 20, 30, 30, 40, 45))
    return scene.pick((f"{hour}時{minute}分" if minute else f"{hour}時", f"{hour}:{minute:02d}"))


def _money(scene: Scene) -> str:
    return thousands(
        scene.pick((scene.number(12, 99) * 100, scene.number(10, 980) * 100, scene.number(10, 480) * 1000))
    )


def _dated(day: date) -> dict[str, Drawer]:
    """Drawers of days: ``{date}`` lies ahead, ``{date0}`` behind."""
    habit: dict[str, int] = {}

    def ahead(scene: Scene) -> str:
        how = habit.setdefault("how", scene.number(0, 3))
        later = day + timedelta(days=scene.number(3, 40))
        if later.weekday() > 4:
            later += timedelta(days=7 - later.weekday())
        return written_day(later, how)

    def behind(scene: Scene) -> str:
        how = habit.setdefault("how", scene.number(0, 3))
        return written_day(day - timedelta(days=scene.number(1, 20)), how)

    def month(scene: Scene) -> str:
        return str((day.month + scene.number(-1, 3) - 1) % 12 + 1)

    return {"date": ahead, "date0": behind, "month": month}


_DRAWERS: dict[str, Drawer] = {
    "customer": _customer,
    "supplier": lambda scene: str(scene.pick(_SUPPLIERS["names"])[0]),
    "process": _of(
        [
            "架空特殊鋼株式会社",
            "例示熱処理工業株式会社",
            "仮名めっき工業所",
            "見本熱処理センター",
            "想定表面処理株式会社",
        ]
    ),
    "packer": _of(["模擬梱包資材株式会社", "例題紙器株式会社", "見本パッケージ工業"]),
    "maker": _of(["空想設備メンテナンス株式会社", "例示電機商会", "架空機械サービス株式会社"]),
    "section": _of(_CUSTOMERS["section"]),
    "person": _of(_FAMILY),
    "part": _part,
    "partname": lambda scene: str(scene.pick(_PARTS["kinds"])[0]),
    "material": _of(_PARTS["materials"]),
    "finish": _of(_PARTS["finishes"]),
    "machine": _of(_PARTS["machines"]),
    "defect": _of(_PARTS["defects"]),
    "qty": lambda scene: thousands(
        scene.pick((scene.number(2, 60) * 5, scene.number(3, 80) * 10, scene.number(1, 40) * 50))
    ),
    "bigqty": _round(1000, 60000, 500),
    "smallqty": _span(2, 9),
    "count": _span(2, 5),
    "days": _span(2, 14),
    "hours": _span(2, 8),
    "years": _span(2, 15),
    "months": _span(2, 12),
    "minutes": _span(3, 45),
    "percent": _span(3, 18),
    "micron": _span(3, 35),
    "kg": _span(4, 20),
    "money": _money,
    "time": _time,
    "order": lambda scene: scene.pick(("PO-", "", "M", "注-")) + f"{scene.number(24, 26)}{scene.number(1000, 9999)}",
    "drawing": lambda scene: f"{scene.pick(('D', 'K', 'SK', 'Z'))}{scene.number(100, 999)}-{scene.number(10, 99)}",
    "rev": lambda scene: scene.pick(("A", "B", "C", "D", "E", "02", "03", "04")),
    "dim": lambda scene: (
        scene.pick(("φ", "", "全長", "内径", "溝幅", "段差")) + f"{scene.number(3, 180)}.{scene.number(0, 9)}"
    ),
    "goods": _of(texts("inquiry")["goods"]["names"]),
    "school": _of(texts("inquiry")["goods"]["schools"]),
    "phone": lambda scene: phone(scene.chance),
    "line": _of(["製造一課", "製造二課", "A列", "研削班", "旋盤班", "検査", "夜勤班", "仕上げ班"]),
    "place": _of(texts("small")["notice"]["places"]),
    "ext": _span(210, 489),
}
