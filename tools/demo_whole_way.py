"""Chapters 4 and 5 of `make demo`: from a real task to a signed certificate and back, by commands, on this machine alone.

The student of chapter 2 is tried on inquiries that it was not taught on; a script that knows the sample's truth plays the reviewers;
the certificate goes its way to three signatures, into force, and is voided by a price. No LLM is asked: today's model is played by a
server on this machine that gives the answers which the log recorded. Everything printed is what commands, scripts and
the gateway said; where the verdict is no pass, the chapter says so and ends there.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from calendar import timegm
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

from demo_gateway import STUDENT, TASK, gateway, key

TODAY = "gpt-6.1-sol"
WAY, RULES_WAY = f"local/{STUDENT}", f"local/rules:{TASK}"
SIZE, SEED, LABELS = 250, 0, 250
"""Requests of the trial, the seed of their draw, and labels: all pairs are judged, so that each counts for every figure."""
MARGIN = "0.1"
"""What the task's owner allows, said on the screen: with 250 labels five points could not be told from none."""
SPAN_DAYS = 93
"""How far back a trial draws from (decision 0031)."""
SHARE = 20
CALLS_AT_LEAST, CALLS_AT_MOST = 20, 80
CALLS_AFTER = 5
KEY_FILE, PRICE_FILE = f"{TASK}.key", "prices.toml"
KEPT = f"""
[texts.{TASK}]
keep = "full"
retention_days = 180
key_file = "{KEY_FILE}"
reason = "make demo: a lighter model is to be tried on these / 軽いモデルで足りるかを確かめるため"
"""
PRICE = """[[price]]
provider = "openai"
model = "{model}"
currency = "USD"
valid_from = {day}
input = 1
output = 5
keep_listed = true
source = "make demo: invented, half the listed price / 作りもの、単価表の半額"
"""
PEOPLE = (
    ("baba", "馬場（見本）", "Baba (sample)", "developer"),
    ("doi", "土井（見本）", "Doi (sample)", "owner"),
    ("fuji", "藤（見本）", "Fuji (sample)", "reviewer"),
    ("goto", "後藤（見本）", "Goto (sample)", "reviewer"),
)

_NUMBER = re.compile(r"JR-\d{4}-\d{4}")

Say = Callable[[str, str], None]


class Demo(Protocol):
    """What this chapter needs of the demo that runs it."""

    home: Path
    logs: Path
    environment: dict[str, str]
    url: str
    """The gateway's address, while it runs."""

    def run(self, *words: str, tells_steps: bool = True, may_refuse: bool = False) -> str: ...
    def quiet(self, *words: str) -> str: ...
    def script(self, name: str, *words: str) -> None: ...


def take_in_held(demo: Demo, say: Say) -> None:
    """In chapter 1, before everything else is imported: the inquiries that chapter 2 holds back, with their texts."""
    say("\n本文は、残すと決めた業務だけ、鍵と期限と理由を決めて残します。ここでは第4章で試す問合せ、つまり第2章で蒸留モデルに"
        "学ばせない分だけを、先に本文つきで取り込みます（次の取込みでは「取込み済み」になります）。",
        "\nTexts are kept only where somebody decided so, with a key, a last day and a reason. Here those of the inquiries that chapter "
        "4 tries, which chapter 2 does not teach to the student, are taken in first (the next import knows them already).")  # fmt: skip
    held = _held(demo)
    demo.script("held_inquiries.py", "--logs", str(demo.logs), "--out", str(held))
    (demo.home / KEY_FILE).write_text(secrets.token_hex(32), "ascii")
    (demo.home / KEY_FILE).chmod(0o600)
    _settle(demo, {"": KEPT})
    demo.run("import", str(held))
    _settle(demo, {KEPT: ""})


def from_task_to_certificate(demo: Demo, stack: ExitStack, kept: Path, say: Say) -> str:
    """Trial, labels, verdict, certificate, signatures; the certificate's number, '' where there is none.

    The gateway and the server that plays the vendor go on until ``stack`` is closed.
    """
    say("\n第4章　業務から、承認された証明書まで", "\nChapter 4  From a task to a signed certificate")
    calls = _recorded(demo)
    fresh = sum(one["timestamp"][:10] > _day(SPAN_DAYS) for one in calls)
    if fresh < SIZE:
        say(f"見本のログの問合せのうち、この 93 日のものは {fresh} 件で、{SIZE} 件の試行ができません。この章は飛ばします。",
            f"Of the sample's inquiries {fresh} are of the last 93 days: too few for a trial of {SIZE}. "
            "This chapter is left out.")  # fmt: skip
        return ""
    _prepare(demo, stack.enter_context(_played(calls)), say)
    demo.url = stack.enter_context(gateway(demo))
    trial = _try(demo, say)
    _label(demo, trial, say)
    number = _certify(demo, trial, say)
    if number:
        _sign(demo, number, kept, say)
    return number


