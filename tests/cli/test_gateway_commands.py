"""The commands budget, variant, ask and explain, asked as a person and as a script would."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest
from click.testing import CliRunner, Result
from gateway_scene import ESTIMATED, FELL_BACK, ORPHAN, TOML, furnish_gateway
from page_scene import LAST, NOW, Scene

from jitsuri.calls.records import texts as text_rows
from jitsuri.cli.ask import ask
from jitsuri.cli.budget import budget
from jitsuri.cli.doors import Desk, tell
from jitsuri.cli.explain import explain
from jitsuri.cli.main import translated
from jitsuri.cli.variant import variant
from jitsuri.settings import Settings, check_text
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError, JitsuriError, OperatorError
from jitsuri.words import LANGUAGES, has_text, text

MOMENTS = itertools.count(1)


class Counter(Desk):
    """A desk at the test's database with the sample's upstreams, and a clock that goes on by a second each time."""

    def __init__(self, store: Store | None, lang: str, more: str = "") -> None:
        super().__init__(Path("/nowhere"), None, lang, False, lambda: NOW + timedelta(seconds=next(MOMENTS)))
        self._store = store
        self._more = more

    @cached_property
    def settings(self) -> Settings:
        settings, mistakes = check_text(TOML + self._more, Path("/nowhere"), None, {})
        assert not mistakes
        return settings

    @contextmanager
    def store(self) -> Iterator[Store]:
        if self._store is None:
            raise OperatorError("database_unreachable", server="x", reason="y")
        yield self._store


def run(
    store: Store | None, command: click.Command, *words: str, lang: str = "ja", more: str = "", **how: Any
) -> Result:
    result = CliRunner().invoke(command, words, obj=Counter(store, lang, more), **how)
    if result.exception is not None and not isinstance(result.exception, (SystemExit, JitsuriError)):
        raise result.exception
    return result


def given(store: Store | None, command: click.Command, *words: str, **how: Any) -> Any:
    result = run(store, command, *words, "--json", **how)
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


@pytest.fixture
def scene(store: Store) -> Scene:
    return furnish_gateway(store)


@pytest.mark.parametrize("command", [budget, variant, ask, explain], ids=lambda command: str(command.name))
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_and_option_is_explained(
    command: click.Command, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(one: click.Command, code: str) -> Iterator[str]:
        yield f"{code}.help"
        yield from (f"{code}.{p.name}" for p in one.params if isinstance(p, click.Option))
        if isinstance(one, click.Group):
            for name, below in one.commands.items():
                yield from walk(below, f"{code}.{name}")

    assert [code for code in walk(command, f"cli.{command.name}") if not has_text(code)] == []
    monkeypatch.setenv("JITSURI_LANG", lang)
    shown = CliRunner().invoke(translated(command, f"cli.{command.name}"), ["--help"])
    assert text(f"cli.{command.name}.help", lang)[:12] in shown.output


# -- budget


def test_a_budget_is_made_changed_listed_and_ended(scene: Scene) -> None:
    store = scene.store
    made = given(
        store, budget, "set", "営業支援の日", "1,500", "--scope", "department", "--subject", "support", "--period", "day",
        "--kind", "hard", "--notice", "90%", "--reason", "見張り",
    )  # fmt: skip
    changed = run(store, budget, "set", "営業支援の日", "2000", "--reason", "足りない")
    listed = {row["name"]: row for row in given(store, budget, "list")}
    ended = run(store, budget, "end", "営業支援の日", "--reason", "不要", lang="en")

    assert (made["limit_jpy"], made["kind"], made["notice_share"], made["version"]) == ("1500.000000", "hard", "0.9", 1)
    assert "日ごとに 2,000 円" in changed.stdout
    standing = listed["営業支援の日"]
    assert (standing["limit_jpy"], standing["kind"], standing["version"]) == ("2000.000000", "hard", 2)
    assert listed["triage"]["pinned"] is False  # this settings file does not name it any more
    assert listed["営業支援課"]["held_jpy"] == "300.000000"
    assert ended.stdout.startswith("Ended the budget “営業支援の日”")
    assert "営業支援の日" not in {row["name"] for row in given(store, budget, "list")}
    assert "営業支援課" in run(store, budget, "list").stdout


def test_budgets_of_the_file_are_pinned_and_refuse(scene: Scene) -> None:
    more = '[budgets.triage]\nscope = "task"\nsubject = "inquiry-triage"\nlimit_jpy = 90000\nkind = "hard"\nnotice_share = "0.9"\n'

    listed = {row["name"]: row for row in given(scene.store, budget, "list", more=more)}
    refused = run(scene.store, budget, "set", "triage", "1", "--reason", "x", more=more)

    assert listed["triage"]["pinned"] is True
    assert (refused.exit_code, "jitsuri.toml" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("set", "新しい", "--reason", "x"), "budget_limit_missing"), (("set", "新しい", "abc", "--reason", "x"), "number_unreadable"),
        (("set", "新しい", "1", "--notice", "x", "--reason", "x"), "number_unreadable"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_callers_error(scene: Scene, words: tuple[str, ...], code: str) -> None:
    error = run(scene.store, budget, *words).exception

    assert isinstance(error, CallerError)
    assert error.code == code
    assert tell(error, "ja") != str(error)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("set", "月の上限", "--scope", "task", "--reason", "x"), "budget_fixed"), (("end", "nothing", "--reason", "x"), "budget_unknown"),
        (("set", "x", "1", "--scope", "task", "--reason", "x"), "budget_subject_missing"),
        (("set", "x", "-1", "--reason", "x"), "budget_limit_invalid"),
        (("set", "月の上限", "200000", "--reason", "x"), "budget_unchanged"),
    ],
)  # fmt: skip
def test_what_a_budget_cannot_be_is_refused(scene: Scene, words: tuple[str, ...], code: str) -> None:
    words = tuple("--" if word == "-1" else word for word in words) if "-1" in words else words
    if "--" in words:
        words = ("set", "--reason", "x", "--", "x", "-1")
    told = run(scene.store, budget, *words)

    assert told.exit_code == 2
    assert text(f"refusal.{code}", "ja", **dict.fromkeys(("field", "name", "value", "scope", "longest", "largest"), "\0")).split(
        "\0"
    )[-1] in told.stderr  # fmt: skip


def test_notices_are_told_newest_first(scene: Scene) -> None:
    rows = given(scene.store, budget, "notices")
    lines = run(scene.store, budget, "notices").stdout.splitlines()

    assert {(row["budget"], row["share"]) for row in rows} == {
        ("見積の年度", "1"),
        ("見積の年度", "0.8"),
        ("営業支援課", "0.8"),
    }
    assert len(lines) == 3
    assert any("「営業支援課」が 80 % に達しました" in line for line in lines)


# -- variant


def test_a_variant_is_set_shown_brought_back_and_ended(scene: Scene) -> None:
    store = scene.store
    made = given(
        store, variant, "set", "quotation-extraction", "openai/gpt-small", "--fallback", "house/swallow-8b", "--most-output", "800",
        "--reason", "安い",
    )  # fmt: skip
    again = run(store, variant, "set", "quotation-extraction", "openai/gpt-tiny", "--reason", "もっと安い")
    back = given(store, variant, "set", "quotation-extraction", "--back", "1", "--reason", "戻す")
    listed = {row["task"]: row for row in given(store, variant, "list")}
    history = given(store, variant, "history", "quotation-extraction")
    none = run(store, variant, "set", "quotation-extraction", "--none", "--reason", "やめる")

    assert (made["version"], [w["code"] for w in made["warnings"]]) == (1, ["price_missing_model"])
    assert "第 2 版" in again.stdout
    assert back["version"] == 3
    standing = listed["quotation-extraction"]
    assert (standing["variant"], standing["fallbacks"], standing["most_output_tokens"]) == (
        "openai/gpt-small", ["house/swallow-8b"], 800,
    )  # fmt: skip
    assert [row["version"] for row in history["variants"]] == [3, 2, 1]
    assert "なくしました" in none.stdout
    assert "構成なし" in run(store, variant, "list").stdout
    assert "openai/gpt-tiny" in run(store, variant, "history", "quotation-extraction").stdout


def test_a_canary_begins_answers_everything_and_is_taken_back(scene: Scene) -> None:
    store, task = scene.store, "quotation-extraction"
    run(store, variant, "set", task, "openai/gpt-big", "--reason", "初め")
    none = run(store, variant, "back", task, "--reason", "x")
    begun = given(store, variant, "canary", task, "openai/gpt-tiny", "--percent", "2.5", "--reason", "確かめる")
    standing = {row["task"]: row for row in given(store, variant, "list")}[task]
    listed = run(store, variant, "list", lang="en").stdout
    full = run(store, variant, "canary", task, "--full", "--reason", "広げる")
    back = given(store, variant, "back", task, "--reason", "苦情")
    last = {row["task"]: row for row in given(store, variant, "list")}[task]
    ended = run(store, variant, "canary", task, "--end", "--reason", "x")
    which = run(store, variant, "canary", task, "--end", "--full", "--reason", "x")
    wrong = run(store, variant, "canary", task, "openai/gpt-tiny", "--percent", "120", "--reason", "x")

    assert (none.exit_code, "戻せる前の版" in none.stderr) == (2, True)
    assert begun["version"] == 2
    assert (standing["variant"], standing["canary"], standing["canary_percent"]) == (
        "openai/gpt-big",
        "openai/gpt-tiny",
        2.5,
    )
    assert "canary 2.5 %" in " ".join(listed.split())
    assert "第 3 版" in full.stdout
    assert back["version"] == 4
    assert (last["variant"], last["fallbacks"], "canary" in last) == ("openai/gpt-big", [], False)
    assert (ended.exit_code, "先行している構成はありません" in ended.stderr) == (2, True)
    assert isinstance(which.exception, CallerError)
    assert which.exception.code == "canary_which"
    assert (wrong.exit_code, "99.9" in wrong.stderr) == (2, True)


def test_what_is_not_written_of_a_rule_stays(scene: Scene) -> None:
    store = scene.store
    run(store, variant, "rule", "inquiry-triage", "--training", "never", "--reason", "契約")
    kept = given(store, variant, "history", "inquiry-triage")["data_rules"][0]
    lifted = run(
        store, variant, "rule", "inquiry-triage", "--vendors", "", "--regions", "jp", "--reason", "国内", lang="en"
    )
    after = given(store, variant, "history", "inquiry-triage")["data_rules"][0]
    back = given(store, variant, "rule", "inquiry-triage", "--back", "1", "--reason", "戻す")

    assert (kept["vendors"], kept["regions"], kept["training"]) == (["openai", "azure"], ["jp", "us"], "never")
    assert (after["vendors"], after["regions"], after["training"]) == ([], ["jp"], "never")
    assert "openai/gpt-big: it computes in us" in lifted.stderr
    assert back["version"] == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "inquiry-triage", "nowhere/x", "--reason", "x"), "jitsuri.toml にありません"),
        (("set", "inquiry-triage", "gpt-big", "--reason", "x"), "読めません"),
        (("set", "nothing", "openai/gpt-big", "--reason", "x"), "ありません"),
        (("set", "inquiry-triage", "azure-jp/x", "--reason", " "), "理由"),
        (("rule", "inquiry-triage", "--regions", "東京", "--reason", "x"), "使えません"),
        (("rule", "inquiry-triage", "--back", "9", "--reason", "x"), "第 9 版"), (("history", "nothing"), "ありません"),
    ],
)  # fmt: skip
def test_what_a_variant_cannot_be_is_refused(scene: Scene, words: tuple[str, ...], said: str) -> None:
    told = run(scene.store, variant, *words)

    assert told.exit_code == 2
    assert said in told.stderr


def test_a_variant_wants_one_thing_said(scene: Scene) -> None:
    for words in (("set", "t", "--reason", "x"), ("set", "t", "a/b", "--none", "--reason", "x")):
        error = run(scene.store, variant, *words).exception
        assert isinstance(error, CallerError)
        assert error.code == "variant_which"


# -- explain


def test_a_call_that_fell_back_is_explained(scene: Scene) -> None:
    told = given(scene.store, explain, str(FELL_BACK))
    shown = run(scene.store, explain, str(FELL_BACK)).stdout

    assert [(a["upstream"], a["status"], a["http_status"]) for a in told["attempts"]] == [
        ("openai", "error", 503), ("house", "ok", 200),
    ]  # fmt: skip
    assert told["plan"]["version"] == 2
    assert [t["target"] for t in told["plan"]["targets"]] == ["openai/gpt-big", "openai/gpt-small", "house/swallow-8b"]
    assert {b["name"] for b in told["budgets"]} == {"月の上限", "営業支援課", "triage"}
    assert (told["key"], told["task"], told["department"]) == ("triage-app", "inquiry-triage", "support")
    assert told["texts"] == []
    for said in (
        "openai/gpt-big",
        "house/swallow-8b",
        "単価表にこのモデルがありません",
        "営業支援課",
        "本文：残していません",
    ):
        assert said in shown


def test_orphans_and_estimates_say_so(scene: Scene) -> None:
    orphan, estimated = (given(scene.store, explain, str(call))["attempts"][0] for call in (ORPHAN, ESTIMATED))

    assert (orphan["estimate"], estimated["estimate"]) == ("orphaned", "usage_estimated")
    assert orphan["cost_jpy"] == str(Decimal("0.0035") * Decimal("154.20") + Decimal("0.000000"))
    assert "【推定】" in run(scene.store, explain, str(ORPHAN)).stdout
    assert "[estimate]" in run(scene.store, explain, str(ESTIMATED), lang="en").stdout


def test_a_call_of_a_log_is_explained_too_and_kept_texts_are_told(scene: Scene) -> None:
    call = scene.call("inquiry-triage", LAST)
    with scene.store.transaction() as tx:
        text_rows.insert_many(tx, [(call.call_id, "request", b"x", "text.key", LAST)])

    told = given(scene.store, explain, str(call.call_id))

    assert (told["plan"], told["budgets"], told["attempts"][0]["upstream"]) == (None, [], None)
    assert told["cost_jpy"] == "539.700000"
    assert told["texts"] == [{"part": "request", "key": "text.key", "until": str(LAST)}]


@pytest.mark.parametrize(
    ("call", "code"), [("abc", "call_unreadable"), ("00000000-0000-0000-0000-000000000001", "call_unknown")]
)
def test_a_call_that_is_not_there_is_a_callers_error(scene: Scene, call: str, code: str) -> None:
    error = run(scene.store, explain, call).exception

    assert isinstance(error, CallerError)
    assert error.code == code
    assert tell(error, "en") != str(error)


# -- ask: how a gateway's answers and failures are told; the real one answers in tests/gateway


class Answering(BaseHTTPRequestHandler):
    """A server that answers as it is told to: status, headers, pieces of a body."""

    answer: ClassVar[tuple[int, dict[str, str], list[bytes]]] = (200, {}, [])
    asked: ClassVar[list[tuple[dict[str, str], Any]]] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.asked.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(self.rfile.read(length))))
        status, headers, pieces = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if pieces and pieces[-1] != b"data: cut\n":
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def log_message(self, *_: object) -> None: ...


class Quiet(ThreadingHTTPServer):
    """Callers may go away in the midst of an answer."""

    def handle_error(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    """A gateway's place; what it answers is set by the test."""
    running = Quiet(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    Answering.asked.clear()
    yield f"http://127.0.0.1:{running.server_address[1]}/v1"
    running.shutdown()
    running.server_close()
    thread.join()


def said(*texts: str) -> list[bytes]:
    events = [{"choices": [{"delta": {"content": one}}]} for one in texts]
    return [*(f"data: {json.dumps(event)}\n\n".encode() for event in events), b"data: [DONE]\n\n"]


HEAD = {
    "x-jitsuri-call": str(FELL_BACK),
    "x-jitsuri-answered-by": "openai/gpt-big",
    "content-type": "text/event-stream",
}
KEYED = {"JITSURI_KEY": "jk_sample", "JITSURI_URL": "", "http_proxy": "http://127.0.0.1:1", "no_proxy": ""}


def test_an_answer_is_printed_as_it_comes_with_call_and_where_to_see_its_cost(server: str, scene: Scene) -> None:
    Answering.answer = (200, HEAD, said("納期は", "三日です。"))

    told = run(
        scene.store, ask, "納期は？", "--task", "inquiry-triage", "--url", server, "--thread", "受付 12", "--most-output", "50",
        env=KEYED,
    )  # fmt: skip

    assert told.stdout == "納期は三日です。\n"
    assert str(FELL_BACK) in told.stderr
    assert "jitsuri explain" in told.stderr
    headers, body = Answering.asked[0]
    assert headers["authorization"] == "Bearer jk_sample"
    assert headers["x-jitsuri-thread"].encode("latin-1").decode() == "受付 12"
    assert (body["model"], body["stream"], body["max_tokens"]) == ("task:inquiry-triage", True, 50)
    assert body["messages"] == [{"role": "user", "content": "納期は？"}]


def test_the_cost_is_read_from_the_ledger_of_this_machine(server: str, scene: Scene) -> None:
    port = server.rpartition(":")[2].removesuffix("/v1")
    plain = scene.call("inquiry-triage", LAST)
    Answering.answer = (200, {**HEAD, "x-jitsuri-call": str(plain.call_id)}, said("はい"))
    settings = TOML.replace("[gateway]", f"[gateway]\nport = {port}")

    class Here(Counter):
        @cached_property
        def settings(self) -> Settings:
            return check_text(settings, Path("/nowhere"), None, {})[0]

    told = CliRunner().invoke(ask, ["はい？", "--model", "gpt-big"], obj=Here(scene.store, "ja"), env=KEYED)
    away = CliRunner().invoke(ask, ["はい？", "--model", "gpt-big"], obj=Here(None, "ja"), env=KEYED)

    assert (told.exit_code, "539.7 円" in told.stderr) == (0, True)
    assert (away.exit_code, "jitsuri explain" in away.stderr) == (0, True)


def test_a_script_gets_the_whole_answer_with_its_yen(server: str, tmp_path: Path) -> None:
    Answering.answer = (200, {**HEAD, "x-jitsuri-cost-jpy": "0.54"}, [b'{"choices": [{"message": {"content": "x"}}]}'])
    key = tmp_path / "key"
    key.write_text("jk_from_file\n")

    told = given(None, ask, "--model", "gpt-big", "--url", server, "--key-file", str(key), input="問い\n")

    assert (told["call_id"], told["cost_jpy"], told["answered_by"]) == (str(FELL_BACK), "0.54", "openai/gpt-big")
    assert told["answer"]["choices"][0]["message"]["content"] == "x"
    assert Answering.asked[0][0]["authorization"] == "Bearer jk_from_file"
    assert Answering.asked[0][1]["messages"][0]["content"] == "問い\n"


@pytest.mark.parametrize(
    ("answer", "kind", "code", "words"),
    [
        ((403, HEAD, [b'{"error": {"message": "\xe6\x96\xad\xe3\x82\x8a\\u001b[31m"}}']), CallerError, "gateway_refused", "断り[31m"),
        ((503, HEAD, [b'{"error": {"message": "away"}}']), OperatorError, "gateway_failed_call", "away"),
        ((502, HEAD, [b"<html>bad gateway</html>"]), OperatorError, "gateway_failed_call", "bad gateway"),
        ((200, HEAD, [b'data: {"error": {"message": "midst"}}\n\n', b"x"]), OperatorError, "gateway_failed_call", "midst"),
        ((200, HEAD, [*said("a")[:1], b"data: cut\n"]), OperatorError, "gateway_broke_off", str(FELL_BACK)),
        ((200, HEAD, [*said("a")[:1], b"\n"]), OperatorError, "gateway_broke_off", str(FELL_BACK)),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_by_who_can_mend_it(
    server: str, answer: tuple[int, dict[str, str], list[bytes]], kind: type[JitsuriError], code: str, words: str
) -> None:
    Answering.answer = answer

    error = run(None, ask, "x", "--model", "m", "--url", server, env=KEYED).exception

    assert isinstance(error, kind)
    assert error.code == code
    told = [tell(error, lang) for lang in LANGUAGES]
    assert all(words in one for one in told), told
    assert all("\x1b" not in one for one in told)


@pytest.mark.parametrize(
    ("words", "env", "code"),
    [
        (("x",), {}, "ask_which"), (("x", "--task", "t", "--model", "m"), {}, "ask_which"),
        ((" ", "--task", "t"), {}, "ask_nothing"), (("x", "--task", "t"), {"JITSURI_KEY": ""}, "ask_no_key"),
        (("x", "--task", "t", "--key-file", "/nowhere/key"), {}, "file_unreadable"),
        (("x", "--task", "t"), {"JITSURI_KEY": "鍵"}, "ask_no_key"),
        (("x", "--task", "t", "--url", "file:///etc/passwd"), {}, "ask_bad_address"),
        (("x", "--task", "t", "--url", "http://"), {}, "ask_bad_address"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_a_callers_error(words: tuple[str, ...], env: dict[str, str], code: str) -> None:
    error = run(None, ask, *words, env={**KEYED, **env}).exception

    assert isinstance(error, CallerError)
    assert error.code == code
    assert all(tell(error, lang) != str(error) for lang in LANGUAGES)


def test_a_gateway_that_is_not_there_is_told_with_its_address() -> None:
    error = run(None, ask, "x", "--task", "t", "--url", "http://127.0.0.1:1/v1", env=KEYED).exception

    assert isinstance(error, OperatorError)
    assert error.code == "gateway_unreachable"
    assert "http://127.0.0.1:1/v1" in tell(error, "ja")
