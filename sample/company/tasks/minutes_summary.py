"""議事録の要約 minutes-summary: decisions and homework out of a record of what was said.

What was decided, who does what until when, and what was left open are known by construction. In hard ones a due date
is taken back later, or a date is said in relation to the day of the meeting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("minutes")
_WEEKDAYS = "月火水木金土日"


@dataclass(frozen=True, slots=True)
class _Homework:
    who: str
    what: str
    due: date


def compose(scene: Scene, day: date) -> Piece:
    """One meeting on ``day``: two to four topics, and what came of them."""
    difficulty: Difficulty = scene.pick(("easy", "easy", "medium", "medium", "hard"))
    speakers = [scene[f"person{n}"] for n in range(1, scene.number(4, 7))]
    scene.words["b"] = speakers[1]
    lines = [f"{speakers[0]}: {scene.one(_T['openings'])}"]
    decisions: list[str] = []
    homework: list[_Homework] = []
    topics = scene.chance.sample(_T["topics"], scene.pick((2, 2, 3, 3, 4, 6)))
    for number, topic in enumerate(topics):
        lines += _discussed(scene, topic, speakers)
        decisions.append(_decided(scene, topic, speakers, lines))
        homework.append(_given(scene, topic, speakers, lines, day, is_relative=difficulty != "easy"))
        if difficulty == "hard" and number == 0:
            homework[0] = _taken_back(scene, homework[0], lines, day, speakers)
        _forget(scene)
    left = [_left_open(scene, speakers, lines)] if difficulty != "easy" or scene.happens(40) else []
    following = day + timedelta(days=scene.pick((7, 7, 14, 28)))
    scene.words["next"] = f"{following.month}月{following.day}日{scene.number(9, 16)}時"
    scene.words["room"] = scene.pick(_T["rooms"])
    lines.append(f"{speakers[0]}: {scene.one(_T['closings'][1:])}")
    right = _summary(decisions, homework, left)
    truth = {
        "decisions": decisions,
        "homework": [{"who": h.who, "what": h.what, "due": h.due.isoformat()} for h in homework],
        "open": left,
    }
    asked = f"{_head(scene, day, speakers)}\n\n" + "\n".join(lines)
    return Piece((Turn(asked, right, _wrong(scene, decisions, homework, left)),), difficulty, truth)


def _head(scene: Scene, day: date, speakers: list[str]) -> str:
    title, where = scene.pick(_T["meetings"]), scene.pick(_T["rooms"])
    when = f"{day.year}年{day.month}月{day.day}日({_WEEKDAYS[day.weekday()]})"
    forms = (
        f"会議名: {title}\n日時: {when}\n場所: {where}\n出席: {'、'.join(speakers)}",
        f"【{title}】{when} {where}\n出席者 {' '.join(speakers)}",
        f"{title}の文字起こしです。{when}、{where}。出たのは{'、'.join(speakers)}。",
        f"{when} {title}\n({where}、{len(speakers)}名: {'・'.join(speakers)})\n発言:",
    )
    return scene.pick(forms)


def _discussed(scene: Scene, topic: dict[str, list[str]], speakers: list[str]) -> list[str]:
    said = [f"{scene.pick(speakers)}: {scene.say(str(topic['raise']))}"]
    for view in scene.chance.sample(topic["views"], scene.number(2, len(topic["views"]))):
        said.append(f"{scene.pick(speakers)}: {scene.pick(_T['fillers'])}{scene.say(view)}")
        if scene.happens(22):
            said.append(f"{scene.pick(speakers)}: {scene.one(_T['asides'])}")
    return said


def _decided(scene: Scene, topic: dict[str, list[str]], speakers: list[str], lines: list[str]) -> str:
    spoken, short = topic["decide"]
    lines.append(f"{speakers[0]}: {scene.say(spoken)}")
    return scene.say(short)


def _given(
    scene: Scene, topic: dict[str, list[str]], speakers: list[str], lines: list[str], day: date, *, is_relative: bool
) -> _Homework:
    spoken, short = topic["act"]
    who = scene.pick(speakers[1:])
    due = _workday(day + timedelta(days=scene.number(2, 18)))
    scene.words["who"] = who
    scene.words["due"] = _relative(due, day) if is_relative and scene.happens(70) else _plain(due) + "までに"
    lines.append(f"{speakers[0]}: {scene.say(spoken)}")
    if scene.happens(60):
        lines.append(f"{who}: {scene.pick(('はい。', 'わかりました。', '承知しました。', 'やってみます。', '了解です。'))}")
    return _Homework(who, scene.say(short), due)


def _taken_back(scene: Scene, given: _Homework, lines: list[str], day: date, speakers: list[str]) -> _Homework:
    """The one who has the homework cannot keep the date; another one counts."""
    later = _workday(given.due + timedelta(days=scene.number(3, 9)))
    scene.words["old"], scene.words["new"] = _plain(given.due), _plain(later)
    first, second = scene.pick(_T["reversals"])
    lines.append(f"{given.who}: {scene.say(first)}")
    lines.append(f"{speakers[0]}: {scene.say(second)}")
    return _Homework(given.who, given.what, later)


def _left_open(scene: Scene, speakers: list[str], lines: list[str]) -> str:
    spoken, short = scene.pick(_T["undecided"])
    lines.append(f"{scene.pick(speakers)}: {scene.say(spoken)}")
    return scene.say(short)


def _forget(scene: Scene) -> None:
    """A new topic has its own parts, customers and amounts; the people stay."""
    for name in [n for n in scene.words if not n.startswith("person") and n != "b"]:
        del scene.words[name]


def _workday(day: date) -> date:
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day


def _plain(day: date) -> str:
    return f"{day.month}月{day.day}日"


def _relative(due: date, day: date) -> str:
    """How one says a date at the table: 明日, 今週の金曜, 来週の水曜, 再来週の月曜."""
    weeks = ((due - timedelta(days=due.weekday())) - (day - timedelta(days=day.weekday()))).days // 7
    if due == day + timedelta(days=1):
        return "明日までに"
    named = ("今週の", "来週の", "再来週の")
    return f"{named[weeks]}{_WEEKDAYS[due.weekday()]}曜までに" if weeks < len(named) else _plain(due) + "までに"


def _summary(decisions: list[str], homework: list[_Homework], left: list[str]) -> str:
    lines = ["【決定事項】", *(f"{n}. {text}" for n, text in enumerate(decisions, 1)), "【宿題】"]
    lines += [f"- {h.who}: {h.what}({_plain(h.due)}まで)" for h in homework]
    return "\n".join([*lines, "【継続】", *(f"- {text}" for text in left or ["なし"])])


def _wrong(
    scene: Scene, decisions: list[str], homework: list[_Homework], left: list[str]
) -> tuple[tuple[str, str], ...]:
    """The faults that summaries really have: a date, a person, something missing, something decided that was not."""
    place = scene.number(0, len(homework) - 1)
    hit = homework[place]
    late = _Homework(hit.who, hit.what, hit.due + timedelta(days=7))
    other = next((h.who for h in homework if h.who != hit.who), "出席者")
    swapped = _Homework(other, hit.what, hit.due)
    rest = [h for n, h in enumerate(homework) if n != place]
    faults = [
        (_summary(decisions, [*homework[:place], late, *homework[place + 1 :]], left), f"due date of homework {place + 1}"),
        (_summary(decisions, [*homework[:place], swapped, *homework[place + 1 :]], left), f"person of homework {place + 1}"),
        (_summary(decisions, rest, left), f"homework {place + 1} is missing"),
    ]
    if left:
        faults.append((_summary([*decisions, left[0]], homework, []), "an open point stands as decided"))
    return tuple(faults)


SYSTEM = """あなたは株式会社サンプル精機の議事録係です。会議の発言録を読み、次の様式で要約します。

