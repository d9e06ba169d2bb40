"""問合せ分類 inquiry-triage: which of twelve classes an inquiry belongs to.

Hard ones hold two requests; the instruction says which of the two wins, so the truth is known by construction.
"""

from __future__ import annotations

from company.lexicon import mail_host, roman
from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("inquiry")
LABELS: dict[str, str] = _T["labels"]
ORDER: list[str] = _T["order"]["first_wins"]
_MAIL, _PHONE, _FORM = _T["mail"], _T["phone"], _T["form"]


def compose(scene: Scene) -> Piece:
    """One inquiry: by mail, telephone note, web form or a short message."""
    difficulty: Difficulty = scene.pick(("easy", "easy", "easy", "medium", "medium", "hard"))
    kind = scene.pick(_frequent())
    wanted, requests = _requests(scene, kind, difficulty)
    write = scene.pick((_mail, _mail, _mail, _phone, _form, _short))
    text = _roughened(scene, write(scene, requests, difficulty))
    label = LABELS[wanted]
    wrong = tuple((LABELS[other], f"class {LABELS[other]} instead of {label}") for other in _T["confusions"][wanted])
    return Piece((Turn(text, label, wrong),), difficulty, {"class": label, "class_key": wanted})


def _frequent() -> list[str]:
    """The classes in the proportions in which inquiries come."""
    weights = dict.fromkeys(ORDER, 2) | {"delivery": 6, "quote": 5, "defect": 4, "spec": 4, "change": 3, "other": 3}
    return [kind for kind, weight in weights.items() for _ in range(weight)]


def _requests(scene: Scene, kind: str, difficulty: Difficulty) -> tuple[str, list[str]]:
    """The class that counts, and the sentences that ask."""
    words = _T["classes"][kind]
    if difficulty == "easy":
        return kind, [scene.one(words["core"]), *scene.some(words["detail"], scene.number(0, 3))]
    if difficulty == "medium":
        said = [scene.one(words["oblique"]), *scene.some(words["detail"], scene.number(0, 2))]
        return kind, said
    other = scene.pick([k for k in ORDER if k != kind])
    second = _T["classes"][other]
    said = [scene.one(words["core"] + words["oblique"]), *scene.some(words["detail"], 1)]
    also = scene.pick(("あわせて、", "それとは別に、", "もう一件、", "ついでで恐縮ですが、", "また、"))
    said += [also + scene.one(second["core"] + second["oblique"]), *scene.some(second["detail"], scene.number(0, 1))]
    return min(kind, other, key=ORDER.index), said


def _mail(scene: Scene, requests: list[str], difficulty: Difficulty) -> str:
    lines = ["件名: " + scene.one(_MAIL["subjects"]), ""]
    lines += [scene.one(_MAIL["greetings"]) + scene.one(_MAIL["selves"])]
    lines += scene.some(_MAIL["context"], scene.pick((0, 1, 1, 2, 3, 6)))
    lines += _broken_up(scene, requests)
    if difficulty != "easy" and scene.happens(50):
        lines.append(scene.one(_MAIL["background"]))
    lines += [scene.one(_MAIL["closings"])]
    if scene.happens(60):
        lines += ["", *_signature(scene)]
    if scene.happens(25):
        lines += ["", "-----", scene.one(_MAIL["quoted"])]
    return "\n".join(lines)


def _signature(scene: Scene) -> list[str]:
    rule = scene.pick(("--", "=" * 12, "*" * 10, "────────", ""))
    address = f"{roman(scene['person'])}@{mail_host(scene['customer'])}"
    lines = [rule, scene["customer"], f"{scene['section']} {scene['person']}", f"TEL {scene['phone']}", f"mail {address}"]
    return [line for line in lines[: scene.number(3, 5)] if line]


