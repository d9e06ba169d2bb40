"""Texts in which everything stands that a stream must not get wrong, and checks of all kinds over them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.rules.holding_back import HeldText
from jitsuri.guardrails.rules.pseudonyms import Pseudonyms
from jitsuri.guardrails.rules.scanning import Scanner
from jitsuri.guardrails.rules.terms import term_checks
from jitsuri.guardrails.shapes import Action, Finding

TERMS = ("紫陽花計画", "アルファ精機株式会社", "Project Nightfall")
KNOWN = {"[PERSON_4821]": "鷲尾 太郎", "[MY_NUMBER_0042]": "1111", "[CONFIDENTIAL_TERM_7777]": '機密"語"\n'}
MARKS = Pseudonyms(b"k" * 32, KNOWN)
STRUCTURED = {
    "PHONE",
    "EMAIL",
    "POSTAL_CODE",
    "MY_NUMBER",
    "CORPORATE_NUMBER",
    "CREDIT_CARD",
    "BANK_ACCOUNT",
    "PASSPORT",
}


def all_checks(names: bool = True) -> Scanner:
    made = [one for one in Checks().everything().checks if one.name != "confidential_term"]
    return Scanner([*(one for one in made if names or one.name != "person"), *term_checks(TERMS)])


SCANNER = all_checks()


def scan(text: str) -> Sequence[Finding]:
    return SCANNER.scan(text).findings


def mask(_finding: Finding, _value: str) -> Action:
    return "mask"


def held(marks: Pseudonyms | None = MARKS) -> HeldText:
    return HeldText(scan, mask, marks)


_PROSE = """
本日の会議について ご連絡します 資料を確認し 来週までに お願いします 市場の区別は 東京で 都道府県の 担当者と 株式会社
売上は予想より 高く 検討 しています。 はい、 です。 ！ the quick brown fox jumps over https://example.com/a/b?c=d&e=f 一般的な
三つの 👨\u200d👩\u200d👧 が\u3099 か\u3099 ｶﾞ 、 。 「 」 （ ） サービス コミュニケーション data_set/part-2 x=1; {"a":1} 住所
氏名： 電話 カード番号 口座 マイナンバー 生年月日
"""
WORDS = (*_PROSE.split(), "\n")
NAMES = ("山田太郎", "佐藤", "鈴木一郎様", "田中さん", "高橋部長", "髙島", "渡邉", "ジョン・スミス", "花子")
WRITTEN = (
    "[PERSON_4821]", "［ＰＥＲＳＯＮ＿４８２１］", "【PERSON_4821】", "PERSON 4821様", "[MY_NUMBER_0042]", r"\[my\_number\_0042\]",
    "[ CONFIDENTIAL_TERM_7777 ]", "&lt;PERSON_4821&gt;", "**person-4821**", "[PERSON_48210]", "[PERSON_48", "紫陽花計画",
    "アルファ精機(株)", "Project Nightfall", "社外秘", "取扱注意", "PERSON_4821[PERSON_4821]", "[PERSON_48 21]",
)  # fmt: skip


class Writer:
    """Texts by chance; every valid number is made here and stands nowhere else."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def digits(self, count: int) -> str:
        return "".join(str(self.chance.randint(0, 9)) for _ in range(count))

    def lot(self, letters: str, count: int) -> str:
        return "".join(self.chance.choice(letters) for _ in range(count))

    def card(self) -> str:
        number = [4, *(self.chance.randint(0, 9) for _ in range(14))]
        total = sum(n if i % 2 else (2 * n - 9 if n > 4 else 2 * n) for i, n in enumerate(number))
        return "".join(map(str, number)) + str(-total % 10)

    def my_number(self) -> str:
        number = [self.chance.randint(0, 9) for _ in range(11)]
        rest = sum(n * w for n, w in zip(number[::-1], (2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6), strict=True)) % 11
        return "".join(map(str, number)) + str(0 if rest <= 1 else 11 - rest)

    def spaced(self, number: str) -> str:
        sign = self.chance.choice(("-", " ", "－", ""))
        return sign.join(number[at : at + 4] for at in range(0, len(number), 4))

    def wide(self, text: str) -> str:
        return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)

    def number(self) -> str:
        pick, digits = self.chance.choice, self.digits
        base64 = "abcdefGHIJK0123456789"
        made = (
            lambda: self.spaced(self.card()),
            lambda: pick(("マイナンバー", "")) + self.spaced(self.my_number()) + pick(("", " がマイナンバーです")),
            lambda: pick(("090", "080", "03")) + pick(("-", "", "‐")) + digits(4) + pick(("-", "")) + digits(4),
            lambda: f" taro.{digits(2)}@example.co.jp",
            lambda: f"〒{digits(3)}-{digits(4)}",
            lambda: f"昭和{self.chance.randint(1, 63)}年{self.chance.randint(1, 12)}月3日" + pick(("生まれ", "", "（生年月日）")),
            lambda: "普通 " + digits(7),
            lambda: pick(("東京都千代田区丸の内", "さいたま市大宮区桜木町", "住所：日本橋本町")) + "1-2-3" + pick((" 丸の内ビル3階", "")),
            lambda: "TR" + digits(7),
            lambda: "社員番号" + pick(("は", ": ")) + pick("AE") + digits(5),
            lambda: " sk-ant-api03-" + self.lot(base64 + "_-", self.chance.randint(20, 95)),
            lambda: "ghp_" + self.lot(base64, 36),
            lambda: "。password: " + self.lot(base64 + "!#", self.chance.randint(6, 50)),
            lambda: digits(self.chance.randint(1, 40)),
            lambda: self.wide(self.spaced(self.card())),
            self.key,
        )  # fmt: skip
        return pick(made)()

    def key(self) -> str:
        lines = [self.lot("abcdefGHIJK0123456789+/", 64) for _ in range(self.chance.randint(1, 25))]
        return "\n-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(lines) + "\n-----END RSA PRIVATE KEY-----"

    def text(self, most: int = 40) -> str:
        parts: list[str] = []
        for _ in range(self.chance.randint(1, most)):
            kind = self.chance.random()
            among = WORDS if kind < 0.6 else NAMES if kind < 0.7 else WRITTEN
            parts.append(self.chance.choice(among) if kind < 0.82 else self.number())
            if self.chance.random() < 0.1:
                parts.append(self.chance.choice((" ", "\u3000", "\n", "、")))
        return "".join(parts)

    def pieces(self, text: str) -> list[str]:
        most = self.chance.choice((1, 4, 60, 600, 5000))
        made: list[str] = []
        while text:
            size = self.chance.randint(1, most)
            made.append(text[:size])
            text = text[size:]
        return made
