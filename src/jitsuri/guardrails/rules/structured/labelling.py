"""The words that say what a number is (見出し), and the ones that say that it is something else. Single tokens of data, no sentences.

Sources: the official names of the numbers (番号法 Art. 2, 健康保険法施行規則 Art. 47, 道路交通法施行規則 form 14, 旅券法施行規則);
the rest is how forms, mails, tables and programs call them (decision 0040).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

OTHER = ""
"""What a number is that is none of ours: an order, an invoice, a part, an extension."""
OTHER_DATE = "DATE"
"""Dates that are nobody's birth."""
YUCHO = "YUCHO"
"""What points to 記号 and 番号 of ゆうちょ銀行."""
SYMBOL = "SYMBOL"
"""記号 alone: of an account or of a health insurance card."""
SEX = "SEX"
"""What stands beside a birth date in tables."""

_WORDS: Mapping[str, str] = {
    "PHONE":
        "電話番号 電話 携帯電話 携帯番号 携帯 連絡先 固定電話 直通 代表電話 自宅電話 緊急連絡先 フリーダイヤル "
        "ファックス ファクス ファクシミリ ファックス番号 fax番号 tel番号 電話no スマホ ケータイ ℡ ☎ 📞 📱 📠 ☏",
    "POSTAL_CODE":
        "〒 郵便番号 郵便no 郵便",
    "MY_NUMBER":
        "マイナンバー 個人番号 マイナンバ 個人no マイナンバーカード番号 マイナンバー番号",
    "CORPORATE_NUMBER":
        "法人番号 登録番号 適格請求書発行事業者登録番号 適格請求書発行事業者番号 適格請求書 インボイス登録番号 "
        "インボイス番号 インボイス制度 事業者登録番号 事業者番号 会社法人等番号 法人no インボイスno t番号 "
        "課税事業者番号",
    "CREDIT_CARD":
        "カード番号 クレジットカード クレジットカード番号 クレカ カードno デビットカード カード情報 クレジット番号 "
        "クレカ番号",
    "BANK_ACCOUNT":
        "口座番号 普通預金口座 当座預金口座 普通預金 当座預金 普通口座 当座口座 貯蓄預金 定期預金 普通 当座 貯蓄 "
        "口座 口座no 振込口座 振込先口座 普) 当) 銀行口座 銀行口座番号 返金口座 給与口座 引落口座 預金口座 振替口座",
    YUCHO:
        "ゆうちょ ゆうちょ銀行 郵便貯金 通常貯金 記号番号 口座記号番号 口座記号 通帳記号 記号・番号 振替口座番号",
    "DRIVERS_LICENSE":
        "免許証番号 免許証 運転免許証 運転免許証番号 運転免許 運転免許番号 免許番号 免許証no 免許no 運転経歴証明書",
    "PASSPORT":
        "パスポート パスポート番号 パスポートno 旅券番号 旅券 旅券no",
    "HEALTH_INSURANCE":
        "保険者番号 被保険者番号 保険証番号 健康保険証 保険証 健康保険 被保険者証 被保険者記号 保険証記号 "
        "被保険者記号番号 被保険者記号・番号 被保険者証記号番号 保険証の記号番号 保険証の記号・番号 "
        "被保険者等記号・番号 被保険者証の番号 健保番号 健保組合 資格確認書 公費負担者番号 公費受給者番号 受給者番号 "
        "介護保険被保険者番号 後期高齢者医療 国保 被保険者番号等 保険証no 健康保険番号 健康保険証番号 被保険者",
    "DATE_OF_BIRTH":
        "生年月日 誕生日 出生日 出生年月日 生年 生まれ 誕生年月日 バースデー 誕生",
    "EMPLOYEE_ID":
        "社番 職番 従番 個人コード",
    "CUSTOMER_ID":
        "カルテ番号 カルテno カルテid 診察券番号 診察券no 診察券 客様管理番号 顧客管理番号 会員登録番号",
    OTHER:
        "注文番号 注文no 注文id オーダー番号 発注番号 発注書番号 受注番号 伝票番号 伝票no 伝票 請求番号 請求書番号 "
        "請求書no 請求書 見積番号 見積書番号 見積書 見積no 領収書番号 納品書番号 追跡番号 送り状番号 配送番号 "
        "問い合わせ番号 問合せ番号 問合わせ番号 受付番号 予約番号 管理番号 整理番号 確認番号 照会番号 取引番号 "
        "取引id 取引コード 決済番号 決済id 承認番号 商品番号 商品コード 商品id 製品番号 製造番号 シリアル番号 "
        "シリアルno シリアル 型番 品番 部品番号 図番 jan janコード バーコード isbn isbnコード 在庫 数量 単価 金額 "
        "合計 内線 内線番号 ロットno 案件番号 案件id チケット番号 チケットid 契約番号 契約書番号 稟議番号 文書番号 "
        "資産番号 機器番号 端末番号 識別番号 問い合わせid 受注no 出荷番号 荷物番号 貨物番号 便名 バージョン ログ "
        "タイムスタンプ エラーコード 処理番号 申込番号 申込書番号 申請番号 申請id 承認no 許可番号 認可番号 届出番号 "
        "特許番号 出願番号 登記番号 地番 資料番号 ページ 基礎年金番号 求人番号 物件番号 部屋番号 車台番号 imei "
        "郵便追跡番号 証券コード 銘柄コード 銀行コード 金融機関コード 支店コード 支店番号 店番 店番号 口座数 "
        "認証コード 確認コード 暗証番号 認証番号 パスコード pin ワンタイムパスワード 通し番号 連番 議事録番号 "
        "法令番号 事件番号 受験番号 学籍番号 機種 発信元 売上 予算 税込 税抜 会議id ミーティングid 会議番号 webinar "
        "取引先コード 取引先番号 仕入先コード 処方箋番号 レコード番号 原価 予約id 処理id 雇用保険被保険者番号",
    OTHER_DATE:
        "入社日 入社年月日 入社 退社日 退職日 退職 退社 有効期限 期限 発行日 発行 交付日 交付 交付年月日 支払期日 "
        "支払日 納期 締切 締切日 作成日 更新日 更新 登録日 登録 契約日 契約 訪問 面接 採用日 採用 着任 取得日 取得 "
        "受診日 受診 来院日 来院 診察日 初診 初診日 注文日 出荷日 発送日 納品日 請求日 見積日 申込日 申請日 受付日 "
        "受付 開催日 開催 実施日 開始日 終了日 開始 終了 適用日 適用 施行日 設立 設立日 創業 発売日 公開日 "
        "資格取得日 異動日 異動 届出日 提出日 提出 検査日 撮影日 予約日 予約 予定日 出産予定日 結婚記念日 死亡日 "
        "没年月日 期間 起算日 記入日 会議日 議事日 入院日 入院 退院日 退院 手術日 入学 卒業 配属日 応募日 利用開始日 "
        "来店日 最終来店日 購入日 契約開始日 発症日 認定日 面談日 認定 開業 就任 転居日",
    SYMBOL:
        "記号",
    SEX:
        "性別 男性 女性",
}  # fmt: skip
"""Without the お and ご before them: labels are searched for, so that what begins them seldom costs."""