様式:
【決定事項】
1. 決まったこと(一件一行、四十字以内)
【宿題】
- 担当者: すること(M月D日まで)
【継続】
- 決まらなかったこと(なければ「なし」)

書き方の決まり:
(1) 決定事項には、その場で決まったことだけを書く。「検討」「持ち帰り」「保留」「今日は決めない」は継続に入れる。
(2) 宿題には必ず担当者と期日を書く。期日が「来週の水曜」のように言われたときは、会議の日から数えて日付に直す。週は月曜から始まる。
(3) 期日や数があとで言い直されたときは、あとの発言を採る。
(4) 雑談、空調、電話の中断、見学の話など、議題に関わらないことは書かない。
(5) 発言者の評価や感想は書かない。誰の意見だったかも書かない。
(6) 品番、数量、社名は発言のとおりに写す。略さない。わからないものは「(不明)」とする。
(7) 敬称は付けない。「さん」「くん」「様」は落とす。
(8) 一つの議題から決定と宿題の両方が出たときは、それぞれに書く。
(9) 宿題を頼まれた人が返事をしていなくても、司会が頼んだものは宿題とする。
(10) 様式にない見出しを足さない。前置きも結びの文も書かない。

よくある間違い:
- 「{品番}は全数検査にします」を宿題に書く。これは決定事項。
- 「値上げは社長の判断を待つ」を決定事項に書く。これは継続。
- 「さっき10日と言いましたが無理です、15日で」を10日と書く。15日が正しい。
- 「明日までに」をそのまま写す。日付に直す。
- 担当者を「製造課」のように部署で書く。人の名前で書く。

例(発言):
佐藤: 洗浄機の水、替える間隔を七日にしましょう。
佐藤: 鈴木さん、来週の金曜までに結果を見せて。
鈴木: はい。
高橋: 設備の更新は来期の予算しだいなので、今日は決めません。
例(要約、会議の日が2026年4月6日のとき):
【決定事項】
1. 洗浄水の交換を7日ごとにする
【宿題】
- 鈴木: 洗浄の結果の確認(4月17日まで)
【継続】
- 設備の更新は保留

例(発言):
山本: 梱包の苦情がまた来ました。箱を元の厚さに戻します。
中村: 乾燥剤も足りていないと思います。
山本: そうですね、必ず入れましょう。中村さん、お客さんへの連絡を今週の金曜までに。
中村: すみません、金曜は休みなので、来週の月曜でお願いします。
山本: では来週の月曜で。ところで空調、寒くないですか。
例(要約、会議の日が2026年5月13日のとき):
【決定事項】
1. 箱の厚さを戻し、乾燥剤を必ず入れる
【宿題】
- 中村: 客先への対策の連絡(5月18日まで)
【継続】
- なし

要約は総務課の台帳にそのまま貼られます。様式が崩れていると取り込めません。見出しの括弧は必ず【】を使い、番号は半角の数字とピリオド、宿題と継続は半角の「- 」で始めてください。行の終わりに句点は付けません。改行は一つだけで、空の行を入れないでください。
"""
