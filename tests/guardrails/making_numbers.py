"""Valid numbers, made in memory: none stands in a file. The check digits come from python-stdnum, not from the product."""

from __future__ import annotations

import random

from stdnum import luhn
from stdnum.jp import cn, in_


def digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def my_number(chance: random.Random) -> str:
    body = digits(chance, 11)
    return body + in_.calc_check_digit(body)


def corporate_number(chance: random.Random) -> str:
    body = digits(chance, 12)
    return cn.calc_check_digit(body) + body


def card(chance: random.Random, begin: str = "4", length: int = 16) -> str:
    body = begin + digits(chance, length - len(begin) - 1)
    return body + luhn.calc_check_digit(body)


def insurer_number(chance: random.Random) -> str:
    body = "06" + digits(chance, 5)
    return body + luhn.calc_check_digit(body)


def wrong(number: str) -> str:
    """The number with another last digit."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def in_groups(number: str, *lengths: int, by: str = "-") -> str:
    parts, at = [], 0
    for length in lengths:
        parts.append(number[at : at + length])
        at += length
    return by.join(parts)


def wide(text: str) -> str:
    """In full-width letters, blanks excepted."""
    return "".join(chr(ord(char) + 0xFEE0) if 33 <= ord(char) <= 126 else char for char in text)