def from_certificate_and_back(demo: Demo, number: str, say: Say) -> None:
    """Canary, everything, void, back."""
    say("\n第5章　発効から、失効して切り戻すまで", "\nChapter 5  In force, void, and back")
    _live(demo, number, _recorded(demo), say)
    say("\n値下げは作りもので、四人は見本の人です。画面では「試行」「確認」「承認待ち」「発効」から同じことができます。",
        "\nThe price is invented and the four people are samples. The console has the same, under Trials, Review, Approvals "
        "and In force.")  # fmt: skip


def _prepare(demo: Demo, address: str, say: Say) -> None:
    say(f"第3章で決めた構成を外し、今の構成を {TODAY} に戻します。LLM は呼びません。"
        "ログに残る回答をそのまま返すサーバーをこの計算機で動かし、提供元の役にします（円は、記録のトークン数を単価表で計算したもので、だれにも払いません）。",
        f"The variant of chapter 3 is taken out, and {TODAY} is today's way again. No LLM is asked: a server on this machine gives the "
        "answers that the log recorded and plays the vendor (yen are recorded tokens at listed prices; nobody is paid).")  # fmt: skip
    _settle(
        demo,
        {
            f'variant = "{WAY}"\n': f'margin = "{MARGIN}"\n',
            'base_url = "https://llm.example.jp/v1"': f'base_url = "{address}"',
            "": KEPT,
        },
    )
    demo.run("variant", "set", TASK, f"example/{TODAY}", "--reason", "make demo")


def _try(demo: Demo, say: Say) -> str:
    """The trial's id."""
    say(f"\n試行：過去の問合せから {SIZE} 件を層別に引き、安い候補に聞き直します。今の答えは記録のものです。"
        "業務オーナーは、10 点までの差なら許すと決めたことにします（既定は 5 点。この件数では 5 点の差を見分けられません）。",
        f"\nA trial: {SIZE} past inquiries, drawn by strata, are asked again of cheaper candidates. Today's answers are "
        "the recorded ones. The owner is taken to allow 10 points (5 by default, which so few could not tell).")  # fmt: skip
    demo.run("trial", "propose", TASK)
    demo.run("trial", "start", TASK, "--candidate", WAY, "--candidate", RULES_WAY, "--size", str(SIZE), "--seed", str(SEED),
             "--cap", "1", "--yes", "--run", tells_steps=False)  # fmt: skip
    trial = str(json.loads(demo.quiet("trial", "list", "--json"))[0]["trial"])
    say(
        "\n人が見る前は「今と同じ答えか」でしか言えません。",
        "\nBefore people look, all that can be told is “the same answer as today”.",
    )
    demo.run("trial", "verdict", trial[:18])
    return trial


def _label(demo: Demo, trial: str, say: Say) -> None:
    """People are set up, and two of them judge on sheets."""
    say("\n蒸留モデルの答えを、人がペアで見ます。どちらがどのモデルかは表にありません。デモには評価する人がいないので、"
        "見本の正解を知る評価者役のスクリプトが表を埋めます（本物の人は迷い、割れます）。見本の人は四人です："
        "馬場（起案）、藤（評価）、後藤（評価と審査）、土井（業務オーナー、決裁）。",
        "\nPeople judge the student's answers in pairs; the sheet does not tell whose they are. In a demo nobody sits there: a script that "
        "knows the sample's truth plays both reviewers (real ones doubt and differ). Four sample people: Baba drafts, Fuji "
        "judges, Goto judges and reviews, Doi is the owner and decides.")  # fmt: skip
    for login, ja, en, role in PEOPLE:
        name = en if demo.environment["JITSURI_LANG"] == "en" else ja
        demo.quiet("people", "add", f"{login}@example.jp", "--name", name, "--role", role)
    demo.run("pairs", "draw", trial, "--candidate", WAY, "--labels", str(LABELS))
    for login in ("fuji", "goto"):
        sheet, filled = (demo.logs / f"{login}{end}.csv" for end in ("", "-filled"))
        demo.run("pairs", "export", trial, "--login", f"{login}@example.jp", "--out", str(sheet), "--most", "1000")
        demo.script("label_pairs.py", "--logs", str(demo.logs), "--sheet", str(sheet), "--out", str(filled))
        demo.run("pairs", "import", str(filled), "--login", f"{login}@example.jp")


def _certify(demo: Demo, trial: str, say: Say) -> str:
    """The certificate's number; '' where nothing passed."""
    demo.run("trial", "verdict", trial[:18])
    say("\n規則は「今と同じか」の時点で大きく劣り、人には見せていないので、結論はありません。合格した候補があれば、証明書を作ります。",
        "\nThe rules were far worse already and nobody judged them, so there is no verdict on them. "
        "A candidate that passed is certified.")  # fmt: skip
    found = _NUMBER.search(demo.run("trial", "certify", trial[:18], may_refuse=True))
    if found is None:
        say("\n合格した候補がありません。証明書は作れず、この章はここで終わります。",
            "\nNo candidate passed. There is nothing to certify, and the chapter ends here.")  # fmt: skip
    return found[0] if found else ""


