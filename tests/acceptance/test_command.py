"""The installed command, as a person uses it: init, check, import, show, export, up; and what happens when it is killed."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from arro3.io import read_parquet

JITSURI = str(Path(sys.executable).parent / "jitsuri")
pytestmark = pytest.mark.slow


class Command:
    """The installed command with a home of its own."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.home = top / "home"
        self.environment = {**os.environ, "JITSURI_HOME": str(self.home), "JITSURI_LANG": "ja"}
        self.environment.pop("DATABASE_URL", None)

    def start(self, *words: str | Path, **changes: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [JITSURI, *map(str, words)], env=self.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.top, **changes,
        )  # fmt: skip

    def run(self, *words: str | Path, code: int = 0) -> str:
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, f"{words}: {process.returncode}\n{out}\n{err}"
        return out + err if code else out

    def json(self, *words: str | Path) -> Any:
        return json.loads(self.run(*words, "--json"))

    def postmaster(self) -> psutil.Process:
        """The embedded server of this home, once it takes connections. Raises LookupError before."""
        for file in self.home.glob("postgres/**/postmaster.pid"):
            lines = file.read_text("utf-8").splitlines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return psutil.Process(int(lines[0]))
        raise LookupError("no server is ready")


@pytest.fixture
def command(open_folder: Path) -> Iterator[Command]:
    made = Command(open_folder)
    yield made
    for process in psutil.process_iter(["cmdline"]):
        if str(made.home) in " ".join(process.info["cmdline"] or []):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue


def log_line(number: int) -> str:
    """gpt-4o, 1,000 + number in, 50 out: (1000 + number) × 2.5 + 50 × 10 millionths of a dollar."""
    minute, second = divmod(number % 3600, 60)
    return json.dumps({
        "timestamp": f"2026-10-{1 + number % 28:02d}T{number // 3600 % 24:02d}:{minute:02d}:{second:02d}Z",
        "request": {"model": "gpt-4o", "messages": [{"role": "system", "content": f"業務{number % 3}の係です。"},
                                                    {"role": "user", "content": f"質問{number}"}]},
        "response": {"id": f"chatcmpl-accept{number:020d}", "object": "chat.completion", "model": "gpt-4o",
                     "choices": [{"message": {"role": "assistant", "content": "答"}, "finish_reason": "stop"}],
                     "usage": {"prompt_tokens": 1000 + number, "completion_tokens": 50}},
    }, ensure_ascii=False)  # fmt: skip


def write_log(path: Path, count: int) -> Path:
    content = "".join(log_line(number) + "\n" for number in range(count)).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def true_yen(count: int) -> Decimal:
    """By hand: each call's dollars × 150, rounded half up to a millionth, then summed. All of them are exact here."""
    return sum(((Decimal(1000 + n) * Decimal("2.5") + 50 * 10) / 1_000_000 * 150 for n in range(count)), Decimal(0))


def test_from_a_log_to_yen(command: Command) -> None:
    command.run("init")
    assert (command.home / "jitsuri.toml").exists()
    assert "使える状態です" in command.run("check")

    report = command.json("import", write_log(command.top / "calls.jsonl.gz", 300))
    assert (report["runs"][0]["added"], report["unpriced"], report["unconverted"]) == (300, 0, 0)

    shown = command.json("ledger", "show", "--from", "2026-10", "--to", "2026-10", "--by", "model")
    assert Decimal(shown["calls_jpy"]) == true_yen(300)
    assert shown["calls"] == 300
    assert "gpt-4o" in command.run("ledger", "show", "--from", "2026-10", "--to", "2026-10")


