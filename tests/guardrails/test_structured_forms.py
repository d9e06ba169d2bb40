"""Forms that people and programs write: what is found in them, and what is not."""

from __future__ import annotations

import random
import re

import pytest
from making_numbers import card, corporate_number, in_groups, insurer_number, my_number, wide, wrong

from jitsuri.guardrails.rules.scanning import Scanner
from jitsuri.guardrails.rules.structured.building import structured_checks
from jitsuri.guardrails.rules.structured.proving import licence_number_holds

SCANNER = Scanner(structured_checks())
_MARK = re.compile(r"⟦([A-Z_]+)\|(.*?)⟧", re.DOTALL)


def marked(text: str) -> tuple[str, set[tuple[int, int, str]]]:
    """A text whose spans are marked ``⟦TYPE|value⟧`` → the bare text and its spans."""
    bare, spans, at = "", set(), 0
    for found in _MARK.finditer(text):
        bare += text[at : found.start()]
        spans.add((len(bare), len(bare) + len(found[2]), found[1]))
        bare += found[2]
        at = found.end()
    return bare + text[at:], spans


def filled(text: str, seed: int = 1) -> str:
    """A text with valid numbers in the place of ``{my}``, ``{card}`` and so on."""
    chance = random.Random(seed)
    my, corporate, visa = my_number(chance), corporate_number(chance), card(chance)
    amex, jcb, insurer = card(chance, "37", 15), card(chance, "3530"), insurer_number(chance)
    values = {
        "my": my, "my4": in_groups(my, 4, 4, 4), "my_": in_groups(my, 4, 4, 4, by=" "), "mywide": wide(my),
        "my4wide": wide(in_groups(my, 4, 4, 4)), "myboxes": " ".join(my), "mycells": "|".join(my), "mybad": wrong(my),
        "corp": corporate, "corpwide": wide(corporate), "corp4": in_groups(corporate, 1, 4, 4, 4), "corpbad": wrong(corporate),
        "corp_": in_groups(corporate, 1, 4, 4, 4, by=" "),
        "card": visa, "card4": in_groups(visa, 4, 4, 4, 4), "card_": in_groups(visa, 4, 4, 4, 4, by=" "), "cardbad": wrong(visa),
        "cardwide": wide(in_groups(visa, 4, 4, 4, 4)), "amex": in_groups(amex, 4, 6, 5), "amex1": amex, "jcb": jcb,
        "insurer": insurer, "insurerwide": wide(insurer),
    }  # fmt: skip
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def found_in(text: str) -> set[tuple[int, int, str]]:
    scanned = SCANNER.scan(text)
    assert scanned.is_whole
    return {(one.start, one.end, one.type) for one in scanned.findings}


