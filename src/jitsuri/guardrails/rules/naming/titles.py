"""Words around names: titles after, labels before, and what makes a surname part of a place or a company."""

from __future__ import annotations

import re


def listed(words: str) -> tuple[str, ...]:
    """Words with blanks between."""
    return tuple(words.split())


HONORIFICS = ("様", "さま", "さん", "氏", "殿", "君", "くん", "ちゃん", "先生")
"""What only persons get."""

POSTS = listed(
    """
    本部長 事業部長 支店長 支社長 工場長 営業部長 副社長 代表取締役 取締役 執行役員 監査役 常務 専務 社長 会長
    部長 次長 課長代理 部長代理 課長 係長 主任 主査 主事 主幹 室長 局長 所長 店長 院長 館長 園長 校長 教頭
    学長 総長 塾長 理事長 理事 准教授 助教授 教授 講師 教諭 博士 医師 看護師 弁護士 税理士 会計士 社労士
    司法書士 行政書士 選手 監督 コーチ 投手 捕手 九段 八段 七段 六段 議員 市議 県議 知事 市長 町長 村長 区長
    大臣 首相 外相 蔵相 内相 大統領 総理 総裁 長官 次官 書記 第一書記 総書記 主席 国家主席 委員長 委員 幹事長
    審議官 参事官 大使 公使 領事 被告 容疑者 受刑者 裁判官 裁判長 検事 判事 警部 刑事 巡査 隊長 元帥 大将 中将
    少将 大佐 中佐 少佐 大尉 中尉 少尉 将軍 提督 船長 艦長 機長 リーダー マネージャー マネジャー アナウンサー
    アナ 記者 夫人 夫妻 兄弟 姉妹 女史 嬢 代表 顧問 相談役 秘書 名人 竜王 棋聖 親方 師匠 牧師 神父 司教 王子
    王女 皇太子 国王 女王 皇帝 伯爵 公爵 侯爵 子爵 男爵
    """
)
"""What persons are; companies and rooms have some of them too."""

TITLES = (*HONORIFICS, *POSTS)

_GUARDED = {"さん": "さん(?!ぶ|か|ざ|せ)", "氏": "氏(?![名族神子])", "殿": "殿(?![々一-鿿])", "君": "君(?![々一-鿿])"}
_FIRST = "".join(sorted({one[0] for one in TITLES}))
TITLE = re.compile(
    rf"(?=[{_FIRST}])(?P<title>{'|'.join(_GUARDED.get(one, one) for one in sorted(TITLES, key=len, reverse=True))})"
)

KANJI = "々〆一-鿿豈-﫿ヶヵ"
BEFORE_TITLE = re.compile(
    rf"(?:[{KANJI}]{{1,4}}[ 　](?:[{KANJI}]{{1,3}}|[ぁ-ゖ]{{2,5}}|[ァ-ヺー]{{2,5}})"
    rf"|[{KANJI}]{{1,4}}[ぁ-ゖ]{{2,4}}|[{KANJI}]{{1,4}}[ァ-ヺー]{{2,4}}|[{KANJI}]{{1,7}})[ 　]?\Z"
)
"""What may be a name before a title."""

SINGLE = re.compile(rf"(?<![{KANJI}])[{KANJI}][ 　]?\Z")
NO_SURNAME = frozenset(
    "皆神王奥仏姫殿客誰何上下若娘嫁母父兄姉弟妹伯叔婆爺別各貴多一二三同左右有空模仕異外内御他坊孫人両生様逆君主先夫妻親子女男"
)
"""Kanji that stand before 様 and are no surname there."""

FOREIGN_BEFORE_TITLE = re.compile(r"(?<![ァ-ヺー・])[ァ-ヺー]{2,12}\Z")

