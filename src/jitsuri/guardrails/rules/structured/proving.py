"""Check digits. All take digits only, of the right length; none looks at anything else."""

from __future__ import annotations

from operator import mul

_MY_NUMBER = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_CORPORATE = (2, 1) * 6
_LICENCE = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def my_number_holds(digits: str) -> bool:
    """個人番号, 12 digits. Source: 行政手続における特定の個人を識別するための番号の利用等に関する法律施行令に基づく総務省令 Art. 5."""
    rest = _weighted(digits, _MY_NUMBER) % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def corporate_number_holds(digits: str) -> bool:
    """法人番号, 13 digits, the first is the check digit. Source: 法人番号の指定等に関する省令 Art. 2."""
    return int(digits[0]) == 9 - _weighted(digits[1:], _CORPORATE) % 9


def luhn_holds(digits: str) -> bool:
    """Cards. Source: ISO/IEC 7812-1, annex B."""
    return (sum(map(int, digits[-1::-2])) + sum(map(_DOUBLED.__getitem__, map(int, digits[-2::-2])))) % 10 == 0


def article_number_holds(digits: str) -> bool:
    """JAN and EAN-13 of goods. Source: GS1 General Specifications, section 7.9."""
    return (sum(map(int, digits[0::2])) + 3 * sum(map(int, digits[1::2]))) % 10 == 0


def insurer_number_holds(digits: str) -> bool:
    """保険者番号, 6 or 8 digits: weights 2 and 1 from the right, digits of products summed. Source: 保険者番号等設定要領."""
    return luhn_holds(digits)


def licence_number_holds(digits: str) -> bool:
    """運転免許証番号: the eleventh of 12 digits. Common knowledge without an official source, so it never decides alone:
    a label or the 第 … 号 of the card stands beside it."""
    rest = _weighted(digits, _LICENCE) % 11
    return int(digits[10]) == (0 if rest <= 1 else 11 - rest)


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of the digits times their weights, as far as there are weights."""
    total: int = sum(map(mul, weights, map(int, digits)))
    return total
