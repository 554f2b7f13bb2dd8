"""docs/scale.md has the numbers that the plan computes from measured costs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from tests.benchmarks.bench_scale_plan import (
    ASSUMED,
    MEASURED,
    Plan,
    pulls_of_a_person,
    pulls_of_the_silent,
    tables,
)

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_PAGE = (_DOCS / "scale.md").read_text(encoding="utf-8")


def test_the_tables_of_the_page_are_those_of_the_simulation() -> None:
    for table in tables():
        assert table in _PAGE


def test_the_page_names_what_was_measured_and_what_is_assumed() -> None:
    benchmarks = (_DOCS / "benchmarks.md").read_text(encoding="utf-8")
    for cost in fields(MEASURED):
        value = f"{getattr(MEASURED, cost.name):g}"
        assert value in _PAGE, cost.name
        assert value in benchmarks or cost.name in ("label_us", "load_us"), cost.name
    for cost in fields(ASSUMED):
        assert f"{getattr(ASSUMED, cost.name):,g}" in _PAGE or f"{getattr(ASSUMED, cost.name):,}" in _PAGE, cost.name
    assert f"{pulls_of_a_person():.2f} pulls a day" in _PAGE
    assert f"{pulls_of_the_silent():.2f} of them" in _PAGE


def test_more_people_need_as_many_more_calls_and_bytes() -> None:
    small, large = Plan(10**5), Plan(10**8)
    assert large.pulls_a_day / small.pulls_a_day == 1000
    assert (small.cells, large.cells) == (1, 100)
    assert large.tracks / small.tracks < 100