_ORGANISATIONS = "|".join(
    listed(
        """
    株式会社 有限会社 合同会社 合名会社 合資会社 \\(株\\) （株） ㈱ 財団 大学 高校 高等学校 中学 小学 学園
    学院 学校 師範 幼稚園 保育園 病院 医院 医大 クリニック 歯科 薬局 銀行 信用金庫 信金 信組 証券 保険 生命
    製薬 製作所 製(?![々一-鿿]) 工業 工務店 建設 建築 商事 商店 商会 物産 産業 電機 電気 電工 電線 電子
    製鉄 製鋼 重工 自動車 化学 化成 食品 製菓 酒造 醸造 運輸 運送 倉庫 不動産 書店 書房 出版 新聞 放送 印刷
    鉄道 電鉄 急行 交通 観光 興業 百貨店 デパート ホールディングス グループ ホール テクノ プロ(?![ァ-ヺー])
    農園 珈琲 毛織 合金 造船 楽器 研究所 事務所 内閣 政権 政府 艦隊 協定 条約 飛行場 大神 神社 神宮 組
    社(?![長員]) インターナショナル エンタ FC SC 館(?!長) 教(?![授諭頭官師])
    会計 法律 税理 特許 労務 設計 測量 技研 精機 精密 工機 機工 機械 鋼業 鉄工 金属 木材 木工 建材 塗装 電設 設備 電器 家具
    水産 青果 精肉 鮮魚 生花 造園 園芸 牧場 果樹園 茶園 製麺 製茶 製パン 製粉 酒店 米店 薬品 薬店 文具 呉服 物流 ロジ サービス
    ケア 介護 内科 外科 眼科 皮膚科 耳鼻 小児科 産婦人科 整形 整骨 接骨 鍼灸 美容 理容 写真 信用組合 ストア フーズ フード
    モータース オート ハウス ホーム 屋(?![敷根上内])
    """
    )
)
_PLACES = "|".join(
    listed(
        """
    市 区(?!長) 町(?!長) 村(?!長) 県 郡 府 州 駅 港 空港 橋 川 河 山 岳 峠 湖 島 半島 線 通り
    街道 城 寺 公園 球場 スタジアム ビル ホテル 旅館 温泉 支店 本店 店(?!長) 工場(?!長) 支社(?!長)
    営業所 地区 地方 丁目 番地 藩 幕府 時代 賞 杯 カップ 型 式 法 派 級 星雲 彗星 戦(?!死) 号 IC
    JCT ニュータウン 朝(?!鮮) 暦 モデル プラン 方式 効果 の法則 メソッド
    """
    )
)
NO_PERSON_AFTER = re.compile(rf"[ 　]?(?:{_ORGANISATIONS}|{_PLACES})")
"""Behind a surname: a company, a place or a thing that bears it."""

NO_PERSON_BEFORE = re.compile(r"(?:株式会社|有限会社|合同会社|\(株\)|（株）|㈱|FC)[ 　]?\Z")

NO_FOREIGNER = re.compile(
    r"(?:カンパニー|プロダクション|グループ|ブラザー[スズ]|システムズ|コーポレーション|ホールディングス|インターナショナル|ビーチ|アベニュー|パーク"
    r"|ブリッジ|アリーナ|スタジアム|ジャーナル|タイムズ|カップ|リーグ|コンテスト|フェスティバル|レコー[ドズ]|ミュージック|クラブ|ゴルフ|スクール"
    r"|センター|ホテル|ホール|タワー|サービス|ネットワーク|ソフトウェア|エンター?テインメント|インコーポレイテッド|リミテッド|ストリート|スタジオ"
    r"|ユナイテッド|オートモーティヴ|テクノロジーズ?|パートナーズ|バンク|ファンド|アワード|オペラ|オーケストラ|フィル)\Z"
)
"""How katakana with dots ends that is a company, a place or an event."""

