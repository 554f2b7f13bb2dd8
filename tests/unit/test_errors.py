"""The error tree: what it promises of every error."""

from __future__ import annotations

import pickle

import pytest

from mood_core import errors
from mood_core.errors import MoodlogError, QuotaExceeded, RateLimited, UnexpectedPayload


def _all_errors(kind: type[MoodlogError] = MoodlogError) -> list[type[MoodlogError]]:
    # Another test may have imported flows, whose error of a failed run is one of Prefect's states.
    own = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [kind, *(error for child in own for error in _all_errors(child))]


@pytest.mark.parametrize(
    "error",
    [
        MoodlogError("plain"),
        RateLimited("wait", source="spotify", retry_after_s=7.5),
        QuotaExceeded("wait long", source="spotify", retry_after_s=86_400.0),
        UnexpectedPayload("odd", source="reccobeats", excerpt="<html>"),
    ],
)
def test_errors_cross_process_borders_whole(error: MoodlogError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.__dict__ == error.__dict__
    assert str(copy) == str(error)


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    drawn = errors.__doc__ or ""
    for kind in _all_errors():
        if not kind.__name__.startswith("_"):
            line = next((line for line in drawn.splitlines() if f" {kind.__name__} " in line), None)
            assert line is not None, f"{kind.__name__} is not drawn"
            if kind is not MoodlogError:
                assert f" {'yes' if kind.retryable else 'no'} " in line, kind.__name__
                assert f" {kind.exit_code} " in f"{line} ", kind.__name__


@pytest.mark.parametrize(
    ("written", "reported"),
    [
        ("a\nb\tc  d", "a b c d"),
        ("\x1b[31mred", "\N{REPLACEMENT CHARACTER}[31mred"),
        ("postgresql://ada:p@ss/word@host/db is no address", "postgresql://host/db is no address"),
        ("שלום\u200f stays", "שלום\u200f stays"),
    ],
)
def test_a_message_is_one_plain_line_without_credentials(written: str, reported: str) -> None:
    error = MoodlogError(written)
    assert error.message == str(error) == reported
    assert pickle.loads(pickle.dumps(error)).message == reported


def test_of_a_long_message_beginning_and_end_are_reported() -> None:
    message = MoodlogError(f"begins {'x' * 5000} do this").message
    assert len(message) == 600
    assert message.startswith("begins")
    assert message.endswith("do this")
