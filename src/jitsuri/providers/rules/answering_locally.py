"""An answer of a student or of a table of rules, in the shape of a chat completion; or why there is none.

The text is the caller's last message. Instructions and earlier turns are not read: what a student does was settled when
it was taught. What would need a language model is refused, not imitated. No language token is used, so the counts are
0 and so is the price (decision 0022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from jitsuri.providers.rules.answering_rules import RuleTable, matched
from jitsuri.providers.rules.answering_student import Student, classed
from jitsuri.providers.rules.fitting_schema import documents_of, is_fit
from jitsuri.providers.rules.preparing_text import prepared
from jitsuri.terms.outcomes import Refusal

Local = Student | RuleTable

CONFIDENCE = "{confidence}"
"""Stands in a student's answer for its own probability (``0.9312``)."""

_NEEDS_A_MODEL = ("functions", "logprobs", "top_logprobs", "audio", "web_search_options")
_READABLE = ("text", "input_text")
_PIECE = "chat.completion.chunk"


def refused(local: Local, asked: Mapping[str, object]) -> Refusal | None:
    """Why this request can have no answer here, whatever its text; None where it can.

    ``asked`` is the body, decoded. Parameters of sampling and maxima are passed over: nothing is drawn, and the answers
    are as long as the file says. Refuses ``local_cannot`` (field), ``local_format`` (kind).
    """
    if asked.get("tools") and asked.get("tool_choice") != "none":
        return Refusal("local_cannot", {"field": "tools"})
    for field in _NEEDS_A_MODEL:
        if asked.get(field):
            return Refusal("local_cannot", {"field": field})
    if asked.get("n") not in (None, 1):
        return Refusal("local_cannot", {"field": "n"})
    if any(one != "text" for one in _list(asked.get("modalities"))):
        return Refusal("local_cannot", {"field": "modalities"})
    return _format_refused(local, asked.get("response_format"))


def answered_as(model: str, local: Local) -> str:
    """The name under which a local variant answers: with the mark of its file, as vendors add a date to theirs. Another file is
    another model, whatever it is called."""
    return f"{model}@{local.mark.rpartition('-')[2]}"


def answer_chat(
    local: Local, messages: Sequence[Mapping[str, object]], *, created: int, response_id: str, model: str
) -> dict[str, object] | Refusal:
    """A whole chat completion. ``created`` is in Unix seconds.

    Besides the usual fields, ``jitsuri`` tells the class, and the student's confidence and known share or the rules'
    words. Refuses ``local_no_text``, ``local_part`` (kind), ``local_text_too_long`` (characters, most),
    ``local_text_unknown``.
    """
    text = _text(messages)
    if isinstance(text, Refusal):
        return text
    most = local.preparation.most_characters
    if len(text) <= most:  # one sign can become eighteen in another form: looked at again
        text = prepared(text, local.preparation)
    if len(text) > most:
        return Refusal("local_text_too_long", {"characters": len(text), "most": most})
    told = _of_student(local, text) if isinstance(local, Student) else _of_rules(local, text)
    if isinstance(told, Refusal):
        return told
    content, facts = told
    return {
        "id": response_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        "system_fingerprint": local.mark,
        "jitsuri": facts,
    }


def pieces(answer: Mapping[str, object], *, wants_usage: bool) -> list[dict[str, object]]:
    """The same answer as the pieces of a stream, in order; the usage piece last, where it was asked for."""
    shared = {name: answer[name] for name in ("id", "created", "model", "system_fingerprint")}
    head: dict[str, object] = {**shared, "object": _PIECE}
    choice = cast("list[dict[str, dict[str, object]]]", answer["choices"])[0]
    content = choice["message"]["content"]
    found = [
        {**head, "choices": [_delta({"role": "assistant", "content": ""}, None)]},
        {**head, "choices": [_delta({"content": content}, None)]},
        {**head, "choices": [_delta({}, "stop")], "jitsuri": answer["jitsuri"]},
    ]
    if not wants_usage:
        return found
    return [*({**one, "usage": None} for one in found), {**head, "choices": [], "usage": answer["usage"]}]


def _delta(delta: dict[str, object], finish: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _text(messages: Sequence[Mapping[str, object]]) -> str | Refusal:
    """The text of the last message, which must be the caller's; parts of text are joined line by line."""
    last = messages[-1] if messages else None
    content = last.get("content") if isinstance(last, Mapping) and last.get("role") == "user" else None
    if isinstance(content, list):
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            if kind not in _READABLE:
                return Refusal("local_part", {"kind": str(kind)[:60]})
        content = "\n".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str) or not content.strip():
        return Refusal("local_no_text")
    return content


def _of_student(student: Student, text: str) -> tuple[str, dict[str, object]] | Refusal:
    found = classed(student, text)
    if not found.known:
        return Refusal("local_text_unknown")
    confidence = f"{found.confidence:.4f}"
    return student.answers[found.place].replace(CONFIDENCE, confidence), {
        "class": student.classes[found.place],
        "confidence": float(confidence),
        "known": round(found.known, 4),
    }


def _of_rules(table: RuleTable, text: str) -> tuple[str, dict[str, object]]:
    found = matched(table, text)
    return table.answers[found.place], {"class": table.classes[found.place], "words": list(found.words)}


def _format_refused(local: Local, asked: object) -> Refusal | None:
    """JSON may be asked for where every answer of the file is a JSON object, a schema where every one fits it."""
    kind = asked.get("type") if isinstance(asked, dict) else None
    if asked is None or kind == "text":
        return None
    documents = documents_of(tuple(answer.replace(CONFIDENCE, "0.5") for answer in local.answers))
    if documents is None or kind not in ("json_object", "json_schema"):
        return Refusal("local_format", {"kind": str(kind)[:60]})
    if kind == "json_object":
        return None
    named = asked.get("json_schema") if isinstance(asked, dict) else None
    schema = named.get("schema") if isinstance(named, dict) else None
    if all(is_fit(schema, one) for one in documents):
        return None
    return Refusal("local_format", {"kind": "json_schema"})
