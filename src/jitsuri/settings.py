"""Settings: one frozen tree, read once from ``jitsuri.toml`` and the environment.

Every setting is declared in ``FIELDS`` with its kind, default and bounds; ``jitsuri init``, ``jitsuri check`` and the
reference page are made from that list, so none of them can forget one. A mistake is a value (``Mistake``) that names the
key, the line, what stood there and the mend; with any mistake nothing starts.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jitsuri.terms.errors import OperatorError

Kind = Literal["text", "integer", "decimal", "choice", "zone", "name", "boolean"]


@dataclass(frozen=True, slots=True)
class Field:
    """One setting. ``*`` in a path stands for a name the company chooses. ``example`` is what ``init`` writes."""

    path: str
    kind: Kind
    default: object = None
    low: Decimal | None = None
    high: Decimal | None = None
    choices: tuple[str, ...] = ()
    is_required: bool = False
    example: str = ""


FIELDS: tuple[Field, ...] = (
    Field("company.name", "text", "", example="株式会社サンプル精機"),
    Field("company.zone", "zone", "Asia/Tokyo"),
    Field("company.fiscal_year_starts_in", "integer", 4, Decimal(1), Decimal(12)),
    Field("company.is_sample", "boolean", False),
    Field("database.url", "text", ""),
    Field("console.host", "text", "127.0.0.1"),
    Field("console.port", "integer", 8890, Decimal(0), Decimal(65535)),
    Field("console.hosts", "text", ""),
    Field("console.language", "choice", "ja", choices=("ja", "en")),
    Field("money.rate_kind", "choice", "TTM", choices=("TTM", "TTS", "TTB", "CARD")),
    Field("money.assumed_rates.*", "decimal", None, Decimal("0.0001"), Decimal(100000), example="150.00"),
    Field("prices.overrides", "text", ""),
    Field("proof.margin", "decimal", Decimal("0.05"), Decimal("0.005"), Decimal("0.5")),
    Field("proof.discordance", "decimal", Decimal("0.10"), Decimal("0.01"), Decimal(1)),
    Field("proof.seconds_per_label", "decimal", Decimal(50), Decimal(1), Decimal(3600)),
    Field("proof.labour_jpy_per_hour", "decimal", Decimal(3957), Decimal(0), Decimal(100000)),
    Field("proof.audit_jpy_per_month", "decimal", Decimal(5000), Decimal(0), Decimal(10) ** 9),
    Field("proof.audit_judge", "text", "", example="anthropic/claude-haiku-4-5"),
    Field("backup.keep_days", "integer", 14, Decimal(1), Decimal(3650)),
    Field("guard.pseudonym_days", "integer", 30, Decimal(1), Decimal(3650)),
    Field("tasks.*.title_ja", "text", ""),
    Field("tasks.*.title_en", "text", ""),
    Field("tasks.*.department", "name", ""),
    Field("tasks.*.owner", "text", ""),
    Field("tasks.*.stage", "choice", "production", choices=("idea", "poc", "pilot", "production", "retired")),
    Field("tasks.*.data_class", "choice", "internal", choices=("public", "internal", "confidential", "personal")),
    Field("tasks.*.margin", "decimal", Decimal("0.05"), Decimal("0.005"), Decimal("0.5")),
    Field("tasks.*.variant", "text", ""),
    Field("tasks.*.fallbacks", "text", ""),
    Field("tasks.*.most_output_tokens", "integer", 0, Decimal(0), Decimal(1_000_000)),
    Field("tasks.*.vendors", "text", ""),
    Field("tasks.*.regions", "text", ""),
    Field("tasks.*.training", "choice", "any", choices=("any", "never")),
    Field("tasks.*.on_premises_only", "boolean", False),
    Field("rules.*.field", "choice", None, choices=("task", "system_prompt", "metadata", "model", "key", "group"),
          is_required=True),
    Field("rules.*.value", "text", None, is_required=True),
    Field("rules.*.task", "name", None, is_required=True),
    Field("rules.*.department", "name", ""),
    Field("gateway.host", "text", "127.0.0.1"),
    Field("gateway.port", "integer", 8891, Decimal(0), Decimal(65535)),
    Field("gateway.workers", "integer", 1, Decimal(0), Decimal(64)),
    Field("gateway.default_upstream", "name", ""),
    Field("gateway.region", "text", "jp"),
    Field("gateway.most_body_mib", "integer", 32, Decimal(1), Decimal(512)),
    Field("gateway.body_seconds", "integer", 30, Decimal(1), Decimal(3600)),
    Field("gateway.most_output_tokens", "integer", 4096, Decimal(1), Decimal(1_000_000)),
    Field("gateway.ledger_seconds", "integer", 10, Decimal(1), Decimal(600)),
    Field("gateway.metrics_token_env", "text", ""),
    Field("gateway.log_format", "choice", "text", choices=("text", "json")),
    Field("jobs.at_once", "integer", 1, Decimal(0), Decimal(16)),
    Field("upstreams.*.kind", "choice", None, choices=("openai", "azure", "anthropic", "gemini", "bedrock",
          "openrouter", "compatible", "llama_cpp"), is_required=True),
    Field("upstreams.*.base_url", "text", ""),
    Field("upstreams.*.vendor", "text", ""),
    Field("upstreams.*.region", "text", ""),
    Field("upstreams.*.training", "choice", "unknown", choices=("never", "allowed", "unknown")),
    Field("upstreams.*.on_premises", "boolean", False),
    Field("upstreams.*.key_env", "text", ""),
    Field("upstreams.*.key_file", "text", ""),
    Field("upstreams.*.models", "text", ""),
    Field("upstreams.*.passes", "text", ""),
    Field("upstreams.*.api_version", "text", ""),
    Field("upstreams.*.headers", "text", ""),
    Field("upstreams.*.ca_file", "text", ""),
    Field("upstreams.*.proxy", "text", ""),
    Field("upstreams.*.connect_seconds", "decimal", Decimal(5), Decimal("0.1"), Decimal(600)),
    Field("upstreams.*.first_byte_seconds", "decimal", Decimal(120), Decimal("0.1"), Decimal(3600)),
    Field("upstreams.*.between_seconds", "decimal", Decimal(60), Decimal("0.1"), Decimal(3600)),
    Field("upstreams.*.whole_seconds", "decimal", Decimal(600), Decimal("0.1"), Decimal(86400)),
    Field("upstreams.*.most_connections", "integer", 256, Decimal(1), Decimal(10000)),
    Field("upstreams.*.retries", "integer", 2, Decimal(0), Decimal(10)),
    Field("upstreams.*.model_file", "text", ""),
    Field("upstreams.*.threads", "integer", 1, Decimal(1), Decimal(256)),
    Field("upstreams.*.parallel", "integer", 1, Decimal(1), Decimal(32)),
    Field("upstreams.*.context", "integer", 4096, Decimal(512), Decimal(131_072)),
    Field("budgets.*.scope", "choice", "company", choices=("company", "department", "task", "key")),
    Field("budgets.*.subject", "text", ""),
    Field("budgets.*.period", "choice", "month", choices=("day", "month", "fiscal_year")),
    Field("budgets.*.limit_jpy", "decimal", None, Decimal(0), Decimal(10) ** 12, is_required=True),
    Field("budgets.*.kind", "choice", "soft", choices=("soft", "hard")),
    Field("budgets.*.notice_share", "decimal", Decimal("0.8"), Decimal("0.01"), Decimal(1)),
    Field("texts.*.keep", "choice", "none", choices=("none", "full")),
    Field("texts.*.retention_days", "integer", None, Decimal(1), Decimal(3650), is_required=True),
    Field("texts.*.key_file", "text", None, is_required=True),
    Field("texts.*.reason", "text", None, is_required=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in the file: ``words`` holds ``settings.<code>``."""

    key: str
    value: object
    code: str
    line: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says, every value in its own type; ``values`` holds fixed paths, ``tables`` the named ones."""

    home: Path
    file: Path | None
    values: Mapping[str, object]
    tables: Mapping[str, Mapping[str, Mapping[str, object]]]

    def text(self, path: str) -> str:
        return str(self.values[path])

    def integer(self, path: str) -> int:
        value = self.values[path]
        assert isinstance(value, int)
        return value

    def decimal(self, path: str) -> Decimal:
        value = self.values[path]
        assert isinstance(value, Decimal)
        return value

    @property
    def database_url(self) -> str | None:
        return self.text("database.url") or None

    @property
    def assumed_rates(self) -> dict[str, Decimal]:
        """Assumed yen per unit by currency (想定レート)."""
        found = {}
        for currency, row in self.tables.get("money.assumed_rates", {}).items():
            value = row[""]
            assert isinstance(value, Decimal)
            found[currency] = value
        return found

    @property
    def overrides(self) -> Path | None:
        """The company's own price file, relative to ``jitsuri.toml``."""
        named = self.text("prices.overrides")
        if not named:
            return None
        return (self.file.parent if self.file else self.home) / named


