"""Chapter 3 of `make demo`: calls by the vendors' own libraries, answered on this machine, each with its line in the ledger.

The student that chapter 2 taught answers; no LLM and no key of a vendor is needed. The one call that would go outside is
refused by a hard budget before anybody is asked. Everything printed is what the gateway, the libraries and the ledger said.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

JITSURI = str(Path(sys.executable).parent / "jitsuri")
TASK = "inquiry-triage"
STUDENT = f"student:{TASK}"
STRANGER = "gpt-6.1-sol"
"""A model that costs money; the sample company has used it, and nobody is asked here."""
TIMED_CALLS = 50
SETTINGS = f"""
[upstreams.example]
kind = "compatible"
base_url = "https://llm.example.jp/v1"
vendor = "openai"
models = "{STRANGER}"

[budgets.demo-limit]
scope = "key"
subject = "demo-tight"
period = "day"
limit_jpy = 1
kind = "hard"
"""

_ADDRESS = re.compile(r"(http://\S+)/v1")

Say = Callable[[str, str], None]


class Demo(Protocol):
    """What this chapter needs of the demo that runs it."""

    home: Path
    environment: dict[str, str]

    def quiet(self, *words: str) -> str: ...


def from_call_to_ledger(demo: Demo, variants: Path, outcomes: Path, say: Say) -> None:
    """Let the student answer calls of the vendors' libraries; show what the ledger has of each.

    ``variants`` is the folder that ``answer_inquiries.py --export`` wrote, ``outcomes`` its table: the same inquiries are
    sent, so that the answers can be held against chapter 2's.
    """
    say("\n第3章　呼出しから明細へ", "\nChapter 3  From a call to its entry")
    say("第2章で学ばせた蒸留モデルを、業務の構成にします。アプリケーションが変えるのは base_url と鍵だけです。",
        "The student of chapter 2 becomes the task's variant. An application changes its base_url and its key, nothing else.")  # fmt: skip
    _prepare(demo, variants)
    common = key(demo, "demo-app", say)
    tight = key(demo, "demo-tight", say)
    asked = _asked(outcomes)
    with gateway(demo) as url:
        callers = _Callers(url, common, tight, demo.environment["JITSURI_LANG"], say)
        calls = [callers.whole(asked[0]), callers.streamed(asked[1]), callers.by_anthropic(asked[2])]
        refused = callers.refused(asked[3])
        calls.append(callers.whole_by_tight(asked[3]))
        _time(callers, asked, say)
    _tell_entries(demo, calls, refused, say)
    say("蒸留モデルの答えは 0 円ですが、計算機の費用と、作る・見直す手間は含みません。",
        "The student's answers cost 0 yen; the machine itself and the work of making and reviewing it are not in that.")  # fmt: skip


def _prepare(demo: Demo, variants: Path) -> None:
    shutil.copytree(variants, demo.home / "variants", dirs_exist_ok=True)
    file = demo.home / "jitsuri.toml"
    text = file.read_text("utf-8")
    head = f"[tasks.{TASK}]\n"
    if head not in text:
        raise SystemExit(f"{file} has no task {TASK}")
    file.write_text(text.replace(head, f'{head}variant = "local/{STUDENT}"\n', 1) + SETTINGS, "utf-8")


def key(demo: Demo, name: str, say: Say) -> str:
    """Make a key; it is shown as a person would keep it in mind, never whole."""
    secret = demo.quiet("key", "make", name, "--purpose", "make demo").strip()
    print(f"\n  $ jitsuri key make {name}", flush=True)
    say(f"    {secret[:6]}…{secret[-4:]}（秘密は一度だけ出ます）", f"    {secret[:6]}…{secret[-4:]} (told once)")
    return secret


def _asked(outcomes: Path) -> list[dict[str, Any]]:
    """Held inquiries in the order of the table, with what the student answered in chapter 2."""
    rows = (json.loads(line) for line in outcomes.read_text("utf-8").splitlines())
    return [row for row in rows if row["model"] == STUDENT]


@contextmanager
def gateway(demo: Demo) -> Iterator[str]:
    """``jitsuri up`` until the block ends; gives the gateway's address without its version path."""
    print("\n  $ jitsuri up", flush=True)
    log = demo.home / "gateway.log"
    with log.open("w") as file:
        server = subprocess.Popen([JITSURI, "up", "--port", "0", "--gateway-port", "0"], env=demo.environment,
                                  text=True, stdout=subprocess.PIPE, stderr=file)  # fmt: skip
    try:
        assert server.stdout is not None
        line, found = next(((line, hit) for line in server.stdout if (hit := _ADDRESS.search(line))), ("", None))
        if found is None:
            raise SystemExit("the gateway did not start")
        print(f"    {line.rstrip()}", flush=True)
        _wait_until_well(found[1])
        yield found[1]
    except BaseException:
        print(log.read_text("utf-8")[-4000:], file=sys.stderr)
        raise
    finally:
        server.terminate()
        server.communicate(timeout=60)