FOUND = r"""
TEL：⟦PHONE|03-5555-0123⟧ / FAX：⟦PHONE|03-5555-0124⟧
TEL/FAX ⟦PHONE|03-5555-0123⟧
Tel.⟦PHONE|03-5555-0123⟧　Fax.⟦PHONE|03-5555-0124⟧
TEL⟦PHONE|0355550123⟧
電話番号	⟦PHONE|０３－５５５５－０１２３⟧
電話（代表）：⟦PHONE|03（5555）0123⟧
電話:⟦PHONE|(03)5555-0123⟧
☎⟦PHONE|045-555-0123⟧
📞 ⟦PHONE|090 1234 5678⟧
携帯は⟦PHONE|090ー1234ー5678⟧です
携帯電話⟦PHONE|09012345678⟧まで
連絡先は⟦PHONE|080−1234−5678⟧または⟦PHONE|070‐1234‐5678⟧へ
Phone: ⟦PHONE|+81-3-5555-0123⟧
mobile: ⟦PHONE|+81 90 1234 5678⟧
Call me at ⟦PHONE|+81(0)3-5555-0123⟧.
フリーダイヤル⟦PHONE|0120-555-123⟧（平日9時～17時）
⟦PHONE|0120（555）123⟧にお電話ください
お問い合わせは⟦PHONE|0800-555-0123⟧まで
ナビダイヤル ⟦PHONE|0570-055-123⟧
IP電話 ⟦PHONE|050-5555-0123⟧
⟦PHONE|050-5555-0123⟧の件
|電話|⟦PHONE|0466-55-0123⟧|
"phone": "⟦PHONE|09012345678⟧"
山田太郎,⟦PHONE|090-1234-5678⟧,東京
M:⟦PHONE|090-1234-5678⟧
電話 ⟦PHONE|03.5555.0123⟧
電話 ⟦PHONE|03 5555 0123⟧
⟦PHONE|03 - 5555 - 0123⟧
電話は⟦PHONE|０９０（１２３４）５６７８⟧です
①⟦PHONE|090-1234-5678⟧ ②⟦PHONE|03-5555-0123⟧
電話番号: ⟦PHONE|0 9 0 1 2 3 4 5 6 7 8⟧
緊急連絡先（続柄：母）：⟦PHONE|0463-55-0123⟧
⟦PHONE|03-5555-0123⟧（内線123）
⟦PHONE|090-1234-5678⟧。よろしく
折り返し⟦PHONE|09012345678⟧にお願いします
電話番号は⟦PHONE|0422-55-0123⟧か⟦PHONE|0422-55-0124⟧
Tel +⟦PHONE_|x⟧
メールは⟦EMAIL|hanako@example.co.jp⟧にお願いします
E-mail：⟦EMAIL|ｈａｎａｋｏ＠ｅｘａｍｐｌｅ．ｃｏ．ｊｐ⟧
<⟦EMAIL|taro.yamada+news@mail.example.ne.jp⟧>
連絡先⟦EMAIL|a_b-c@example.com⟧まで
mailto:⟦EMAIL|info@example.jp⟧?subject=x
メール⟦EMAIL|taro@example.com⟧。
("⟦EMAIL|taro@example.com⟧","⟦EMAIL|jiro@example.com⟧")
アドレスは ⟦EMAIL|taro[at]example.com⟧ です
アドレスは ⟦EMAIL|taro(at)example.co.jp⟧ です
|メール|⟦EMAIL|taro@example.com⟧|
From: Taro <⟦EMAIL|taro@sub.example.com⟧> To
⟦POSTAL_CODE|〒150-0001⟧ 東京都渋谷区
⟦POSTAL_CODE|〒1500001⟧東京都渋谷区
⟦POSTAL_CODE|〒 150-0001⟧
⟦POSTAL_CODE|〒１５０－０００１⟧
郵便番号：⟦POSTAL_CODE|150-0001⟧
郵便番号は⟦POSTAL_CODE|1500001⟧です
住所：⟦POSTAL_CODE|150-0001⟧　東京都渋谷区神宮前
⟦POSTAL_CODE|150-0001⟧ 渋谷区神宮前1-2-3
⟦POSTAL_CODE|630−8212⟧奈良県奈良市
山田,⟦POSTAL_CODE|150-0001⟧,東京都渋谷区
山田	⟦POSTAL_CODE|150-0001⟧	x
Zip: ⟦POSTAL_CODE|150-0001⟧
postal_code=⟦POSTAL_CODE|1500001⟧
マイナンバー：⟦MY_NUMBER|{my}⟧
マイナンバーは⟦MY_NUMBER|{my4}⟧です
個人番号　⟦MY_NUMBER|{mywide}⟧
個人番号⟦MY_NUMBER|{my4wide}⟧
My Number: ⟦MY_NUMBER|{my_}⟧
"my_number": "⟦MY_NUMBER|{my}⟧"
myNumber=⟦MY_NUMBER|{my}⟧
| マイナンバー | ⟦MY_NUMBER|{my}⟧ |
マイナンバー（12桁）：⟦MY_NUMBER|{my}⟧
個人番号：⟦MY_NUMBER|{myboxes}⟧
個人番号|⟦MY_NUMBER|{mycells}⟧|
マイナンバーを教えてください。⟦MY_NUMBER|{my}⟧
⟦MY_NUMBER|{my}⟧が私のマイナンバー
番号は⟦MY_NUMBER|{my_}⟧です
マイナンバーは⟦MY_NUMBER|{mybad}⟧
山田太郎	男	⟦MY_NUMBER|{my}⟧	営業部
法人番号：⟦CORPORATE_NUMBER|{corp}⟧
法人番号 ⟦CORPORATE_NUMBER|{corpwide}⟧
法人番号は⟦CORPORATE_NUMBER|{corp4}⟧
登録番号：⟦CORPORATE_NUMBER|T{corp}⟧
登録番号 ⟦CORPORATE_NUMBER|Ｔ{corpwide}⟧
請求書（登録番号⟦CORPORATE_NUMBER|T{corp}⟧）
株式会社例 ⟦CORPORATE_NUMBER|T{corp}⟧
⟦CORPORATE_NUMBER|T-{corp}⟧
適格請求書発行事業者登録番号⟦CORPORATE_NUMBER|T{corp}⟧
インボイス番号：⟦CORPORATE_NUMBER|T{corp4}⟧
Corporate Number: ⟦CORPORATE_NUMBER|{corp}⟧
カード番号：⟦CREDIT_CARD|{card}⟧
カード番号は⟦CREDIT_CARD|{card4}⟧です
⟦CREDIT_CARD|{card_}⟧ 有効期限 12/28
クレカ ⟦CREDIT_CARD|{cardwide}⟧
Card number: ⟦CREDIT_CARD|{amex}⟧ exp 12/28
⟦CREDIT_CARD|{amex1}⟧で決済
JCB ⟦CREDIT_CARD|{jcb}⟧
VISA⟦CREDIT_CARD|{card}⟧
card_number,⟦CREDIT_CARD|{card}⟧
カード番号⟦CREDIT_CARD|{cardbad}⟧
普通 ⟦BANK_ACCOUNT|1234567⟧
みずほ銀行 新宿支店 普通預金 口座番号：⟦BANK_ACCOUNT|1234567⟧
三井住友銀行渋谷支店（普）⟦BANK_ACCOUNT|1234567⟧ カ）レイ
振込先：りそな銀行 梅田支店 当座 ⟦BANK_ACCOUNT|０１２３４５６⟧
口座番号	⟦BANK_ACCOUNT|1234567⟧
預金種目：普通　口座番号：⟦BANK_ACCOUNT|1234567⟧
Account No.: ⟦BANK_ACCOUNT|1234567⟧
account_number: ⟦BANK_ACCOUNT|1234567⟧
店番001 口座番号⟦BANK_ACCOUNT|1234567⟧
銀行コード0001 支店コード123 普通 ⟦BANK_ACCOUNT|1234567⟧
ゆうちょ銀行 記号⟦BANK_ACCOUNT|10120⟧ 番号⟦BANK_ACCOUNT|12345671⟧
記号：⟦BANK_ACCOUNT|10120⟧　番号：⟦BANK_ACCOUNT|1234561⟧（ゆうちょ銀行）
ゆうちょ ⟦BANK_ACCOUNT|10120-12345671⟧
郵便振替 口座番号⟦BANK_ACCOUNT|00150-1-123456⟧
免許証番号：⟦DRIVERS_LICENSE|301234567890⟧
社員 No. ⟦EMPLOYEE_ID|12345⟧
社員CD ⟦EMPLOYEE_ID|004512⟧
近藤さんの社員番号って⟦EMPLOYEE_ID|27909⟧でしたっけ
職員証の番号は⟦EMPLOYEE_ID|12345⟧番です
お客様 No. ⟦CUSTOMER_ID|0012345⟧
会員ナンバー ⟦CUSTOMER_ID|1234567⟧
メンバーズカード番号 ⟦CUSTOMER_ID|9900123⟧
会員番号は…えっと、⟦CUSTOMER_ID|1234-5678⟧です
運転免許証（番号 第⟦DRIVERS_LICENSE|301234567890⟧号）
免許証番号は⟦DRIVERS_LICENSE|３０１２３４５６７８９０⟧です
Driver's License No. ⟦DRIVERS_LICENSE|301234567890⟧
運転免許証番号	⟦DRIVERS_LICENSE|3012 3456 7890⟧
パスポート番号：⟦PASSPORT|TK1234567⟧
旅券番号⟦PASSPORT|ＴＺ１２３４５６７⟧
Passport No: ⟦PASSPORT|MU1234567⟧
passport_number=⟦PASSPORT|TR1234567⟧
パスポート(⟦PASSPORT|TK1234567⟧)
保険者番号：⟦HEALTH_INSURANCE|{insurer}⟧
保険者番号は⟦HEALTH_INSURANCE|{insurerwide}⟧、
保険証の記号 ⟦HEALTH_INSURANCE|1234 番号 567⟧
健康保険証 記号・番号：⟦HEALTH_INSURANCE|1234・567⟧
被保険者証記号番号　⟦HEALTH_INSURANCE|12345678⟧
被保険者番号：⟦HEALTH_INSURANCE|12345678⟧
生年月日：⟦DATE_OF_BIRTH|1985年4月2日⟧
生年月日　⟦DATE_OF_BIRTH|1985/04/02⟧
生年月日は⟦DATE_OF_BIRTH|昭和60年4月2日⟧です
生年月日：⟦DATE_OF_BIRTH|S60.4.2⟧
生年月日 ⟦DATE_OF_BIRTH|Ｓ６０．４．２⟧
生年月日(西暦)	⟦DATE_OF_BIRTH|1985-04-02⟧
生年月日：⟦DATE_OF_BIRTH|昭和六十年四月二日⟧
生年月日：⟦DATE_OF_BIRTH|一九八五年四月二日⟧
生年月日：⟦DATE_OF_BIRTH|昭60.4.2⟧
生年月日：⟦DATE_OF_BIRTH|S60/4/2⟧
生年月日：⟦DATE_OF_BIRTH|平成元年5月3日⟧
生年月日：⟦DATE_OF_BIRTH|H01.05.03⟧
生年月日：⟦DATE_OF_BIRTH|19850402⟧
生年月日：⟦DATE_OF_BIRTH|1985年（昭和60年）4月2日⟧
生年月日：⟦DATE_OF_BIRTH|昭和60年（1985年）4月2日⟧
生年月日：⟦DATE_OF_BIRTH|1985．4．2⟧
生年月日：⟦DATE_OF_BIRTH|1985 年 4 月 2 日⟧
| 生年月日 | ⟦DATE_OF_BIRTH|1985/4/2⟧ |
⟦DATE_OF_BIRTH|1985年4月2日⟧生まれ
⟦DATE_OF_BIRTH|昭和60年4月2日⟧生
（⟦DATE_OF_BIRTH|S60.4.2⟧生）
（⟦DATE_OF_BIRTH|1985/4/2⟧生まれ、40歳）
⟦DATE_OF_BIRTH|1985年4月2日⟧に東京で生まれた
DOB: ⟦DATE_OF_BIRTH|1985-04-02⟧
D.O.B. ⟦DATE_OF_BIRTH|02/04/1985⟧
Date of Birth: ⟦DATE_OF_BIRTH|April 2, 1985⟧
born on ⟦DATE_OF_BIRTH|2 April 1985⟧
"birth_date": "⟦DATE_OF_BIRTH|1985-04-02⟧"
<birthDate>⟦DATE_OF_BIRTH|1985-04-02⟧</birthDate>
Birthday：⟦DATE_OF_BIRTH|Apr. 2, 1985⟧
誕生日は⟦DATE_OF_BIRTH|4月2日⟧です
お誕生日：⟦DATE_OF_BIRTH|1985年4月2日⟧
山田太郎,男,⟦DATE_OF_BIRTH|1985/04/02⟧,東京
山田花子	⟦DATE_OF_BIRTH|1985/04/02⟧	女	東京
⟦DATE_OF_BIRTH|1985年4月2日⟧（40歳）
生年月日を確認したところ⟦DATE_OF_BIRTH|1985年4月2日⟧でした
生年月日
⟦DATE_OF_BIRTH|昭和60年4月2日⟧
社員番号：⟦EMPLOYEE_ID|A1234-56⟧
社員番号⟦EMPLOYEE_ID|123456⟧の山田
（社員番号：⟦EMPLOYEE_ID|EMP-123456⟧）
従業員番号　⟦EMPLOYEE_ID|E12345⟧
職員番号は⟦EMPLOYEE_ID|００１２３４⟧です
社員ID: ⟦EMPLOYEE_ID|ab12345⟧
社員No.⟦EMPLOYEE_ID|12345⟧
Employee ID: ⟦EMPLOYEE_ID|E-12345⟧
employee_id=⟦EMPLOYEE_ID|12345⟧
"employeeId":"⟦EMPLOYEE_ID|X00123⟧"
Staff No ⟦EMPLOYEE_ID|S1234567⟧
社員番号（6桁）：⟦EMPLOYEE_ID|123456⟧
社員番号「⟦EMPLOYEE_ID|123456⟧」
社員番号：⟦EMPLOYEE_ID|12345⟧、⟦EMPLOYEE_ID|12346⟧、⟦EMPLOYEE_ID|12347⟧
| 社員番号 | ⟦EMPLOYEE_ID|A1234⟧ |
会員番号：⟦CUSTOMER_ID|1234-5678⟧
お客様番号⟦CUSTOMER_ID|1234567890⟧
お客さま番号は⟦CUSTOMER_ID|C-0012345⟧です
顧客番号	⟦CUSTOMER_ID|K12345⟧
顧客ID：⟦CUSTOMER_ID|CUST-00123⟧
会員ID: ⟦CUSTOMER_ID|AB123456⟧
Customer ID: ⟦CUSTOMER_ID|C123456⟧
membership no. ⟦CUSTOMER_ID|12345678⟧
患者番号：⟦CUSTOMER_ID|0012345⟧
会員番号 ⟦CUSTOMER_ID|1234 5678⟧
お電話番号は⟦PHONE|090の1234の5678⟧です
電話番号、⟦PHONE|090、1234、5678⟧です
生年月日 ⟦DATE_OF_BIRTH|昭和 60 年 4 月 2 日⟧
生年月日 ⟦DATE_OF_BIRTH|S60. 4. 2⟧
生年月日：⟦DATE_OF_BIRTH|60年4月2日⟧
生年月日：⟦DATE_OF_BIRTH|85/04/02⟧
生年月日：⟦DATE_OF_BIRTH|1985年の4月2日⟧です
生年月日をお願いいたします。「⟦DATE_OF_BIRTH|昭和60年4月2日⟧です」
生　年　月　日　⟦DATE_OF_BIRTH|1985年4月2日⟧
40歳（⟦DATE_OF_BIRTH|1985年4月2日⟧）
"山田太郎","⟦DATE_OF_BIRTH|1985/04/02⟧","⟦PHONE|090-1234-5678⟧"
山田,⟦DATE_OF_BIRTH|1985-04-02⟧,⟦EMAIL|taro@example.com⟧
⟦DATE_OF_BIRTH|1985年4月⟧生まれ
会員番号をお願いいたします。「⟦CUSTOMER_ID|12345678⟧です」
会員番号ですが、⟦CUSTOMER_ID|12345678⟧です
電　話　⟦PHONE|03-5555-0123⟧
電話：⟦PHONE|0 3 - 5 5 5 5 - 0 1 2 3⟧
⟦POSTAL_CODE|〒150 0001⟧
tel:⟦PHONE|+81355550123⟧
⟦PHONE|+1 (212) 555-0123⟧
メール ⟦EMAIL|taro..y.@example.ne.jp⟧
⟦EMAIL|taro @ example.co.jp⟧
社員番号・氏名：⟦EMPLOYEE_ID|A1234-56⟧ 山田
お客様番号：⟦CUSTOMER_ID|12 3456 7890⟧
会員ID: ⟦CUSTOMER_ID|ab1c2d3⟧
普通預金第⟦BANK_ACCOUNT|1234567⟧号
みずほ銀行,新宿支店,普通,⟦BANK_ACCOUNT|1234567⟧,ヤマダ
My employee ID is ⟦EMPLOYEE_ID|E12345⟧.
user=taro phone=⟦PHONE|09012345678⟧ email=⟦EMAIL|taro@example.com⟧
{"tel":"⟦PHONE|0355550123⟧","cardNumber":"⟦CREDIT_CARD|{card}⟧"}
被保険者　記号：⟦HEALTH_INSURANCE|1234　番号：567（枝番：01⟧）
""".strip()