def _sign(demo: Demo, number: str, kept: Path, say: Say) -> None:
    say("\n起案・審査・決裁。起案した人は、審査も決裁もできません。",
        "\nDraft, review, decision. Whoever drafted neither reviews nor decides.")  # fmt: skip
    subject = ("certificate", number)
    demo.run("approval", "submit", *subject, "--login", "baba@example.jp")
    demo.run("approval", "review", *subject, "--login", "goto@example.jp")
    demo.run("approval", "decide", *subject, "--login", "doi@example.jp", "--approve", "--reason", "make demo")
    paper = kept / "signed-certificate.pdf"
    demo.run("certificate", "export", number, "--out", str(paper.with_suffix(".json")), "--pdf", str(paper))


def _live(demo: Demo, number: str, calls: list[dict[str, Any]], say: Say) -> None:
    """In force by a canary, then for everything; void, and rolled back."""
    owner = ("--login", "doi@example.jp", "--reason", "make demo")
    say(f"\n発効。まず一連の {SHARE} % だけ。失効したら自動で戻します。",
        f"\nIn force, for {SHARE} % of the threads first; rolled back by itself when void.")  # fmt: skip
    demo.run("certificate", "force", number, "--percent", str(SHARE), "--rollback", "automatic", *owner)
    secret = key(demo, "demo-whole-way", say)
    time.sleep(2)  # until the gateway has read key and canary
    caller = _Caller(demo.url, secret, calls)
    sides = caller.until_both()
    say("\n  先行の側と、今の構成の側の一件ずつ：", "\n  One call of each side, the canary's and today's:")
    for way in sorted(sides, reverse=True):
        demo.run("explain", sides[way])
    say("\n全面にします。", "\nNow for everything.")
    demo.run("certificate", "full", number, *owner)
    caller.again()
    say(f"\n前提が変わります：{TODAY} が半額になったと、会社の単価ファイルに書きます（作りもの）。証明書の限度は 20 % です。",
        f"\nSomething changes: the company's price file says that {TODAY} costs half (invented). "
        "The certificate's limit is 20 %.")  # fmt: skip
    _halve(demo)
    demo.run("prices", "overrides", "check", str(demo.home / PRICE_FILE))
    demo.run("certificate", "watch")
    say("\n前の構成が、また答えています。", "\nThe way before answers again.")
    demo.run("explain", caller.again())
    demo.run("certificate", "life", number)


def _halve(demo: Demo) -> None:
    (demo.home / PRICE_FILE).write_text(PRICE.format(model=TODAY, day=_day(1)), "utf-8")
    _settle(demo, {'# overrides = ""': f'overrides = "{PRICE_FILE}"'})


def _day(before: int) -> str:
    """The day so many days ago, of UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(timegm(time.gmtime()) - before * 86_400))


def _settle(demo: Demo, changes: Mapping[str, str]) -> None:
    """Change ``jitsuri.toml``: what stands there for what shall; '' adds at the end."""
    file = demo.home / "jitsuri.toml"
    text = file.read_text("utf-8")
    for before, after in changes.items():
        if before not in text:
            raise SystemExit(f"{file} has no {before.strip()}")
        text = text.replace(before, after, 1) if before else text + after
    file.write_text(text, "utf-8")


def _held(demo: Demo) -> Path:
    return demo.logs / "held-inquiries.jsonl"


def _recorded(demo: Demo) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _held(demo).read_text("utf-8").splitlines()]


class _Caller:
    """An application with the vendor's own library, sending the log's newest inquiries, each a thread of its own."""

    def __init__(self, url: str, secret: str, calls: list[dict[str, Any]]) -> None:
        import openai

        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0)
        self._next = iter(reversed(calls))

    def until_both(self) -> dict[str, str]:
        """Calls until both ways have answered, at least twenty; a call of each way."""
        found: dict[str, str] = {}
        counted: Counter[str] = Counter()
        while sum(counted.values()) < CALLS_AT_LEAST or len(counted) < 2:
            if sum(counted.values()) == CALLS_AT_MOST:
                raise SystemExit("one side of the canary never answered")
            way, call = self._call()
            counted[way] += 1
            found.setdefault(way, call)
        _tell(counted)
        return found

    def again(self) -> str:
        """A few calls more, after the variant's change has reached the gateway; the last one."""
        time.sleep(1)
        came = [self._call() for _ in range(CALLS_AFTER)]
        _tell(Counter(way for way, _ in came))
        return came[-1][1]

    def _call(self) -> tuple[str, str]:
        messages = next(self._next)["request"]["messages"]
        raw = self._client.chat.completions.with_raw_response.create(model=f"task:{TASK}", messages=messages)
        return raw.headers["x-jitsuri-answered-by"], raw.headers["x-jitsuri-call"]


def _tell(counted: Counter[str]) -> None:
    print("\n  openai: " + "   ".join(f"{way} × {count}" for way, count in counted.most_common()), flush=True)


@contextmanager
def _played(calls: list[dict[str, Any]]) -> Iterator[str]:
    """A server that answers each inquiry as the log recorded it, until the block ends; gives its address."""
    recorded = {one["request"]["messages"][-1]["content"]: one["response"] for one in calls}

    class Vendor(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(recorded[asked["messages"][-1]["content"]]).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
