"""Errors, filed by who can mend them.

    JitsuriError                 a stable code and facts, nothing rendered
    ├─ CallerError               the asker can mend it
    ├─ UpstreamError             another attempt may do (``is_retryable``)
    └─ OperatorError             the keeper of the installation must mend it

``words`` holds a Japanese and an English sentence for every code (``error.<code>``): what is wrong,
where, and the mend. An outcome that a story expects (a refusal, a dropped candidate, "undecided")
is a value in ``terms.outcomes``, not an error.
"""

from __future__ import annotations


class JitsuriError(Exception):
    """What a story cannot go on without; carries a code and the facts its sentence needs."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code}({told})"

    def __reduce__(self) -> tuple[object, ...]:
        """Errors travel between processes as they are."""
        return _rebuilt, (type(self), self.__dict__)


def _rebuilt(kind: type[JitsuriError], state: dict[str, object]) -> JitsuriError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["code"], state["facts"])
    return error


class CallerError(JitsuriError):
    """The one who asked can mend it: a field, a file, a value."""


class UpstreamError(JitsuriError):
    """A service that we asked failed; another attempt may do."""

    def __init__(self, code: str, *, is_retryable: bool, **facts: object) -> None:
        super().__init__(code, **facts)
        self.is_retryable = is_retryable


class OperatorError(JitsuriError):
    """The keeper of the installation must mend it: settings, disk, database, prices."""
