"""Policies as commands are given them: files and presets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

from jitsuri.cli.doors import Desk
from jitsuri.cli.refusing import refuse
from jitsuri.guardrails.rules.coding import policy_from
from jitsuri.guardrails.rules.presets import Preset, preset
from jitsuri.guardrails.shapes import Policy
from jitsuri.terms.errors import CallerError


def asked_policy(desk: Desk, file: str | None, preset_name: str | None, task: str) -> Policy:
    """The policy of the file or preset that was named; exactly one of them must be."""
    if (file is None) == (preset_name is None):
        raise CallerError("guard_preset_or_file")
    if preset_name is not None:
        return preset(cast(Preset, preset_name), task)
    assert file is not None
    return read_policy(desk, file, task)


def read_policy(desk: Desk, file: str, task: str, *, is_task_free: bool = False) -> Policy:
    """The policy in a file, for this task; ``is_task_free``: the file may name another. Ends the command where it is none."""
    try:
        content = (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise CallerError("guard_file_unreadable", file=file) from error
    came = policy_from(content, "" if is_task_free else task)
    if is_task_free and isinstance(came, list) and all(one.facts.get("field") == "task" for one in came):
        came = policy_from(content, task)
    if isinstance(came, list):
        refuse(desk, came)
    return came
