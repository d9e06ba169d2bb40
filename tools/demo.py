"""`make demo`: short chapters, each on the embedded database, without a key and without an LLM.

Shows only what really happened: every figure is printed by the installed command (``tools/warm.py`` holds it in memory, so that
each run need not load it) or by the sample's scripts. The database is
thrown away at the end; what chapters 2 and 4 made (certificates, exports, the table) stays in ``.demo`` until ``make clean``. On a
terminal the console stays open until Ctrl+C; elsewhere its first page is fetched once and the demo ends.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from contextlib import ExitStack
from pathlib import Path

from demo_gateway import from_call_to_ledger
from demo_guard import from_text_to_marks
from demo_whole_way import from_certificate_and_back, from_task_to_certificate, take_in_held
from warm import Warm

ROOT = Path(__file__).resolve().parent.parent
JITSURI = str(Path(sys.executable).parent / "jitsuri")
KEPT = ROOT / ".demo"
TODAY, STUDENT, RULES = "gpt-6.1-sol", "student:inquiry-triage", "rules:inquiry-triage"
LANG = "en" if os.environ.get("JITSURI_LANG") == "en" else "ja"


def say(ja: str, en: str) -> None:
    """A line of the story in the asked language."""
    print(ja if LANG == "ja" else en, flush=True)


class Demo:
    """One run in a throw-away home."""

    def __init__(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="jitsuri-demo-"))
        self.top.chmod(0o711)  # as root the database runs as another user, who must get through
        self.home = self.top / "home"
        self.logs = self.top / "logs"
        self.environment = {**os.environ, "JITSURI_HOME": str(self.home), "JITSURI_LANG": LANG, "COLUMNS": "118"}
        self.environment.pop("DATABASE_URL", None)
        self.server: subprocess.Popen[str] | None = None
        self.warm = Warm(self.environment)
        self.stack = ExitStack()
        """What lives from one chapter to the next."""
        self.url = ""
        self.number = ""
        """The certificate of chapter 4; '' where nothing passed."""

    def run(self, *words: str, tells_steps: bool = True, may_refuse: bool = False) -> str:
        """Run the installed command, showing it and what it says; without ``tells_steps`` the last alone of those that it tells
        on the way. What it says is given back; '' where it refused and may."""
        print(f"\n  $ jitsuri {' '.join(self._shown(word) for word in words)}", flush=True)
        done = self.warm.run(*words)
        steps = done.stderr.splitlines()
        if not tells_steps and not done.returncode and len(steps) > 1:
            steps = [f"… ({len(steps) - 1})", steps[-1]]
        for line in [*done.stdout.rstrip().splitlines(), *steps]:
            print(f"    {line}", flush=True)
        if done.returncode and not may_refuse:
            raise SystemExit(f"jitsuri {words[0]}: {done.returncode}")
        return "" if done.returncode else done.stdout

    def _shown(self, word: str) -> str:
        """A word of a command as a reader would type it: from here, without the name of the throw-away folder."""
        if word.startswith(str(self.top)):
            return Path(word).name
        return str(Path(word).relative_to(ROOT)) if word.startswith(str(ROOT)) else word

    def script(self, name: str, *words: str) -> None:
        """Run a script of the sample, showing it and what it says."""
        print(f"\n  $ python sample/{name} {' '.join(self._shown(word) for word in words)}", flush=True)
        done = subprocess.run([sys.executable, str(ROOT / "sample" / name), *words], env=self.environment, text=True,
                              capture_output=True, check=False)  # fmt: skip
        for line in (done.stdout + done.stderr).rstrip().splitlines():
            print(f"    {line}", flush=True)
        if done.returncode:
            raise SystemExit(f"{name}: {done.returncode}")

    def quiet(self, *words: str) -> str:
        """Run the installed command and return what it says."""
        done = self.warm.run(*words)
        if done.returncode:
            raise SystemExit(f"jitsuri {' '.join(words)}: {done.returncode}\n{done.stderr}")
        return done.stdout

    # -- chapter 1

    def from_log_to_yen(self) -> None:
        """Import the sample company's logs and see yen by task."""
        say("第1章　ログから円へ", "Chapter 1  From a log to yen")
        say("見本の会社（株式会社サンプル精機）の半年分のログを作ります。すべて見本です。",
            "Making half a year of logs of a sample company. All of it is sample data.")  # fmt: skip
        logs = self.logs
        subprocess.run([sys.executable, str(ROOT / "sample" / "write_log.py"), "--out", str(logs)], check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        self.quiet("init")
        self._settle_settings()
        self.run("check")
        self.quiet("departments", "import", str(logs / "departments.csv"))
        self.quiet("rates", "import", str(logs / "rates.csv"))
        self.quiet("costs", "import", str(logs / "costs.csv"))
        take_in_held(self, say)
        self.run("import", *(str(f) for f in sorted((logs / "calls").iterdir())))
        self.run("tasks", "propose")
        self._confirm_first()
        self.run("ledger", "show", "--by", "task")
        self.run("opportunities")

    def _settle_settings(self) -> None:
        file = self.home / "jitsuri.toml"
        text = file.read_text("utf-8")
        name = "株式会社サンプル精機" if LANG == "ja" else "Sample Seiki Co., Ltd."
        text = re.sub(r"^name = .*$", f'name = "{name}"', text, count=1, flags=re.MULTILINE)
        text = text.replace("# is_sample = false", "is_sample = true")
        file.write_text(text + (ROOT / "sample" / "tasks.toml").read_text("utf-8"), "utf-8")

    def _confirm_first(self) -> None:
        found = json.loads(self.quiet("tasks", "propose", "--json"))
        if found:
            first = found[0]["proposal_id"][:8]
            self.run(
                "tasks",
                "confirm",
                first,
                "named-by-a-person",
                "--title-ja",
                "人が名付けた業務",
                "--title-en",
                "Named by a person",
            )

    # -- chapter 2

    def from_answers_to_certificate(self) -> None:
        """Have the same inquiries answered in two cheaper ways, and let the verdict be computed."""
        say("\n第2章　同じ依頼に、もっと安い答え方で足りるか",
            "\nChapter 2  Is a cheaper way of answering good enough?")  # fmt: skip
        say("問合せ分類を、いま記録から学ばせる小さなモデルと、語の表だけの規則に答えさせ、見本の正解と照らします。"
            f"比べる元は、ログに残る {TODAY} の回答です。LLM は呼びません。",
            "A small model, trained now on what the log recorded, and a plain table of words answer the inquiries; both are "
            f"compared with the sample's truth. The baseline is what {TODAY} answered in the log. No LLM is called.")  # fmt: skip
        KEPT.mkdir(exist_ok=True)
        table, known, paper = KEPT / "outcomes.jsonl", KEPT / "by-difficulty.jsonl", KEPT / "certificate.pdf"
        self.script(
            "answer_inquiries.py", "--logs", str(self.logs), "--out", str(table), "--with-difficulty", str(known),
            "--export", str(self.top / "variants"),
        )  # fmt: skip
        say("\n候補の単価は 0 とします。どちらもこの計算機の中で答え、料金のかかる呼出しがないためです"
            "（計算機の費用と、作る・見直す手間は含みません）。",
            "\nThe candidates' price is set to 0: both answer inside this machine and make no call that is charged for "
            "(the machine itself and the work of making and reviewing them are not in it).")  # fmt: skip
        free = ("--price", f"{STUDENT}=0/0", "--price", f"{RULES}=0/0")
        self.run("rightsize", "offline", str(table), "--baseline", TODAY, *free, "--keep", "--pdf", str(paper))
        say("\n同じ表を、見本を作った側だけが知る難しさ（hard は用件が二つ）で分けると、こうなります。",
            "\nThe same table cut by difficulty, which only the sample's makers know (hard: two requests in one):")  # fmt: skip
        self.run("rightsize", "offline", str(known), "--baseline", TODAY, "--candidate", STUDENT,
                 "--slice", "difficulty", "--no-cascade", *free[:2])  # fmt: skip
        self.run("certificate", "verify", str(paper.with_suffix(".json")))
        say(f"\n証明書は {paper.relative_to(ROOT)} にあり、デモのあとも残ります（make clean で消えます）。"
            "見本の文は文型の組合せなので、実際の問合せより易しく出ます。",
            f"\nThe certificate is {paper.relative_to(ROOT)} and stays after the demo (make clean removes it). "
            "The sample's texts are composed from patterns, so this is easier than real inquiries are.")  # fmt: skip

    # -- chapter 3

    def from_call_to_ledger(self) -> None:
        """Let the student of chapter 2 answer calls of the vendors' own libraries."""
        from_call_to_ledger(self, self.top / "variants", KEPT / "outcomes.jsonl", say)

    # -- chapter 4

    def from_task_to_certificate(self) -> None:
        """Try candidates on past inquiries, have pairs judged, certify, sign."""
        self.number = from_task_to_certificate(self, self.stack, KEPT, say)

    # -- chapter 5

    def from_certificate_and_back(self) -> None:
        """Put the certificate in force, change something, see it void and rolled back."""
        if self.number:
            from_certificate_and_back(self, self.number, say)

    # -- chapter 6

    def from_text_to_marks(self) -> None:
        """Let personal data of a call go out under marks, and come back."""
        self.stack.close()
        from_text_to_marks(self, say)

    # -- the console

    def open_console(self) -> None:
        """Start the console and look at it."""
        self.server = subprocess.Popen([JITSURI, "up", "--port", "0", "--gateway-port", "0"], env=self.environment, text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        assert self.server.stdout is not None
        urls: list[str] = []
        for line in self.server.stdout:
            print(f"    {line.rstrip()}", flush=True)
            urls += re.findall(r"http://\S+", line)
            if len(urls) == 2:
                break
        if len(urls) < 2:
            raise SystemExit("the console did not start")
        for _ in range(50):
            try:
                with urllib.request.urlopen(f"{urls[0]}/health", timeout=5) as answer:
                    say(f"画面が開きました（{answer.status}）。", f"The console is open ({answer.status}).")
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        if sys.stdout.isatty() and sys.stdin.isatty():
            webbrowser.open(urls[1])
            say("リンクを開いて名前と合言葉を決めてください。Ctrl+C で終わり、データは消えます。",
                "Open the link, choose a name and a password. Ctrl+C ends it and removes the data.")  # fmt: skip
            self.server.wait()

    def close(self) -> None:
        """Stop the console and remove the throw-away home."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait(timeout=30)
        self.stack.close()
        self.warm.close()
        shutil.rmtree(self.top, ignore_errors=True)


def main() -> int:
    """All chapters, with the time each took."""
    demo = Demo()
    try:
        chapters = (
            demo.from_log_to_yen, demo.from_answers_to_certificate, demo.from_call_to_ledger,
            demo.from_task_to_certificate, demo.from_certificate_and_back, demo.from_text_to_marks,
        )  # fmt: skip
        for number, chapter in enumerate(chapters, 1):
            started = time.monotonic()
            chapter()
            took = time.monotonic() - started
            say(f"\n第{number}章は {took:.0f} 秒でした。", f"\nChapter {number} took {took:.0f} s.")
        demo.stack.close()
        demo.open_console()
    except KeyboardInterrupt:
        pass
    finally:
        demo.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
