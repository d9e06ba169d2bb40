"""Chapter 6 of `make demo`: what leaves the company of a call, and what is kept of it.

The model outside is played by a server on this machine (``demo_outside``); what it was sent is shown as it arrived. Numbers that are
valid are made while the demo runs and stand in no file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from demo_gateway import gateway, key
from demo_outside import MODEL, Outside

TASK = "reply-draft"
SETTINGS = """
[upstreams.outside]
kind = "compatible"
base_url = "{url}"
vendor = "outside"
models = "{model}"

[tasks.{task}]
title_ja = "返信の下書き"
title_en = "Drafts of replies"
variant = "outside/{model}"
"""
PERSON, PHONE, MAIL = "佐藤 花子", "090-0000-1234", "hanako@example.jp"
"""Nobody: the number's middle is not given out, the host is reserved."""

Say = Callable[[str, str], None]


class Demo(Protocol):
    """What this chapter needs of the demo that runs it."""

    home: Path
    environment: dict[str, str]

    def run(self, *words: str, tells_steps: bool = True, may_refuse: bool = False) -> str: ...
    def quiet(self, *words: str) -> str: ...


def from_text_to_marks(demo: Demo, say: Say) -> None:
    """Let a policy hold, call through it, show both sides and the evidence."""
    say("\n第6章　社外に出る前に", "\nChapter 6  Before it leaves the company")
    say("返信の下書きを社外のモデルに頼みます。個人情報は仮名に置き換えて送り、答えの中で元に戻します。"
        "社外のモデルの役は、この計算機の中の小さな応答役です（LLM ではありません）。",
        "A model outside is asked for drafts of replies. Personal data goes out under marks, and comes back in the answer. "
        "The model outside is played by a small server on this machine (no LLM).")  # fmt: skip
    with Outside() as outside:
        file = demo.home / "jitsuri.toml"
        added = SETTINGS.format(url=outside.url, model=MODEL, task=TASK)
        file.write_text(file.read_text("utf-8") + added, "utf-8")
        demo.run("guard", "policy", "set", TASK, "--preset", "recommended", "--reason", "make demo")
        secret = key(demo, "demo-guard", say)
        with gateway(demo) as url:
            call = _Caller(url, secret, demo.environment["JITSURI_LANG"], outside, say)
            call.streamed(
                f"{PERSON}様から納期の催促です。電話 {PHONE}、メール {MAIL}、"
                f"マイナンバー {_my_number('12345678901')} が書かれています。返信の下書きを。"
            )
            call.refused("この鍵で接続できません。AKIA" + "Z5K3QJ7WLM2TX6PB の使い方を教えて。")
    demo.run("guard", "findings", "--task", TASK)
    say("残る証跡は、場所・種類・確からしさ・処置だけで、値はありません。検知は見落とすことがあります。"
        "仮名化した文も個人情報として扱います。匿名加工情報ではありません。",
        "What is kept is place, type, score and action, and no value. Detection misses things. "
        "Pseudonymised text is still personal data.")  # fmt: skip


class _Caller:
    """An application with OpenAI's own library."""

    def __init__(self, url: str, key: str, lang: str, outside: Outside, say: Say) -> None:
        sys.dont_write_bytecode = True
        import openai

        self._error = openai.APIStatusError
        self._client = openai.OpenAI(
            base_url=f"{url}/v1", api_key=key, max_retries=0, default_headers={"X-Jitsuri-Language": lang}
        )
        self._outside = outside
        self._say = say

    def streamed(self, text: str) -> None:
        self._say(f"\n  アプリが送った文\n    {text}", f"\n  What the application sent\n    {text}")
        stream = self._client.chat.completions.create(model=f"task:{TASK}", messages=_asked(text), stream=True)
        answer = "".join(one.choices[0].delta.content or "" for one in stream if one.choices)
        seen = self._outside.seen[-1]
        self._say(f"  社外に届いた文\n    {seen}", f"  What arrived outside\n    {seen}")
        self._say(f"  アプリに返った答え（ストリーム）\n    {answer}",
                  f"  What came back to the application (streamed)\n    {answer}")  # fmt: skip
        if any(value in seen for value in (PERSON, PHONE, MAIL)):
            raise SystemExit("personal data went out")
        if PERSON not in answer or PHONE not in answer:
            raise SystemExit("a mark was not restored")

    def refused(self, text: str) -> None:
        before = len(self._outside.seen)
        self._say("\n  鍵のようなものを含む文を送ると", "\n  And with something like a key in it")
        try:
            self._client.chat.completions.create(model=f"task:{TASK}", messages=_asked(text))
        except self._error as error:
            body = error.body if isinstance(error.body, dict) else {}
            print(f"    openai.{type(error).__name__}: {error.status_code} {body.get('code')}\n    {body.get('message')}",
                  flush=True)  # fmt: skip
        if len(self._outside.seen) != before:
            raise SystemExit("a secret went out")


def _asked(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def _my_number(first: str) -> str:
    """A number whose check digit is right (総務省令第八十五号 of 2014, Art. 5)."""
    total = sum(int(sign) * (n + 1 if n <= 6 else n - 5) for n, sign in enumerate(reversed(first), 1))
    rest = total % 11
    return first + str(0 if rest <= 1 else 11 - rest)
