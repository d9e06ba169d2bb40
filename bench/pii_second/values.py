"""Numbers, dates and the like of the second set. Valid ones exist in memory only; python-stdnum is the oracle of check digits."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

from stdnum import ean, isbn, luhn
from stdnum.jp import cn
from stdnum.jp import in_ as my_number

from pii_second.people import LISTS, TOWNS, Person, address, latin

Maker = Callable[[random.Random, list[str], Person], str]


def digits(rng: random.Random, count: int, first: str = "") -> str:
    return first + "".join(rng.choice("0123456789") for _ in range(count - len(first)))


def _grouped(text: str, sizes: tuple[int, ...], separator: str) -> str:
    found, at = [], 0
    for size in sizes:
        found.append(text[at : at + size])
        at += size
    return separator.join(found)


def _until(make: Callable[[], str], right: Callable[[str], bool]) -> str:
    while not right(one := make()):
        pass
    return one


# Telephones


def mobile(rng: random.Random, options: list[str], _: Person) -> str:
    number = digits(rng, 11, rng.choice(["090", "080", "070"]) + rng.choice("123456789"))
    if "plain" in options:
        return number
    separator = rng.choice(["-", "-", "-", "-", "", " ", "−", "ー", "‐", "."])
    return _grouped(number, (3, 4, 4), separator)


def landline(rng: random.Random, _: list[str], __: Person) -> str:
    area = rng.choice(TOWNS)[3]
    middle = digits(rng, 6 - len(area), rng.choice("23456789"))
    last = digits(rng, 4)
    form = rng.choice(
        ["{}-{}-{}", "{}-{}-{}", "{}-{}-{}", "{}({}){}", "({}){}-{}", "（{}）{}-{}", "{}{}{}", "{} {} {}"]
    )
    return form.format(area, middle, last)


def toll_free(rng: random.Random, _: list[str], __: Person) -> str:
    return (
        _grouped(digits(rng, 10, "0120"), (4, 3, 3), "-")
        if rng.random() < 0.7
        else _grouped(digits(rng, 10, "0800"), (4, 3, 3), "-")
    )


def international(rng: random.Random, options: list[str], _: Person) -> str:
    if "plain" in options:
        return "+81" + digits(rng, 10, rng.choice(["90", "80"]) + rng.choice("123456789"))
    return rng.choice(
        [f"+81-90-{digits(rng, 4, '3')}-{digits(rng, 4)}",
         f"+81 3 {digits(rng, 4, '5')} {digits(rng, 4)}",
         f"+81-(0)80-{digits(rng, 4, '4')}-{digits(rng, 4)}"]
    )  # fmt: skip


def phone(rng: random.Random, options: list[str], who: Person) -> str:
    return rng.choice([mobile, mobile, landline, landline, mobile])(rng, options, who)


# Numbers with a check digit


def valid_my_number(rng: random.Random) -> str:
    head = digits(rng, 11, rng.choice("123456789"))
    return head + my_number.calc_check_digit(head)


def _my_number(rng: random.Random, options: list[str], _: Person) -> str:
    number = valid_my_number(rng)
    return number if "plain" in options else _grouped(number, (4, 4, 4), rng.choice(["", "", " ", "-", "　"]))


def valid_corporate(rng: random.Random) -> str:
    def one() -> str:
        tail = digits(rng, 12, rng.choice("01"))
        return cn.calc_check_digit(tail) + tail

    return _until(one, cn.is_valid)


def _corporate(rng: random.Random, _: list[str], __: Person) -> str:
    number = valid_corporate(rng)
    return number if rng.random() < 0.7 else _grouped(number, (1, 4, 4, 4), "-")


def _t_number(rng: random.Random, _: list[str], __: Person) -> str:
    return "T" + rng.choice(["", "", "-"]) + valid_corporate(rng)


def _card(rng: random.Random, options: list[str], _: Person) -> str:
    start = rng.choice(["4", "4", "51", "53", "55", "3540", "3566", "34", "37"])
    length = 15 if start in ("34", "37") else 16
    head = digits(rng, length - 1, start)
    number = head + luhn.calc_check_digit(head)
    if "plain" in options:
        return number
    return _grouped(number, (4, 6, 5) if length == 15 else (4, 4, 4, 4), rng.choice(["-", "-", " ", ""]))


def _insurer(rng: random.Random, _: list[str], __: Person) -> str:
    head = digits(rng, 7, rng.choice(["01", "06", "31", "39", "67"]) + f"{rng.randint(1, 47):02d}")
    return head + luhn.calc_check_digit(head)


def _insured(rng: random.Random, _: list[str], __: Person) -> str:
    return rng.choice(
        [
            f"{digits(rng, 8, '2')}・{digits(rng, 3, '1')}",
            f"{digits(rng, 4, '5')}-{digits(rng, 4, '8')}",
            f"{digits(rng, 8, '7')}－{digits(rng, 4, '3')}",
        ]
    )


def _licence(rng: random.Random, _: list[str], __: Person) -> str:
    def head() -> str:
        return f"{rng.choice([10, 30, 44, 45, 62, 90])}{rng.randint(0, 24):02d}" + digits(rng, 6)

    def left(one: str) -> int:
        return sum(int(digit) * weight for digit, weight in zip(one, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11

    ten = _until(head, lambda one: left(one) > 1)  # those of which published descriptions agree
    number = ten + str(11 - left(ten)) + rng.choice("0001")
    return number if rng.random() < 0.8 else _grouped(number, (4, 4, 4), " ")


# Other numbers that belong to a person


def _passport(rng: random.Random, _: list[str], __: Person) -> str:
    return rng.choice(["TK", "TR", "TZ", "MU", "TS"]) + digits(rng, 7)


def _yucho(rng: random.Random, _: list[str], __: Person) -> str:
    return f"1{digits(rng, 3)}0{rng.choice(['-', '－', ' '])}{digits(rng, 7, rng.choice('123456789'))}1"


def _email(rng: random.Random, _: list[str], who: Person) -> str:
    family, given = latin(who.family_reading).lower(), latin(who.given_reading).lower()
    local = rng.choice(
        [
            f"{given}.{family}",
            f"{family}_{given[0]}",
            f"{family}{rng.randint(2, 99)}",
            f"{given[0]}-{family}",
            f"{family}.{given}+sub",
        ]
    )
    return f"{local}@{rng.choice(LISTS['mail_domains'])}"


def _employee(rng: random.Random, _: list[str], __: Person) -> str:
    return rng.choice(
        [
            digits(rng, 6, "0"),
            digits(rng, 5, "2"),
            f"E{digits(rng, 5)}",
            f"{rng.choice('ABKM')}{digits(rng, 4)}-{digits(rng, 2)}",
            digits(rng, 7, "1"),
        ]
    )


def _employee_word(rng: random.Random, options: list[str], who: Person) -> str:
    return _employee(rng, options, who)


def _customer(rng: random.Random, _: list[str], __: Person) -> str:
    return rng.choice(
        [
            digits(rng, 8, "3"),
            digits(rng, 10, "7"),
            f"C{digits(rng, 7)}",
            f"{digits(rng, 4)}-{digits(rng, 4)}",
            f"M-{digits(rng, 6)}",
        ]
    )


ERAS = (("令和", "R", 2019), ("平成", "H", 1989), ("昭和", "S", 1926))


def era(day: date, rng: random.Random) -> str:
    name, letter, first = next(one for one in ERAS if day.year >= one[2])
    year = day.year - first + 1
    told = "元" if year == 1 else str(year)
    return rng.choice(
        [
            f"{name}{told}年{day.month}月{day.day}日",
            f"{name}{told}年{day.month}月{day.day}日",
            f"{letter}{year}.{day.month}.{day.day}",
            f"{letter}{year:02d}/{day.month:02d}/{day.day:02d}",
        ]
    )


def _birth(rng: random.Random, options: list[str], _: Person) -> str:
    years = (2012, 2022) if "child" in options else (1938, 2006)
    day = date(rng.randint(*years), 1, 1) + timedelta(days=rng.randint(0, 364))
    if "iso" in options:
        return day.isoformat()
    if "slash" in options:
        return rng.choice([f"{day:%Y/%m/%d}", f"{day:%Y/%m/%d}", f"{day.year}/{day.month}/{day.day}"])
    if "era" in options or rng.random() < 0.35:
        return era(day, rng)
    return rng.choice(
        [
            f"{day.year}年{day.month}月{day.day}日",
            f"{day.year}年{day.month}月{day.day}日",
            f"{day:%Y/%m/%d}",
            f"{day:%Y-%m-%d}",
            f"{day:%Y.%m.%d}",
        ]
    )


def _day(rng: random.Random, _: list[str], __: Person) -> str:
    day = date(2023, 1, 1) + timedelta(days=rng.randint(0, 1200))
    return rng.choice(
        [
            f"{day.year}年{day.month}月{day.day}日",
            f"{day:%Y/%m/%d}",
            f"{day.month}月{day.day}日",
            era(day, rng),
            f"{day:%Y-%m-%d}",
            f"{day.month}/{day.day}",
        ]
    )


def _postal(rng: random.Random, _: list[str], __: Person) -> str:
    return digits(rng, 3) + rng.choice(["-", "-", "-", "", "−"]) + digits(rng, 4)


# Numbers that only look alike


def _order12(rng: random.Random, _: list[str], __: Person) -> str:
    number = _until(lambda: digits(rng, 12, rng.choice("123456789")), lambda one: not my_number.is_valid(one))
    return _grouped(number, (4, 4, 4), rng.choice(["", "", "-"]))


def _tracking(rng: random.Random, _: list[str], __: Person) -> str:
    return _grouped(
        _until(lambda: digits(rng, 12, "4"), lambda one: not my_number.is_valid(one)),
        (4, 4, 4),
        rng.choice(["-", "-", ""]),
    )


def _slip13(rng: random.Random, _: list[str], __: Person) -> str:
    return _until(
        lambda: digits(rng, 13, rng.choice("123456789")), lambda one: not cn.is_valid(one) and not ean.is_valid(one)
    )


def _order16(rng: random.Random, _: list[str], __: Person) -> str:
    number = _until(lambda: digits(rng, 16, rng.choice(["4", "5", "2", "9"])), lambda one: not luhn.is_valid(one))
    return _grouped(number, (4, 4, 4, 4), rng.choice(["", "", "-"]))


def _jan(rng: random.Random, _: list[str], __: Person) -> str:
    def one() -> str:
        head = digits(rng, 12, rng.choice(["49", "45"]))
        return head + ean.calc_check_digit(head)

    return _until(one, lambda code: not cn.is_valid(code))


def _isbn(rng: random.Random, _: list[str], __: Person) -> str:
    def one() -> str:
        head = digits(rng, 12, "9784")
        return head + ean.calc_check_digit(head)

    number = _until(one, lambda code: not cn.is_valid(code))
    return isbn.format(number) if rng.random() < 0.5 else _grouped(number, (3, 1, 4, 4, 1), "-")


def _epoch(rng: random.Random, _: list[str], __: Person) -> str:
    return _until(lambda: digits(rng, 13, "17"), lambda one: not cn.is_valid(one))


def _contract(rng: random.Random, _: list[str], __: Person) -> str:
    number = _until(lambda: digits(rng, 12, "2025"), lambda one: not my_number.is_valid(one))
    return f"KY-{number[:8]}-{number[8:]}"


def _opening(rng: random.Random, _: list[str], __: Person) -> str:
    return _grouped(_until(lambda: digits(rng, 13, "1"), lambda one: not cn.is_valid(one)), (5, 8), "-")


def _amount(rng: random.Random, _: list[str], __: Person) -> str:
    number = rng.choice(
        [rng.randint(800, 99_999), rng.randint(100_000, 9_999_999), rng.randint(10_000_000, 999_999_999)]
    )
    return f"{number:,}" if rng.random() < 0.7 else str(number)


def _stamp(rng: random.Random, _: list[str], __: Person) -> str:
    day = date(2024, 1, 1) + timedelta(days=rng.randint(0, 900))
    clock = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
    return rng.choice(
        [
            f"{day} {clock}",
            f"{day}T{clock}+09:00",
            f"{day:%Y/%m/%d} {clock}.{digits(rng, 3)}",
            f"{day:%Y%m%d}{clock.replace(':', '')}",
        ]
    )


def _hexadecimal(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789abcdef") for _ in range(count))


def _uuid(rng: random.Random, _: list[str], __: Person) -> str:
    return _grouped(_hexadecimal(rng, 32), (8, 4, 4, 4, 12), "-")


def _room(rng: random.Random, _: list[str], __: Person) -> str:
    return rng.choice(
        [
            f"B{rng.randint(1, 3)}-{rng.randint(100, 500)}",
            str(rng.randint(101, 1520)),
            f"{rng.randint(1, 9)}F第{rng.randint(1, 9)}会議室",
        ]
    )


def _code(rng: random.Random, _: list[str], __: Person) -> str:
    return rng.choice([digits(rng, 5, "1"), f"{rng.choice('KTN')}-{digits(rng, 6)}", digits(rng, 8, "6")])


def _from(name: str) -> Maker:
    return lambda rng, _, __: str(rng.choice(LISTS[name]))


def _form(make: Callable[[random.Random], str]) -> Maker:
    return lambda rng, _, __: make(rng)


MAKERS: dict[str, Maker] = {
    "mobile": mobile, "landline": landline, "tollfree": toll_free, "intl": international, "phone": phone,
    "my_number": _my_number, "corporate": _corporate, "tnumber": _t_number, "card": _card, "insurer": _insurer, "insured": _insured,
    "licence": _licence, "passport": _passport, "account": _form(lambda rng: digits(rng, 7)),
    "yucho": _yucho, "email": _email,
    "employee": _employee, "employee_word": _employee_word, "customer": _customer, "birth": _birth, "date": _day,
    "postal": _postal, "marked_postal": lambda rng, options, who: "〒" + _postal(rng, options, who),
    "address": _form(address), "city": _form(lambda rng: rng.choice(TOWNS)[1]),
    "order12": _order12, "tracking": _tracking, "slip13": _slip13, "order16": _order16, "jan": _jan, "isbn": _isbn, "amount": _amount,
    "slip7": _form(lambda rng: digits(rng, 7, rng.choice("123456789"))),
    "timestamp": _stamp, "uuid": _uuid, "room": _room, "code": _code,
    "epoch": _epoch, "hash": _form(lambda rng: _hexadecimal(rng, 40)),
    "hex": _form(lambda rng: "0x" + _hexadecimal(rng, 8).upper()),
    "lot": _form(lambda rng: f"L{digits(rng, 6, '2')}-{digits(rng, 2)}"),
    "serial": _form(lambda rng: f"SN{digits(rng, 1)}{rng.choice('ABCX')}{digits(rng, 2)}-{digits(rng, 7)}"),
    "part": _form(lambda rng: f"{rng.choice(['AB', 'MX', 'KR', '090'])}-{digits(rng, 4)}-{digits(rng, 4)}{rng.choice(['A', 'C', 'R2'])}"),
    "extension": _form(lambda rng: rng.choice([digits(rng, 4, "3"), digits(rng, 5, "8"), f"{digits(rng, 3, '5')}-{digits(rng, 4)}"])),
    "version": _form(lambda rng: f"{rng.randint(0, 12)}.{rng.randint(0, 30)}.{rng.randint(0, 200)}"),
    "ip": _form(lambda rng: f"10.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"),
    "invoice": _form(lambda rng: rng.choice([f"INV-2025-{digits(rng, 6)}", f"R7-{digits(rng, 7)}", f"{digits(rng, 10, '2025')}"])),
    "contract": _contract, "jobno": _opening,
    "meeting": _form(lambda rng: f"{digits(rng, 3, '8')} {digits(rng, 4)} {digits(rng, 4)}"),
    "clock": _form(lambda rng: f"{rng.randint(7, 20)}:{rng.randint(0, 59):02d}"),
    "expiry": _form(lambda rng: f"{rng.randint(1, 12):02d}/{rng.randint(27, 31)}"),
    "percent": _form(lambda rng: f"{rng.randint(1, 199)}.{rng.randint(0, 9)}%"),
    "count": _form(lambda rng: str(rng.randint(2, 9800))),
    "pages": _form(lambda rng: f"{rng.randint(10, 200)}-{rng.randint(201, 480)}"),
    "year_range": _form(lambda rng: f"{rng.randint(1990, 2015)}-{rng.randint(2016, 2025)}"),
    "coordinates": _form(lambda rng: f"{rng.randint(26, 44)}.{digits(rng, 6)},{rng.randint(128, 145)}.{digits(rng, 6)}"),
    "bp": _form(lambda rng: f"{rng.randint(100, 160)}/{rng.randint(60, 95)}"),
    "temperature": _form(lambda rng: f"36.{rng.randint(0, 9)}℃"),
    "branch_code": _form(lambda rng: digits(rng, 3)),
    "pension": _form(lambda rng: f"{digits(rng, 4)}-{digits(rng, 6)}"),
    "employment_insurance": _form(lambda rng: f"{digits(rng, 4)}-{digits(rng, 6)}-{digits(rng, 1)}"),
    "n": _form(lambda rng: str(rng.randint(2, 90))),
    "company": _from("companies"),
    "placename": _from("places_like_names"),
    "product": _from("products"),
    "word": _from("things_like_names"),
    "title": _from("titles"),
    "boss": _form(lambda rng: rng.choice(["部長", "課長", "主任"])),
    "department": _from("departments"),
    "bank": _from("banks"),
    "branch": _from("branches"), "building": _from("buildings"),
}  # fmt: skip