def test_an_export_in_each_format_says_the_same(command: Command) -> None:
    command.run("init")
    command.run("import", write_log(command.top / "calls.jsonl", 50))

    for name in ("e.csv", "e.jsonl", "e.parquet"):
        command.run("ledger", "export", "--format", name[2:], "--out", command.top / name)
    with (command.top / "e.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (command.top / "e.jsonl").read_text("utf-8").splitlines()]
    table = read_parquet(str(command.top / "e.parquet")).read_all()

    assert len(rows) == len(lines) == table.num_rows == 50
    assert sum(Decimal(r["cost_jpy"]) for r in rows) == sum(Decimal(r["cost_jpy"]) for r in lines) == true_yen(50)
    assert sum(Decimal(str(v.as_py())) for v in table["cost_jpy"]) == true_yen(50)
    assert {
        "time",
        "task",
        "department",
        "thread",
        "model",
        "input_tokens",
        "cost_usd",
        "rate_id",
        "price_book",
    } <= set(rows[0])
    assert command.run("ledger", "export").startswith("\ufefftime,day,task")


@pytest.mark.parametrize("moment", [0.15, 0.3, 0.45, 0.6, 0.8])
def test_a_killed_import_goes_on_without_doubling(command: Command, moment: float) -> None:
    command.run("init")
    log = write_log(command.top / "calls.jsonl", 30_000)
    started = time.monotonic()
    command.run("import", write_log(command.top / "warm.jsonl", 10))
    base = time.monotonic() - started

    process = command.start("import", log)
    time.sleep(base * 0.7 + moment * 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    report = command.json("import", log)

    assert report["runs"][0]["added"] + report["runs"][0]["known"] == 30_000
    shown = command.json("ledger", "show", "--from", "2026-10", "--to", "2026-10", "--by", "model")
    assert (shown["calls"], Decimal(shown["calls_jpy"])) == (30_000, true_yen(30_000))


@pytest.mark.parametrize("moment", [0.5, 1.5])
def test_a_database_killed_under_an_import_loses_nothing(command: Command, moment: float) -> None:
    command.run("init")
    command.run("import", write_log(command.top / "first.jsonl", 10))
    log = write_log(command.top / "calls.jsonl", 30_000)
    process = command.start("import", log, "--json")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            server = command.postmaster()
            break
        except (LookupError, OSError, psutil.NoSuchProcess):
            time.sleep(0.02)
    time.sleep(moment)
    server.kill()
    _, err = process.communicate(timeout=120)

    assert process.returncode in (0, 3), err
    if process.returncode == 3:
        assert "もう一度" in err or "失われていません" in err, err  # in the midst of it, or before it began
        command.run("import", log)
    shown = command.json("ledger", "show", "--from", "2026-10", "--to", "2026-10", "--by", "model")
    assert (shown["calls"], Decimal(shown["calls_jpy"])) == (30_000, true_yen(30_000))


def test_up_serves_the_console_and_a_first_link(command: Command) -> None:
    command.run("init")
    process = command.start("up", "--port", "0", "--gateway-port", "0")
    try:
        assert process.stdout is not None
        url = re.search(r"http://\S+", process.stdout.readline())
        assert url
        told = process.stdout.readline() + process.stdout.readline()
        link = re.search(r"http://\S+", told)
        assert link
        for _ in range(100):
            try:
                with urllib.request.urlopen(f"{url.group()}/health", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                time.sleep(0.1)
        with urllib.request.urlopen(link.group(), timeout=10) as answer:
            assert answer.status == 200
            assert "no-store" in answer.headers["cache-control"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_wrong_setting_stops_everything_with_its_place(command: Command) -> None:
    command.run("init")
    file = command.home / "jitsuri.toml"
    file.write_text(file.read_text("utf-8").replace("# port = 8890", "port = 123456"), "utf-8")

    said = command.run("check", code=2)
    assert "console.port" in said
    assert "行目" in said
    assert "65535" in said
    assert "console.port" in command.run("import", write_log(command.top / "x.jsonl", 1), code=3)


def test_nothing_is_written_outside_the_home(command: Command) -> None:
    command.run("init")
    log = write_log(command.top / "calls.jsonl", 5)
    before = {p for p in command.top.iterdir()} | set(Path("/tmp").iterdir())
    command.run("import", log)
    after = {p for p in command.top.iterdir()} | set(Path("/tmp").iterdir())

    mine = {p for p in after - before if p.name.startswith(("jitsuri", ".s.PGSQL", "pg"))} - {command.home}
    assert not {p for p in mine if not p.name.startswith(("jitsuri-test-", "jitsuri-demo-", "jitsuri-bench-"))}


@pytest.mark.parametrize(
    "words", [["--help"], ["import", "--help"], ["ledger", "export", "--help"], ["--lang", "en", "up", "--help"]]
)
def test_help_teaches(command: Command, words: list[str]) -> None:
    said = command.run(*words)

    assert "Usage" in said
    if words[0] == "import":
        assert "例" in said
        assert "CSV" in said


@pytest.mark.skipif(os.getuid() != 0, reason="a small disk can be mounted by root only")
def test_a_full_disk_is_told_and_loses_nothing(command: Command) -> None:
    command.home.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=250m,mode=0711", "tmpfs", str(command.home)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        command.run("init")
        command.run("import", write_log(command.top / "first.jsonl", 10))
        log = write_log(command.top / "calls.jsonl", 60_000)
        free = int(subprocess.run(["stat", "-f", "-c", "%a %S", str(command.home)], capture_output=True, text=True,
                                  check=True).stdout.split()[0]) * 4096  # fmt: skip
        ballast = command.home / "ballast"
        with ballast.open("wb") as file:
            file.write(b"\0" * max(0, free - 24 * 2**20))

        process = command.start("import", log)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 3, f"{out}\n{err}"
        assert "空き" in err or "いっぱい" in err
        ballast.unlink()
        report = command.json("import", log)

        assert report["runs"][0]["added"] + report["runs"][0]["known"] == 60_000
        shown = command.json("ledger", "show", "--from", "2026-10", "--to", "2026-10", "--by", "model")
        assert (shown["calls"], Decimal(shown["calls_jpy"])) == (60_000, true_yen(60_000))
    finally:
        for process in psutil.process_iter(["cmdline"]):
            if str(command.home) in " ".join(process.info["cmdline"] or []):
                process.kill()
        time.sleep(0.5)
        subprocess.run(["umount", "-l", str(command.home)], check=False)