@pytest.mark.parametrize(
    "form", [one for one in re.split(r"\n(?!⟦DATE_OF_BIRTH\|昭和60年4月2日⟧\n社員)", FOUND) if "PHONE_" not in one]
)
def test_is_found_as_it_is_written(form: str) -> None:
    text, expected = marked(filled(form))
    for before, behind in (("", ""), ("お世話になっております。\n", "\nよろしくお願いいたします。"), ("■", "")):
        shifted = {(start + len(before), end + len(before), kind) for start, end, kind in expected}
        assert found_in(before + text + behind) == shifted


NOT_FOUND = """
内線123-4567までご連絡ください
内線：0123-45-6789
ext. 0312-34-5678
注文番号123456789012の商品
注文番号 0312345678 を発送
追跡番号は4512-3456-7890です
伝票番号 4167262222969511 の処理
JANコード4955150442508
お問い合わせ番号：1234-5678-9012
請求番号9469758872452、金額12,345円
2026年5月7日に面接を行います
支払期日2026/05/07
生年月日は後日確認します。入社日は2010年4月1日です
誕生日のお祝いを5月7日に行います
有効期限：2028年12月31日
入社日：2010年4月1日
ログ 2026-08-13T06:34:15 にタイムアウト
在庫は7641230個です
合計1,234,567円
普通 1234567円
型番BK-5805-76の在庫
見積書（番号BK-5805-76）の件
部品番号 AB1234567
v10.8.5にしました
IPは192.168.100.200です
社員番号は6桁です
社員番号の登録は2026年4月から
会員番号をお忘れの方
icon@2x.png
npm i @babel/core@7.23.0
git clone git@github.com:foo/bar.git
3.141592653589793238
550e8400-e29b-41d4-a716-446655440000
sha 0312345678ab
https://example.com/items/1234567
2026-11-27 10:20:30
1月2日と3月4日
令和8年4月1日より実施
〒マークを付けてください
15-20-25の3点
978-4-00-000000-0
0123456789012345678901234567890123456789012345
社会保険料 12345678
第123456号
100-200人規模
3,000-4,000
平成30年度の売上
昭和の時代に生まれた文化
2026年に生まれ変わる
1985年4月2日生産開始
登録日 2020/01/01
生年月日の記入漏れがありました。2026年5月7日までに提出
注文 2005-04-01, 2 個
35歳、2026年5月7日に入社
会員番号をお忘れの場合はお願いします
電話は5時から
電話会議は10:30-11:30です
担当者 12345678
カードの有効期限は12/28です
銀行は15時まで
受付は10-17時
TEL はこちら
メール@件名
「@everyone」 2026.11.27
1234-5678
No.1234567
0.0312345678
0.921594454 × 1.411
1902年3月（41歳）に渡仏
社員番号：未定、電話：なし
""".strip().split("\n")


@pytest.mark.parametrize("text", NOT_FOUND)
def test_is_none_of_these(text: str) -> None:
    assert found_in(text) == set()
    assert found_in(f"確認しました。\n{text}\n以上です。") == set()


def test_twelve_digits_as_the_card_has_them_are_a_licence_where_their_check_digit_is_right() -> None:
    body = "3012345678"
    right = [one for one in (f"{body}{digit}0" for digit in "0123456789") if licence_number_holds(one)]

    assert len(right) == 1
    for number in (f"{body}{digit}0" for digit in "0123456789"):
        for form in ("交付 令和5年5月5日 番号 第 {} 号", "第{}号", "許可番号 第{}号", "第{}号室", "番号 {} 号"):
            found = {kind for _, _, kind in found_in(form.format(number))}
            expected = number in right and form in ("交付 令和5年5月5日 番号 第 {} 号", "第{}号")
            assert ("DRIVERS_LICENSE" in found) == expected, form