def _phone(scene: Scene, requests: list[str], difficulty: Difficulty) -> str:
    head = scene.one(_PHONE["heads"])
    who = f"{scene['customer']} {scene['section']} {scene['person']}様より。"
    said = "".join(requests) if scene.happens(50) else "\n・".join(["", *requests]).strip("\n")
    tails = scene.some(_PHONE["tails"], scene.number(0, 2) + (difficulty == "hard"))
    return "\n".join([head, who, said, " ".join(tails)]).rstrip()


def _form(scene: Scene, requests: list[str], difficulty: Difficulty) -> str:
    lead = scene.some(_MAIL["context"], scene.number(0, 1) + (difficulty == "hard"))
    return scene.one(_FORM["heads"]) + "\n" + "\n".join([*lead, *requests])


def _short(scene: Scene, requests: list[str], difficulty: Difficulty) -> str:
    who = scene.pick((f"{scene['customer']}の{scene['person']}です。", f"{scene['person']}です。", "", ""))
    kept = requests if difficulty == "hard" else requests[: scene.number(1, 2)]
    return who + "".join(kept)


def _broken_up(scene: Scene, sentences: list[str]) -> list[str]:
    """The sentences as paragraphs: together, one by one, or as a numbered list."""
    how = scene.number(0, 2)
    if how == 0 or len(sentences) == 1:
        return ["".join(sentences)]
    if how == 1:
        return sentences
    return [f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1)]


def _roughened(scene: Scene, text: str) -> str:
    """Habits of spelling in one text of three, a slip of the fingers in one of eight."""
    if scene.happens(33):
        for ours, theirs in scene.chance.sample(_T["habits"]["pairs"], 3):
            text = text.replace(ours, theirs)
    if scene.happens(12):
        for ours, theirs in scene.chance.sample(_T["habits"]["typos"], 3):
            text = text.replace(ours, theirs, 1)
    return text


_NUMBERED = "\n".join(f"{n}. {LABELS[kind]}" for n, kind in enumerate(ORDER, 1))

SYSTEM = f"""あなたは株式会社サンプル精機 営業支援課の受付担当です。届いた問合せを、次の十二の区分の一つに分けます。

区分(優先の順):
{_NUMBERED}

それぞれの意味:
- 不具合・苦情: 納めた品の不良、員数違い、対応への不満。直してほしいという言い方でも、当社の品の不良ならここ。
- 注文取消: 注文や内示を取りやめたい。
- 注文変更: 数量、納期、納入先、品番、図面の版を変えたい。
- 出荷・梱包: 荷姿、荷札、便、受渡しの場所と時間。納期そのものは含まない。
- 納期確認: いつ入るか、間に合うか。
- 修理・再加工: 使った品や手持ちの品を直す、削り直す、追加工する。
- 図面・仕様: 寸法、公差、材質、処理の相談。値段を含まないもの。
- 試作・サンプル: 量産の前に少しだけ作る、借りる。
- 見積依頼: 値段を知りたい。
- 証明書・環境調査: 材料証明、成績書、RoHS や REACH の調査、原産地。
- 請求・支払: 請求書、支払日、振込、金額の食い違い。
- その他: 上のどれでもないもの。採用、見学、売込み、あいさつ、休業の案内。

決まり:
(1) 用件が二つ以上あるときは、上の優先の順で先にあるものを選ぶ。
(2) 済んだこと、別の者が扱うと書かれたことは用件に数えない。
(3) 引用された以前のメール(「>」で始まる行)は読まない。
(4) 言葉の有無でなく、相手が何をしてほしいかで決める。「納期」と書いてあっても、変えたいのなら注文変更とする。
(5) 電話メモは書いた人の感想を含む。感想は用件に数えない。
(6) 打ち間違いや当て字は、前後から読み取る。

例:
問合せ「先日の請求書、注文書と3,000円違います。あわせて次回の便は東門に着けてください。」
答え: 出荷・梱包
問合せ「図面のRを0.5に直したら、いくらになりますか。」
答え: 見積依頼
問合せ「もう一度めっきを付け直して使えますか。十年物です。」
答え: 修理・再加工

答えは区分の名前だけを一行で書く。説明、番号、かぎ括弧は付けない。"""
