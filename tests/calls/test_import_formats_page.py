"""Every example on the page of formats is read as what it says it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jitsuri.calls.rules.mapping import CSV_FIELDS, mapping_from_toml
from jitsuri.calls.shapes import Logged

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "import-formats.md").read_text("utf-8")
EXAMPLES = re.findall(r"```(json|csv) (\w+)\n(.*?)```", PAGE, re.DOTALL)
FORMATS = ["openai", "openai_batch", "anthropic", "anthropic_batch", "litellm", "litellm", "langfuse", "otel", "csv"]


def test_the_page_shows_every_format():
    assert [form for _, form, _ in EXAMPLES] == FORMATS


@pytest.mark.parametrize(("kind", "form", "content"), EXAMPLES, ids=[f"{form}-{kind}" for kind, form, _ in EXAMPLES])
def test_an_example_is_read_as_what_it_says(read_file, kind, form, content):
    toml = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    mapping = mapping_from_toml(toml) if form == "csv" else None
    (call,) = read_file(content.encode(), mapping=mapping, fallback_at=datetime(2026, 11, 20, tzinfo=UTC))
    assert isinstance(call, Logged), call
    assert call.source == form
    assert call.usage.input_tokens > 0


def test_the_page_names_every_field_of_a_table():
    assert [field for field in CSV_FIELDS if f"`{field}`" not in PAGE] == []