_NEVER = "|".join(
    listed(
        """
    家 一族 一家 宅 邸 側 達 方 自身 本人 以外 以下 以上 以降 以前 両 作品 作(?![々一-鿿]) 著 役 版
    編 流 系 説 案 軍 隊 個人 同 宛 名義 担当 部 課 室 係 産 製 です でした でござ と申 まで から より
    など
    """
    )
)
NEVER_GIVEN = re.compile(
    rf"(?:{'|'.join(TITLES)}|{_NEVER}|[^ ]*[市区町村郡県府駅線港]"
    r"|[^ ]{0,2}(?:章|局|所|庵|館|台|署|学|院|社|会|団|党|門外|都|道|国|人|語|弁|沖|市内|付近|周辺))"
)
"""How no given name behind a surname reads."""

PARTICLES = re.compile(r"[はがのをにともへでやかだなしらた]")
"""What usually is grammar behind a surname without a blank."""

LABEL = "|".join(
    listed(
        """
    ご?氏名 お?名前 ご?芳名 ご?担当者?名? 申込者名? 申請者名? 契約者名? 依頼者名? 責任者名? 代表者名?
    連絡者 受取人名? 名義人?名? 宛名 受講者名? 患者名? 患者氏名 口座名義 従業員名 社員名 被保険者名? 世帯主名?
    保護者名? 作成者 承認者 報告者 発注者 送付先氏名 フリガナ ふりがな カナ氏名 氏名カナ 利用者名? 会員名 お客様名
    参加者 出席者 欠席者 列席者 同席者 参列者 講師 記入者
    """
    )
)
"""What stands before names in forms and on top of columns."""
_NAME = rf"[{KANJI}ァ-ヺーぁ-ゖ]{{1,7}}(?:[ 　][{KANJI}ァ-ヺーぁ-ゖ]{{1,6}})?"
LABELLED = re.compile(
    rf"(?:{LABEL})(?:[(（](?:カナ|フリガナ|ふりがな|漢字|全角)[)）])?(?P<sign>[ 　]?[:：][ 　]?|は[\u3001 　]?)(?P<value>{_NAME})"
)
OF_SEVERAL = re.compile("参加者|出席者|欠席者|担当者|講師|列席者|同席者|参列者")
"""Labels behind which several names stand in a row."""
NEXT_OF_SEVERAL = re.compile(rf"[\u3001・,/] ?(?P<value>[{KANJI}ァ-ヺーぁ-ゖ]{{1,12}})")
LISTED_ENDS = re.compile(rf"(?:{'|'.join(sorted(TITLES, key=len, reverse=True))})?(?![{KANJI}ァ-ヺーぁ-ゖ])")
VALUE_ENDS = re.compile(
    r"[ 　]?(?:\Z|[(（\[【<\u3001\u3002,，.．\n\r\t;；/／|]"
    r"|様|さま|さん|氏|殿|です|でござ|と申|となり|になり|で(?!き)|まで|から|より|[ 　])"
)
NO_VALUE = re.compile(
    r"未定|未記入|な[し]|無し|不明|同上|別途|別紙|当社|弊社|貴社|当方|各|該当|[^ ]*(?:部|課|係|室|店|社|者|所|局|チーム|グループ)\Z"
)
"""What stands in fields for names and is none."""
LATIN_LABEL = re.compile(
    r"(?<![A-Za-z])(?:[Nn]ame|NAME|Contact|Attn|Attention)[ ]?[:：.][ ]?"
    r"(?P<name>[A-Z][a-zA-Z'\-]{1,20}(?: [A-Z][a-zA-Z.'\-]{0,20}){1,2})"
)
LATIN_TITLE = re.compile(
    r"(?<![A-Za-z])(?:Mr|Mrs|Ms|Dr|Prof|Sir)\.? (?P<name>[A-Z][a-zA-Z'\-]{1,20}(?: [A-Z][a-zA-Z'\-]{0,20}){0,2})(?![A-Za-z])"
)
LATIN_BEFORE = re.compile(r"(?<![A-Za-z.])[A-Z][a-zA-Z'\-]{1,20}(?: [A-Z]\.?)?(?: [A-Z][a-zA-Z'\-]{1,20}){0,2} ?\Z")
"""A name in Latin letters before a Japanese title."""
