"""見積書の読取り quotation-extraction: the fields of a supplier's quotation, as JSON.

The document is made from the fields, in one of four layouts; hard ones have a discount line, prices with tax, years
by era (令和) and amounts that a careless reader takes for others.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("quotation")
_WIDE = str.maketrans("0123456789,-/().¥", "0123456789,-/().¥")
TAX_PERCENT = 10


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    unit: str
    quantity: int
    price: int

    @property
    def amount(self) -> int:
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class _Quotation:
    supplier: str
    number: str
    issued: date
    valid_until: date | None
    items: tuple[_Item, ...]
    discount: int
    lead: str
    payment: str
    place: str
    is_with_tax: bool

    @property
    def subtotal(self) -> int:
        return sum(item.amount for item in self.items) - self.discount

    @property
    def tax(self) -> int:
        return self.subtotal * TAX_PERCENT // 100

    def fields(self) -> dict[str, object]:
        """What a right reading holds; amounts in whole yen."""
        return {
            "supplier": self.supplier,
            "number": self.number,
            "issued": self.issued.isoformat(),
            "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "items": [{"name": i.name, "quantity": i.quantity, "unit_price": i.price} for i in self.items],
            "discount": self.discount,
            "subtotal": self.subtotal,
            "tax": self.tax,
            "total": self.subtotal + self.tax,
            "lead_time": self.lead,
            "payment": self.payment,
        }


def compose(scene: Scene, day: date) -> Piece:
    """One quotation that came in around ``day``."""
    difficulty: Difficulty = scene.pick(("easy", "easy", "easy", "medium", "medium", "hard"))
    quotation = _drawn(scene, day, difficulty)
    layout = scene.pick((_table, _table, _spaced, _letter))
    text = layout(scene, quotation, difficulty)
    if difficulty == "hard" and scene.happens(50):
        text = text.translate(_WIDE)
    truth = quotation.fields()
    return Piece((Turn(scene.pick(_T["asks"]) + text, _json(truth), _wrong(scene, truth)),), difficulty, truth)


def _drawn(scene: Scene, day: date, difficulty: Difficulty) -> _Quotation:
    count = scene.number(1, 3) if difficulty == "easy" else scene.number(3, 8)
    items = tuple(_item(scene, goods) for goods in scene.chance.sample(_T["goods"], count))
    whole = sum(item.amount for item in items)
    issued = day - timedelta(days=scene.number(0, 9))
    lead = scene.pick(_T["leads"]).format(n=scene.number(2, 9))
    return _Quotation(
        supplier=scene["supplier"],
        number=scene.pick(("Q-", "見", "E", "No.", "")) + f"{issued:%y%m}-{scene.number(10, 9999):04d}",
        issued=issued,
        valid_until=issued + timedelta(days=scene.pick((14, 30, 30, 60, 90))) if scene.happens(75) else None,
        items=items,
        discount=whole // 100 * scene.number(1, 6) if difficulty == "hard" else 0,
        lead=lead,
        payment=scene.pick(_T["conditions"]),
        place=scene.pick(_T["places"]),
        is_with_tax=difficulty == "hard" and scene.happens(40),
    )


def _item(scene: Scene, goods: tuple[str, str, int, int]) -> _Item:
    name, unit, low, high = goods
    sizes = {
        "d1": scene.number(2, 25), "d2": scene.number(1, 9), "d3": scene.number(6, 120),
        "m1": scene.pick((3, 4, 5, 6, 8, 10, 12)), "len": scene.number(5, 60) * 50, "len2": scene.number(2, 30) * 10,
        "grit": scene.pick((120, 170, 230, 325, 400)),
        "code": f"{scene.pick('ABCKMNRST')}{scene.pick('ABCKMNRST')}{scene.number(10, 999)}",
    }  # fmt: skip
    for slot, size in sizes.items():
        name = name.replace("{" + slot + "}", str(size))
    step = 10 if high > 1000 else 1
    price = scene.number(low // step, high // step) * step
    quantity = scene.number(1, 3) if price > 40000 else scene.number(1, 40) if price > 900 else scene.number(2, 40) * 25
    return _Item(scene.say(name), unit, quantity, price)


def _day(day: date | None, how: str) -> str:
    if day is None:
        return "別途"
    if how == "era":
        return f"令和{day.year - 2018}年{day.month}月{day.day}日"
    return f"{day.year}/{day.month:02d}/{day.day:02d}" if how == "slash" else f"{day.year}年{day.month}月{day.day}日"


def _how(scene: Scene, difficulty: Difficulty) -> str:
    return "era" if difficulty == "hard" else scene.pick(("slash", "plain", "plain"))


def _yen(amount: int) -> str:
    return f"{amount:,}"


def _sums(quotation: _Quotation) -> list[tuple[str, int]]:
    if quotation.is_with_tax:
        return [("合計(税込)", quotation.subtotal + quotation.tax), ("うち消費税", quotation.tax)]
    total = quotation.subtotal + quotation.tax
    return [("小計", quotation.subtotal), (f"消費税({TAX_PERCENT}%)", quotation.tax), ("合計", total)]


def _top(scene: Scene, quotation: _Quotation, difficulty: Difficulty) -> list[str]:
    how = _how(scene, difficulty)
    lines = [
        scene.pick(_T["titles"]),
        f"見積番号 {quotation.number}  発行日 {_day(quotation.issued, how)}",
        "株式会社サンプル精機 購買課 御中",
        quotation.supplier + scene.pick(("", f" 担当 {scene['person']}", f"\nTEL {scene['phone']}")),
        scene.pick(_T["intro"]),
    ]
    ends = [
        f"有効期限: {_day(quotation.valid_until, how)}",
        f"納期: {quotation.lead}",
        f"支払条件: {quotation.payment}",
        f"受渡場所: {quotation.place}",
    ]
    return [*lines, *scene.chance.sample(ends, len(ends))]


def _table(scene: Scene, quotation: _Quotation, difficulty: Difficulty) -> str:
    bar = scene.pick((" | ", " | ", "\t", " │ "))
    rows = [bar.join(("No", "品名", "数量", "単位", "単価", "金額"))]
    for number, item in enumerate(quotation.items, 1):
        rows.append(
            bar.join((str(number), item.name, str(item.quantity), item.unit, _yen(item.price), _yen(item.amount)))
        )
    if quotation.discount:
        rows.append(
            bar.join(
                ("", scene.pick(("出精値引", "お値引き", "特別値引")), "1", "式", "", f"▲{_yen(quotation.discount)}")
            )
        )
    rows += [f"{name}{bar}{_yen(amount)}" for name, amount in _sums(quotation)]
    return "\n".join([*_top(scene, quotation, difficulty), "", *rows, "", *_notes(scene)])


def _spaced(scene: Scene, quotation: _Quotation, difficulty: Difficulty) -> str:
    """As a scan reads: columns by blanks, a letter lost here and there, the letters of a headline apart."""
    rows = [f"{i.name}   {i.quantity}{i.unit}   @{_yen(i.price)}   {_yen(i.amount)}" for i in quotation.items]
    if quotation.discount:
        rows.append(f"値引   -{_yen(quotation.discount)}")
    rows += [f"{name}   \\{_yen(amount)}-" for name, amount in _sums(quotation)]
    text = "\n".join([*_top(scene, quotation, difficulty), *rows, *_notes(scene)])
    words = scene.chance.sample(("御中", "納期", "支払条件", "受渡場所", "有効期限", "発行日"), 3)
    for word in words:
        text = text.replace(word, " ".join(word), 1)
    return text.replace("合計", scene.pick(("合 計", "合計", "合  計")))


def _letter(scene: Scene, quotation: _Quotation, difficulty: Difficulty) -> str:
    how = _how(scene, difficulty)
    rows = [
        scene.pick(
            (
                f"・{i.name} {i.quantity}{i.unit} 単価{_yen(i.price)}円",
                f"{i.name}:{i.quantity}{i.unit}×{_yen(i.price)}円={_yen(i.amount)}円",
                f"「{i.name}」{_yen(i.price)}円/{i.unit}、{i.quantity}{i.unit}",
            )
        )
        for i in quotation.items
    ]
    if quotation.discount:
        rows.append(f"上記から{_yen(quotation.discount)}円をお引きします。")
    sums = "、".join(f"{name} {_yen(amount)}円" for name, amount in _sums(quotation))
    ends = [f"納期は{quotation.lead}", f"お支払いは{quotation.payment}", f"受渡しは{quotation.place}"]
    if quotation.valid_until:
        ends.append(f"有効期限は{_day(quotation.valid_until, how)}")
    body = "、".join(scene.chance.sample(ends, len(ends))) + "です。"
    numbered = f"見積番号は{quotation.number}({_day(quotation.issued, how)}付け)です。"
    return "\n".join([scene.one(_T["mail_intro"]), "", *rows, sums + "。", body, numbered, *_notes(scene)])


def _notes(scene: Scene) -> list[str]:
    return [f"備考: {note}" for note in scene.some(_T["notes"], scene.number(0, 2)) if note]


def _json(fields: dict[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _wrong(scene: Scene, truth: dict[str, object]) -> tuple[tuple[str, str], ...]:
    faults = [(_json({**truth, "total": truth["subtotal"]}), "total is the subtotal without tax")]
    issued = re.sub(r"^\d{4}", lambda m: str(int(m[0]) - 1), str(truth["issued"]))
    faults.append((_json({**truth, "issued": issued}), "year of issue is one too early"))
    items = truth["items"]
    if isinstance(items, list) and len(items) > 1:
        place = scene.number(0, len(items) - 1)
        fewer = [item for n, item in enumerate(items) if n != place]
        faults.append((_json({**truth, "items": fewer}), f"item {place + 1} is missing"))
    if truth["discount"]:
        faults.append((_json({**truth, "discount": 0}), "the discount was not read"))
    return tuple(faults)


SYSTEM: str = texts("instructions")["quotation_extraction"]
