"""What people read about a model's quality comes from its card: strangers first, the ceiling last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mood_core.classifier.headline import headline
from mood_core.classifier.loading import bundled_folder
from mood_core.classifier.model_card import ModelCard, read_card
from mood_core.classifier.training import card_text

SETS = {"thresholds": {}, "size": 2.04, "coverage": 0.901, "left_out": {"c01": {}}}


def _card(group_by: str | None, **metrics: Any) -> ModelCard:
    return replace(read_card(bundled_folder()), protocol={"group_by": group_by}, metrics=metrics)


def test_strangers_come_first_and_the_ceiling_after_the_curators_own() -> None:
    said = headline(
        _card(
            "source",
            accuracy=0.541,
            inside={"mean": {"accuracy": 0.763}},
            agreement={"pairs": 1080, "share": 0.773},
            mood_sets=SETS,
        )
    )
    places = [said.index(part) for part in ("never seen", "54%", "Inside", "76%", "77%", "2.0 moods", "90% of the")]
    assert places == sorted(places)


def test_what_was_not_measured_is_said_or_left_out() -> None:
    said = headline(_card(None, accuracy=0.848))
    assert "never seen" in said.partition(".")[0]
    assert "not measured" in said
    assert "85%" in said
    assert headline(_card("source", accuracy=0.5, agreement={"pairs": 0, "share": None})).count("%") == 1
    assert "not measured" in headline(_card(None))


def test_the_bundled_model_has_a_headline() -> None:
    assert headline(read_card(bundled_folder())).startswith("On a curator never seen")


def test_the_bundled_card_states_how_often_its_sets_hold_the_mood() -> None:
    card = read_card(bundled_folder())
    sets = card.metrics["mood_sets"]
    assert card.set_thresholds is not None
    assert sets["coverage"] >= 0.9
    assert all(share >= 0.85 for share in sets["by_mood"].values())
    text = card_text._render("mood_sets.md.j2", card)
    for curator, score in sets["left_out"].items():
        assert f"| {curator} | {score['tracks']} | {score['coverage'] * 100:.1f} | {score['size']:.2f} |" in text
        assert f"{sets['inside'][curator]['coverage'] * 100:.1f}" in text
    lowest = min(share for score in sets["left_out"].values() for share in score["by_mood"].values())
    assert f"{lowest:.1%}" in text.splitlines()[-1]


def test_the_numbers_in_the_docs_are_the_cards() -> None:
    root = Path(__file__).parents[2]
    docs, readme = (
        " ".join((root / name).read_text(encoding="utf-8").split()) for name in ("docs/model.md", "README.md")
    )
    metrics = read_card(bundled_folder()).metrics
    full = [metrics["by_source"][name]["accuracy"] for name in metrics["full_sources"]]
    inside, sets, robust = metrics["inside"], metrics["mood_sets"], metrics["robustness"]
    spread = f"({min(full):.0%} to {max(full):.0%}"
    calm = [metrics["meanings"][name]["Calm"]["instrumental"] for name in metrics["full_sources"]]
    covered, sizes = ([one[key] for one in sets["left_out"].values()] for key in ("coverage", "size"))
    for expected in (
        f"| {metrics['accuracy']:.1%} {spread}) | {metrics['log_loss']:.2f} |",
        f"| {inside['mean']['accuracy']:.1%} | {inside['mean']['log_loss']:.2f} |",
        f"shared track | {metrics['agreement']['share']:.0%} |",
        f"above 0.9 for {metrics['wrong_and_confident']:.1%}, and its calibration error is {metrics['ece']:.2f}",
        f"{robust['loudness_plus_3']:.1%} or {robust['loudness_minus_3']:.1%}",
        f"features {robust['shares_noise_0.05']:.1%}, without durations {robust['duration_missing']:.1%}",
        f"between {min(calm):.0%} and {max(calm):.0%} of the Calm tracks",
        f"is right for {inside['by_source']['c01']['accuracy']:.0%}",
        f"a set has {sets['size']:.1f} moods on average ({min(sizes):.1f} to {max(sizes):.1f} by curator)",
        f"single curators is {min(covered):.0%} to {max(covered):.0%}",
        f"Calm of c05 has {sets['left_out']['c05']['by_mood']['Calm']:.0%}",
        f"Calm is {metrics['moods']['Calm']['instrumental']:.0%} instrumental",
    ):
        assert expected in docs
    assert f"{metrics['accuracy']:.1%} of the labels {spread}; log loss {metrics['log_loss']:.2f}" in readme
    assert f"training data it agrees with {inside['mean']['accuracy']:.1%}" in readme
    assert f"on {metrics['agreement']['share']:.0%} of the tracks they share" in readme


def test_a_card_of_one_curator_makes_no_claim_for_others() -> None:
    sets = {"thresholds": {"Calm": 0.2}, "left_out": {}, "coverage": 0.9, "size": 1.3}
    assert "nothing is known about others" in card_text._render("mood_sets.md.j2", _card(None, mood_sets=sets))
