"""不具合報告の整理 defect-report: a worker's words become a report; what is missing is asked for.

One thread (一連) has one to three calls: the first report, the answer to what was asked, and sometimes the wish for a
form that can be shown. What happened and which cause the words point to are known by construction.
"""

from __future__ import annotations

from datetime import date

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("defect")
_R = _T["report"]
_CAUSES: dict[str, str] = {key: name for name, key in _T["causes"]}
_PARTS = ("when", "howmany", "where", "action", "clue")
_TITLES = {"when": "日時", "howmany": "数量", "where": "場所", "action": "処置", "clue": "原因の見込み"}


def compose(scene: Scene, day: date) -> Piece:
    """One defect on ``day``, told in one to three turns."""
    cause = scene.pick(list(_CAUSES))
    missing = scene.chance.sample(_PARTS, scene.pick((0, 1, 1, 2, 3)))
    difficulty: Difficulty = "easy" if not missing else "medium" if len(missing) == 1 else "hard"
    flowed = scene.number(20, 900)
    scene.words["qty"], scene.words["bad"] = str(flowed), str(scene.number(1, max(2, flowed // 12)))
    scene.words["day"] = scene.pick((f"{day.month}/{day.day}", f"{day.month}月{day.day}日", "今日", "本日"))
    done, short = scene.pick(_R["action"])
    said = {
        "when": scene.one(_R["when"]),
        "howmany": scene.one(_R["howmany"]),
        "where": scene.one(_R["where"]),
        "action": scene.say(done),
        "clue": scene.one(_T["clues"][cause]),
    }
    fields = {
        "品番": scene["part"],
        "不具合": scene["defect"],
        "日時": f"{day.month}月{day.day}日 {scene['time']}",
        "数量": f"{scene['bad']}/{scene['qty']}個",
        "場所": scene["machine"],
        "処置": short,
        "原因の見込み": _CAUSES[cause],
    }
    turns = _turns(scene, said, fields, missing)
    truth = {"fields": fields, "cause_key": cause, "missing_at_first": [_TITLES[part] for part in missing]}
    return Piece(tuple(turns), difficulty, truth)


def _turns(scene: Scene, said: dict[str, str], fields: dict[str, str], missing: list[str]) -> list[Turn]:
    told = [said[part] for part in scene.chance.sample(_PARTS, len(_PARTS)) if part not in missing]
    around = scene.some(_R["extra"], scene.number(0, 3))
    first = scene.one(_R["openers"]) + scene.one(_R["what"]) + _mixed(scene, [*told, *around])
    known = {name: value for name, value in fields.items() if name not in [_TITLES[part] for part in missing]}
    if not missing:
        turns = [Turn(first, _report(fields), _wrong(scene, fields))]
    else:
        asks = "\n".join(f"- {_T['asks'][part]}" for part in _PARTS if part in missing)
        turns = [Turn(first, f"{_report(known)}\n\nあと次のことを教えてください。\n{asks}")]
        words = [said[part] for part in missing]
        second = scene.one(_T["replies"]["openers"]) + _mixed(scene, words) + scene.one(_T["replies"]["closers"])
        turns.append(Turn(second, _report(fields), _wrong(scene, fields)))
    if scene.happens(30):
        turns.append(Turn(scene.one(_T["final"]["asks"]), _letter(fields), ()))
    return turns


def _mixed(scene: Scene, sentences: list[str]) -> str:
    shuffled = scene.chance.sample(sentences, len(sentences))
    return scene.pick(("", "", "\n")).join(shuffled)


def _report(fields: dict[str, str]) -> str:
    return "\n".join(f"■{name}: {value}" for name, value in fields.items())


def _letter(fields: dict[str, str]) -> str:
    return (
        f"{fields['日時']}、{fields['場所']}で加工した{fields['品番']}に{fields['不具合']}を確認しました"
        f"(不良{fields['数量']})。現在の処置は「{fields['処置']}」です。原因は{fields['原因の見込み']}と見て調べています。"
        "恒久対策は調査の後にお知らせします。"
    )


def _wrong(scene: Scene, fields: dict[str, str]) -> tuple[tuple[str, str], ...]:
    bad, _, whole = fields["数量"].removesuffix("個").partition("/")
    other = scene.pick([name for name in _CAUSES.values() if name != fields["原因の見込み"]])
    return (
        (_report({**fields, "数量": f"{whole}/{bad}個"}), "defective and made are exchanged"),
        (_report({**fields, "原因の見込み": other}), f"cause {other} instead of {fields['原因の見込み']}"),
        (_report({**fields, "処置": "(記載なし)"}), "what was done is missing"),
    )


SYSTEM: str = texts("instructions")["defect_report"]