_NUMBERED: Mapping[str, str] = {
    "EMPLOYEE_ID":
        "社員 従業員 職員 行員 局員 教員 教職員 派遣社員 契約社員 パート社員 スタッフ パートナー クルー キャスト 乗務員 作業者 従事者",
    "CUSTOMER_ID":
        "客様 客さま 顧客 会員 会員様 会員さま メンバー メンバーズ カスタマー ユーザー ユーザ 利用者 契約者 加入者 患者 組合員 購入者 "
        "登録者 受講者 応募者 入居者 得意先 株主",
}  # fmt: skip
"""What has a number, an id or a code of its own."""
_NUMBERS = (
    "番号", "ナンバー", "no", " no", "id", " id", "コード", "cd", "証番号", "証no", "証の番号", "カード番号", "カードの番号",
)  # fmt: skip

_SPELT: Mapping[str, str] = {
    "PHONE":
        "tel; telephone; phone; phone number; phone no; mobile; mobile phone; mobile number; cell; cell phone; fax; "
        "fax number; telephone number; tel no; contact number; toll free; direct; call; telefax; cellphone; "
        "home phone; work phone; phone num",
    "POSTAL_CODE":
        "zip; zip code; postal code; post code; postcode; postal; zipcode; postalcode",
    "MY_NUMBER":
        "my number; individual number; mynumber; my no; my number card; kojin bango; personal number",
    "CORPORATE_NUMBER":
        "corporate number; company number; registration number; invoice registration number; corporate no; "
        "corporate id; tax registration number; houjin bangou; hojin bango; qualified invoice issuer number; "
        "registration no; corp number",
    "CREDIT_CARD":
        "card number; credit card; credit card number; card no; cc number; debit card; card num; cardnumber; visa; "
        "mastercard; master card; amex; american express; jcb; diners; pan; credit card no; cc no; card",
    "BANK_ACCOUNT":
        "account number; bank account; account no; bank account number; account num; bank acct; acct no; "
        "checking account; savings account; acct; savings; a/c; a/c no; ordinary account",
    "DRIVERS_LICENSE":
        "driver's license; drivers license; driver license; driving licence; driver's licence; driving license; "
        "license number; licence number; driver's license number; drivers license number; driver license number; "
        "driving licence number; license no; licence no; driver's license no; driver's licence number; dl no; "
        "drivers licence; driver licence",
    "PASSPORT":
        "passport; passport number; passport no; passport num; passport id; ppt no; passportno",
    "HEALTH_INSURANCE":
        "health insurance; insurer number; insurance number; health insurance number; insurance card; "
        "insured number; insurer no; insurance card number; insured person number; insurance no; insured symbol; "
        "health insurance card; insurer id; insurance id",
    "DATE_OF_BIRTH":
        "date of birth; birth date; birthday; dob; d.o.b; d.o.b.; born; born on; birth day; birth; yob; birth year",
    "EMPLOYEE_ID":
        "employee number; employee id; employee no; emp no; emp id; staff id; staff number; staff no; employee code; "
        "personnel number; personnel no; emp number; emp code; worker id; staff code; employee num; employee #; "
        "payroll number; badge number",
    "CUSTOMER_ID":
        "customer number; customer id; customer no; member id; member number; member no; membership number; "
        "membership id; membership no; client id; client number; patient id; patient number; patient no; "
        "customer code; user id; user no; cust id; cust no; client no; client code; subscriber id; customer num; "
        "medical record number; mrn; customer #; account id; guest id",
    OTHER:
        "order; order number; order no; order id; invoice; invoice number; invoice no; tracking; tracking number; "
        "tracking no; slip no; ref; reference; reference number; reference no; part number; part no; serial; "
        "serial number; serial no; s/n; p/n; sku; isbn; jan code; ean; upc; version; ver; ext; ext.; extension; "
        "model; lot; lot no; ticket; ticket id; ticket number; case number; case id; case no; quantity; qty; amount; "
        "total; price; transaction id; transaction; timestamp; request id; trace id; session id; job id; build; "
        "error code; invoice id; po number; po no; quote number; quotation; product code; product id; item code; "
        "item number; contract number; contract no; bank code; branch code; batch; port; pid; message id; "
        "meeting id; passcode; pin code; otp; issue; receipt number; receipt no; shipment; shipment id; booking; "
        "booking number; reservation number; confirmation number; asset id",
    OTHER_DATE:
        "joined; hire date; hired; expiry; expires; expiry date; expiration date; expiration; due; due date; date; "
        "issued; issue date; date of issue; date of expiry; start date; end date; created; updated; created at; "
        "updated at; payment date; order date; delivery date; deadline; valid until; valid thru; exp; joined on; "
        "join date; invoice date; meeting; visit date; registered; date of issuance; died; signed; effective date; "
        "from; to; until",
    SEX:
        "sex; gender; male; female",
}  # fmt: skip