def _wait_until_well(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the gateway is not well")


class _Callers:
    """Applications, each with its vendor's own library."""

    def __init__(self, url: str, key: str, tight: str, lang: str, say: Say) -> None:
        sys.dont_write_bytecode = True  # 30 MB of the two libraries would be compiled into .venv for one run
        import anthropic
        import openai

        self._say = say
        self._openai_error = openai.APIStatusError
        shared: dict[str, Any] = {"max_retries": 0, "default_headers": {"X-Jitsuri-Language": lang}}
        self.openai = openai.OpenAI(base_url=f"{url}/v1", api_key=key, **shared)
        self.tight = openai.OpenAI(base_url=f"{url}/v1", api_key=tight, **shared)
        self.anthropic = anthropic.Anthropic(base_url=url, api_key=key, **shared)
        self._versions = {"openai": openai.__version__, "anthropic": anthropic.__version__}

    def whole(self, row: dict[str, Any], client: Any = None) -> str:
        self._ask("openai", f'client.chat.completions.create(model="task:{TASK}", …)', row)
        create = (client or self.openai).chat.completions.with_raw_response.create
        raw = create(model=f"task:{TASK}", messages=_messages(row))
        return self._answered(row, raw.parse().choices[0].message.content, raw.headers)

    def streamed(self, row: dict[str, Any]) -> str:
        self._ask("openai", f'client.chat.completions.create(model="task:{TASK}", stream=True, …)', row)
        raw = self.openai.chat.completions.with_raw_response.create(
            model=f"task:{TASK}", messages=_messages(row), stream=True
        )
        text = "".join(one.choices[0].delta.content or "" for one in raw.parse() if one.choices)
        return self._answered(row, text, raw.headers)

    def by_anthropic(self, row: dict[str, Any]) -> str:
        self._ask("anthropic", f'client.messages.create(model="task:{TASK}", max_tokens=64, …)', row)
        raw = self.anthropic.messages.with_raw_response.create(
            model=f"task:{TASK}", max_tokens=64, messages=_messages(row)
        )
        return self._answered(row, raw.parse().content[0].text, raw.headers)

    def refused(self, row: dict[str, Any]) -> str:
        """A call that could cost more than its key's hard budget has."""
        self._say(f"\n  上限のある鍵（1 日 1 円、厳格）で、料金のかかる {STRANGER} を呼びます。",
                  f"\n  A key with a hard budget of 1 yen a day calls {STRANGER}, which costs money.")  # fmt: skip
        self._ask("openai", f'client.chat.completions.create(model="{STRANGER}", …)', row)
        try:
            self.tight.chat.completions.create(model=STRANGER, messages=_messages(row))
        except self._openai_error as error:
            body = error.body if isinstance(error.body, dict) else {}
            print(f"    openai.{type(error).__name__}: {error.status_code} {body.get('code')}\n    {body.get('message')}",
                  flush=True)  # fmt: skip
            return str(error.response.headers.get("x-jitsuri-call", ""))
        raise SystemExit("a hard budget let a call through")

    def whole_by_tight(self, row: dict[str, Any]) -> str:
        """The same key and inquiry, answered by the student: nothing to hold."""
        self._say("\n  同じ鍵、同じ問合せでも、業務の構成（蒸留モデル）なら 0 円なので答えます。",
                  "\n  The same key and inquiry, answered by the task's variant (the student), which costs 0 yen.")  # fmt: skip
        return self.whole(row, self.tight)

    def _ask(self, library: str, code: str, row: dict[str, Any]) -> None:
        line = next(one for one in row["prompt"].split("\n") if one.strip())
        print(f"\n  {library} {self._versions[library]}: {code}\n    「{line[:40]}…」", flush=True)

    def _answered(self, row: dict[str, Any], text: str, headers: Any) -> str:
        same = text == row["answer"]
        self._say(f"    → {text}（{headers['x-jitsuri-answered-by']}、第2章の答えと{'同じ' if same else '違う'}）",
                  f"    → {text} ({headers['x-jitsuri-answered-by']}, {'as' if same else 'not as'} in chapter 2)")  # fmt: skip
        if not same:
            raise SystemExit(f"chapter 2 answered {row['answer']}")
        return str(headers["x-jitsuri-call"])


def _messages(row: dict[str, Any]) -> list[Any]:
    return [{"role": "user", "content": row["prompt"]}]


def _time(callers: _Callers, asked: list[dict[str, Any]], say: Say) -> None:
    """So many calls one after another, as one caller sees them."""
    took, same = [], 0
    for row in asked[4 : 4 + TIMED_CALLS]:
        begun = time.perf_counter()
        answer = callers.openai.chat.completions.create(model=f"task:{TASK}", messages=_messages(row))
        took.append((time.perf_counter() - begun) * 1000)
        same += answer.choices[0].message.content == row["answer"]
    middle = statistics.median(took)
    say(f"\n  続けて {len(took)} 件：中央値 {middle:.1f} ミリ秒（台帳に書き終えるまで、ライブラリの時間も含む）、第2章と同じ答え {same} 件",
        f"\n  {len(took)} more, one after another: median {middle:.1f} ms (until the ledger has it, the library's own time "
        f"included), {same} answered as in chapter 2")  # fmt: skip


def _tell_entries(demo: Demo, calls: list[str], refused: str, say: Say) -> None:
    """The ledger's lines of these calls, found by the id that each answer carried."""
    month = time.strftime("%Y-%m", time.gmtime())  # of UTC: never later than the company's
    exported = demo.quiet("ledger", "export", "--format", "jsonl", "--from", month)
    rows = [json.loads(line) for line in exported.splitlines()]
    by_call = {row["call"]: row for row in rows}
    say("\n  台帳の明細：", "\n  Their entries in the ledger:")
    for call in calls:
        row = by_call[call]
        print(f"    {call[:8]}…{call[-4:]}  {row['task']}  {row['provider']}/{row['model']}  {row['status']}  "
              f"{row['cost_jpy']} {row['currency']}  {row['latency_ms']} ms  {row['source']}", flush=True)  # fmt: skip
    if refused in by_call:
        raise SystemExit("a refused call has an entry")
    say(f"    {refused[:8]}…{refused[-4:]}  明細なし（断ったので、どこにも送っていない）",
        f"    {refused[:8]}…{refused[-4:]}  no entry (refused: nobody was asked)")  # fmt: skip
