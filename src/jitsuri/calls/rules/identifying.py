"""Who a call is, which thread it belongs to and which prompts are alike (decision 0004)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from uuid import UUID

from jitsuri.calls.shapes import CallGroup, Logged
from jitsuri.terms.ids import derived_id, deriving, digest_16

SAMPLE_CHARACTERS = 160
TEMPLATE_CHARACTERS = 48
"""Prompts that begin with the same 48 normalised characters come from one template (decision 0004)."""
SYSTEM_CHARACTERS = 2000
"""Of a system prompt this much tells the group; behind it come documents that differ by call (decision 0004)."""
MOST_GROUPS_HELD = 4096
"""System prompts remembered while a file is read."""

_ANSWER_ID = re.compile(r"(?:chatcmpl-|cmpl-|resp_|msg_)(?:[a-z]{3,8}_)?[A-Za-z0-9_-]{20,}")
"""Ids that OpenAI, Azure and Anthropic (``msg_``, on Bedrock ``msg_bdrk_``) give to an answer: long and random."""
_WEAK_ID = re.compile(r"(?:chatcmpl-|cmpl-)[A-Za-z0-9]{0,11}")
"""Small local servers number their answers with three digits (``chatcmpl-123``): such an id names nothing."""

_VARYING = re.compile(
    r"(?=[\da-f令平日月火水木金土MTWFSJAOND])(?:"  # where one may begin: looked at first, as most characters are none
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # UUID
    r"|(?:令和|平成)?\d+\s*年\s*\d+\s*月\s*\d+\s*日(?:\s*\([日月火水木金土](?:曜日?)?\))?"
    r"|[日月火水木金土]曜日"
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
    r"|\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.? \d{1,2}\b"
    r"|\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b"  # hexadecimal ids
    r"|\d+(?:[-/:.,T ]*\d+)*(?:Z(?![A-Za-z]))?)"  # numbers, dates, times
)
_SPACE = re.compile(r"\s+")
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\u3099\u309a")


def call_id(logged: Logged, ordinal: int = 0) -> UUID:
    """The same call, imported again, is the same id.

    By the upstream's answer id, where it is one that nobody gives twice, in whatever format it came; else by source
    and the id its system gave; else by content and ``ordinal``: how many lines of the same content came before it in
    the file (0 for the first).
    """
    answered = answered_call(logged.response_id)
    if answered is not None:
        return answered
    family = logged.source.partition("_")[0]
    if logged.external_id:
        return derived_id("call", family, logged.external_id)
    return derived_id("call", family, logged.content_hash, str(ordinal))


def naming_id(*candidates: str) -> str:
    """The first of these ids that names a call; '' when there is none, or only one that repeats by nature."""
    for one in candidates:
        if one and not _WEAK_ID.fullmatch(one):
            return one
    return ""


def answer_key(response_id: str) -> UUID:
    """The thread that begins with this answer, and the key under which a later call finds it."""
    return _of_key_of_answer(response_id)


_of_key_of_answer = deriving("answer")


def named_thread(name: str) -> UUID:
    """The thread (一連) that a header, session or trace names."""
    return _of_thread(name)


_of_thread = deriving("thread")


def answered_call(response_id: str) -> UUID | None:
    """The id that a log of the upstream gives the call with this answer; None where the answer's id names none."""
    return _of_answer(response_id) if _is_answer_id(response_id) else None


_is_answer_id = _ANSWER_ID.fullmatch


_of_answer = deriving("call", "answer")


@lru_cache(maxsize=10_000)
def gateway_group(task: str, key_name: str) -> UUID:
    """The prompt group of a call through the gateway: a task's calls are one, those without one go by their key."""
    return _of_task(task) if task else _of_key(key_name)


_of_task = deriving("group", "task")
_of_key = deriving("group", "key")


def thread_key(logged: Logged, its_id: UUID) -> UUID:
    """The thread (一連) by header, session or trace; else by the previous answer, its own answer, or the call."""
    if logged.trace:
        return named_thread(logged.trace)
    if logged.previous_response_id:
        return answer_key(logged.previous_response_id)
    if logged.response_id and not _WEAK_ID.fullmatch(logged.response_id):
        return answer_key(logged.response_id)
    return derived_id("thread", its_id.bytes)


def group_of(logged: Logged, held: dict[str, CallGroup]) -> CallGroup:
    """Which calls have a prompt like this one's, for proposing tasks.

    By system prompt; else by the prompt's registered name; else by how the first user message begins; else by the
    log's name for the call; else by key. ``held`` remembers system prompts and is emptied when full.
    """
    system = logged.system_prompt
    if system:
        group = held.get(system)
        if group is None:
            group = _by_system_prompt(system)
            if len(held) >= MOST_GROUPS_HELD:
                held.clear()
            held[system] = group
        return group
    name = logged.metadata.get("prompt_name", "")
    if not name and logged.prompt:
        return _by_template(logged.prompt)
    name = name or logged.metadata.get("name", "")
    if name:
        return CallGroup(derived_id("group", "name", name), "name", "", name[:SAMPLE_CHARACTERS])
    key = logged.key_name or logged.model_answered or logged.model_asked
    return CallGroup(derived_id("group", "key", key), "key", "", key[:SAMPLE_CHARACTERS])


def normalised(text: str) -> str:
    """Text in which only the wording counts: NFKC, one ``#`` for dates, numbers and ids, white space folded."""
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return _SPACE.sub(" ", _VARYING.sub("#", text)).strip()


def shared_beginning(first: str, second: str) -> str:
    """What both texts begin with, cut where a character ends (not between a letter and its mark)."""
    shorter = min(len(first), len(second))
    end = next((i for i in range(shorter) if first[i] != second[i]), shorter)
    while end and _is_inside(first, end) | _is_inside(second, end):
        end -= 1
    return first[:end]


def _is_inside(text: str, border: int) -> bool:
    if border >= len(text):
        return False
    return bool(unicodedata.combining(text[border])) or text[border] in _JOINERS or text[border - 1] == "\u200d"


def system_prompt_hash(system: str) -> str:
    """Hexadecimal: equal for system prompts that begin alike."""
    return _digest_of(system).hex()


def _digest_of(system: str) -> bytes:
    return digest_16(normalised(system[: 2 * SYSTEM_CHARACTERS])[:SYSTEM_CHARACTERS].encode())


def _by_system_prompt(system: str) -> CallGroup:
    digest = _digest_of(system)
    sample = _SPACE.sub(" ", system[: 4 * SAMPLE_CHARACTERS]).strip()[:SAMPLE_CHARACTERS]
    return CallGroup(derived_id("group", "system_prompt", digest), "system_prompt", digest.hex(), sample)


def _by_template(prompt: str) -> CallGroup:
    beginning = normalised(prompt[: 2 * SAMPLE_CHARACTERS])[:SAMPLE_CHARACTERS]
    return CallGroup(derived_id("group", "template", beginning[:TEMPLATE_CHARACTERS]), "template", "", beginning)