_SPREAD = 4
"""Labels of so many kanji are also spread over a line of a form, with blanks between."""


def _spellings(phrase: str) -> Iterable[str]:
    """Between the words of an English label: a blank, an underscore, a hyphen, nothing."""
    words = phrase.split()
    return (joint.join(words) for joint in (" ", "_", "-", "")) if len(words) > 1 else (phrase,)


def _kinds() -> dict[str, str]:
    table: dict[str, str] = {}
    for kind, words in _WORDS.items():
        for word in words.lower().split():
            table.setdefault(word, kind)
            if 1 < len(word) <= _SPREAD and all("\u4e00" <= char <= "\u9fff" for char in word):
                table.setdefault(" ".join(word), kind)
    for kind, owners in _NUMBERED.items():
        for owner in owners.split():
            for number in _NUMBERS:
                table.setdefault(owner + number, kind)
    for kind, phrases in _SPELT.items():
        for phrase in phrases.split(";"):
            for spelling in _spellings(phrase.strip()):
                table.setdefault(spelling, kind)
    return table


KINDS: Mapping[str, str] = _kinds()
"""Which kind of number a label names; labels are in lower case."""

LONGEST_LABEL = max(map(len, KINDS))

_NAMES = tuple(KINDS)
_FINDER = AhoCorasick(
    _NAMES, matchkind=MatchKind.LeftmostLongest, implementation=Implementation.DFA, store_patterns=False
)


def labels_in(lower: str) -> Iterator[tuple[int, int, str]]:
    """The labels in a text in lower case, in order and without overlaps, the longest at each place: start, end, kind."""
    for which, start, end in _FINDER.find_matches_as_indexes(lower):
        yield start, end, _OF_NAME[which]


_OF_NAME = tuple(KINDS.values())