def read_settings(home: Path, file: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read and check everything. Raises OperatorError ``settings_invalid`` with all mistakes in its facts."""
    text = ""
    if file is not None:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OperatorError("settings_unreadable", file=file, why=str(error)) from error
    settings, mistakes = check_text(text, home, file, environment)
    if mistakes:
        raise OperatorError("settings_invalid", file=file, count=len(mistakes), mistakes=tuple(mistakes))
    return settings


def check_text(
    text: str, home: Path, file: Path | None, environment: Mapping[str, str]
) -> tuple[Settings, list[Mistake]]:
    """The settings that this text gives, and everything that is wrong with it."""
    mistakes: list[Mistake] = []
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else None
        tree = {}
        mistakes.append(Mistake("", "", "not_toml", line, {"why": str(error)}))
    values: dict[str, object] = {f.path: f.default for f in FIELDS if "*" not in f.path}
    tables: dict[str, dict[str, dict[str, object]]] = {}
    for path, value in _leaves("", tree):
        declared, name = _declared(path)
        if declared is None:
            near = difflib.get_close_matches(path, [f.path for f in FIELDS], 1, 0.6)
            mistakes.append(Mistake(path, value, "unknown_key", None, {"near": near[0] if near else ""}))
            continue
        read = _read(declared, path, value)
        if isinstance(read, Mistake):
            mistakes.append(read)
        elif "*" in declared.path:
            table, _, last = declared.path.partition(".*")
            tables.setdefault(table, {}).setdefault(name, {})[last.removeprefix(".")] = read
        else:
            values[path] = read
    if environment.get("DATABASE_URL"):
        values["database.url"] = environment["DATABASE_URL"]
    mistakes += _complete(tables)
    placed = [
        Mistake(m.key, m.value, m.code, m.line if m.line is not None else _line_of(text, m.key), m.facts)
        for m in mistakes
    ]
    return Settings(home, file, values, tables), sorted(placed, key=lambda m: (m.line or 0, m.key))


def _leaves(above: str, tree: Mapping[str, object]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in tree.items():
        path = f"{above}.{name}" if above else name
        if isinstance(value, dict):
            rows += _leaves(path, value)
        else:
            rows.append((path, value))
    return rows


def _declared(path: str) -> tuple[Field | None, str]:
    parts = path.split(".")
    for declared in FIELDS:
        pattern = declared.path.split(".")
        if len(pattern) == len(parts) and all(p in ("*", q) for p, q in zip(pattern, parts, strict=True)):
            return declared, parts[pattern.index("*")] if "*" in pattern else ""
    return None, ""


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_NAMED = frozenset({"tasks", "upstreams", "budgets"})
"""Tables whose rows are named in URLs, calls and rules."""


def _read(declared: Field, path: str, value: object) -> object:  # one case per kind reads best in one place
    kind = declared.kind
    if kind == "boolean":
        return value if isinstance(value, bool) else Mistake(path, value, "not_boolean")
    if kind in ("integer", "decimal"):
        number = _number(value)
        if number is None or (kind == "integer" and number != number.to_integral_value()):
            return Mistake(path, value, f"not_{kind}")
        low, high = declared.low, declared.high
        if (low is not None and number < low) or (high is not None and number > high):
            return Mistake(path, value, "out_of_bounds", None, {"low": low, "high": high})
        return int(number) if kind == "integer" else number
    if not isinstance(value, str):
        return Mistake(path, value, "not_text")
    if kind == "choice" and value not in declared.choices:
        return Mistake(path, value, "not_a_choice", None, {"choices": " / ".join(declared.choices)})
    if kind == "name" and value and not _NAME.match(value):
        return Mistake(path, value, "not_a_name")
    if kind == "zone":
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            return Mistake(path, value, "not_a_zone")
    return value


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _complete(tables: dict[str, dict[str, dict[str, object]]]) -> list[Mistake]:
    """Fill defaults of named tables in; name what is required and missing, and names that are none."""
    mistakes = []
    for table, rows in tables.items():
        for name, row in rows.items():
            if table in _NAMED and not _NAME.match(name):
                mistakes.append(Mistake(f"{table}.{name}", name, "not_a_name"))
            for declared in FIELDS:
                start, star, last = declared.path.partition(".*")
                if start != table or not star:
                    continue
                key = last.removeprefix(".")
                if key in row:
                    continue
                if declared.is_required and not (table == "texts" and row.get("keep", "none") == "none"):
                    mistakes.append(Mistake(f"{table}.{name}.{key}", "", "required"))
                row[key] = declared.default
    for name, row in tables.get("rules", {}).items():
        task = row.get("task")
        if task and task not in tables.get("tasks", {}):
            mistakes.append(Mistake(f"rules.{name}.task", task, "unknown_task"))
    return mistakes


def _line_of(text: str, key: str) -> int | None:
    """The line where a key stands, or the nearest line above it that names its table."""
    parts = key.split(".")
    table: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?([^\]]+)\]\]?", line)
        if header:
            table = [p.strip().strip('"') for p in header.group(1).split(".")]
            full = table
        else:
            named = re.match(r"\s*([\w.\"-]+)\s*=", line)
            if not named:
                continue
            full = table + [p.strip('"') for p in named.group(1).split(".")]
        shared = len(full) if parts[: len(full)] == full else 0
        if shared and (best is None or shared > best[0]):
            best = (shared, number)
    return best[1] if best else None


def commented_file(texts: Mapping[str, str]) -> str:
    """The file that ``jitsuri init`` writes: every setting with its meaning above it, defaults commented out.

    ``texts`` holds the meaning of each path (``words``: ``setting.<path>``).
    """
    lines: list[str] = []
    last = ""
    for declared in FIELDS:
        table = declared.path.rpartition(".")[0].replace("*", "sample-name")
        if table != last:
            is_named = "*" in declared.path and not declared.path.endswith("*")
            lines += ["", f"# [{table}]" if is_named else f"[{table}]"]
            last = table
        lines += [f"# {line}" for line in texts[declared.path].splitlines()]
        if declared.path == "money.assumed_rates.*":
            lines.append(f'USD = "{declared.example}"')
        elif declared.path == "company.name":
            lines.append(f'name = "{texts["company.name.example"]}"')
        else:
            lines.append(f"# {declared.path.rpartition('.')[2]} = {_toml(declared)}")
    return "\n".join(lines).lstrip("\n") + "\n"


def _toml(declared: Field) -> str:
    value = declared.default
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if declared.kind == "integer":
        return str(declared.low)
    return f'"{"" if value is None else value}"'
