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
    scene.words["b"] = scene["person9"]
    lines = [f"{speakers[0]}: {scene.one(_T['openings'])}"]
    decisions: list[str] = []
    homework: list[_Homework] = []
    topics = scene.chance.sample(_T["topics"], scene.pick((2, 3, 4, 5, 6, 8)))
    for number, topic in enumerate(topics):
        lines += _discussed(scene, topic, speakers)
        decisions.append(_decided(scene, topic, speakers, lines))
        homework.append(_given(scene, topic, speakers, lines, day, is_relative=difficulty != "easy"))
        if difficulty == "hard" and number == 0:
            homework[0] = _taken_back(scene, homework[0], lines, speakers)
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
        lines.append(
            f"{who}: {scene.pick(('はい。', 'わかりました。', '承知しました。', 'やってみます。', '了解です。'))}"
        )
    return _Homework(who, scene.say(short), due)


def _taken_back(scene: Scene, given: _Homework, lines: list[str], speakers: list[str]) -> _Homework:
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
        (
            _summary(decisions, [*homework[:place], late, *homework[place + 1 :]], left),
            f"due date of homework {place + 1}",
        ),
        (
            _summary(decisions, [*homework[:place], swapped, *homework[place + 1 :]], left),
            f"person of homework {place + 1}",
        ),
        (_summary(decisions, rest, left), f"homework {place + 1} is missing"),
    ]
    if left:
        faults.append((_summary([*decisions, left[0]], homework, []), "an open point stands as decided"))
    return tuple(faults)


SYSTEM: str = texts("instructions")["minutes_summary"]
