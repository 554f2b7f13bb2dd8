"""Personal heads: learned from answers to questions, used if better on held-out answers, and theirs alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from flows.report_text import report_json
from mood_core.classifier import bundled_folder
from mood_core.classifier.model_card import read_card
from mood_core.domain.answers import AskedBecause, MoodAnswer
from mood_core.domain.head_text import StoredHead, read_head
from mood_core.domain.learning import Lesson, learn
from mood_core.domain.personal_head import apply_head, fit_head
from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake, open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import LISTENS, MOOD_ANSWERS, MOODS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.queries.answer_rows import AnswerRows
from mood_core.usecases.answers.learn_heads import TrainedHead, learn_heads
from mood_core.usecases.answers.summary import answer_summaries
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.label_tracks import LabelReport
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.functional.test_counted import views_are_right
from tests.store_data import NOW, all_digests, days_are_right, listens, moods, query, set_current, tracks, users

NAMES = [f"t{number:02d}" for number in range(60)]
AT = datetime(2026, 8, 3, 9, tzinfo=UTC)


def lesson(answers: int, wrong: float, seed: int = 0) -> Lesson:
    """Answers of a person who says Sad where the model says Calm, for the share ``wrong`` of the tracks."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, answers)
    chances = np.full((answers, 4), 0.1)
    chances[np.arange(answers), labels] = 0.7
    says = np.where((labels == 0) & (random.random(answers) < wrong), 3, labels)
    return Lesson(chances, np.eye(4, dtype=np.bool_)[says], says, random.random(answers) < 0.3)


def test_a_head_without_evidence_is_the_model_and_few_answers_change_little() -> None:
    chances = np.array([[0.1, 0.2, 0.3, 0.4], [0.97, 0.01, 0.01, 0.01]])
    same = apply_head(np.zeros((5, 4)), chances)
    np.testing.assert_allclose(same, chances, atol=1e-6)
    one = fit_head(chances[:1], np.array([0]), np.ones(1))
    moved = np.abs(apply_head(one, chances) - chances).max()
    many = fit_head(np.repeat(chances[:1], 50, axis=0), np.zeros(50, np.int64), np.ones(50))
    assert 0 < moved < 0.2 < np.abs(apply_head(many, chances) - chances).max()


def test_a_person_with_another_idea_is_learned_and_one_who_agrees_is_not_harmed() -> None:
    found = learn(lesson(60, 1.0))
    assert found.promoted
    assert found.scores.by_mood["Sad"].after > found.scores.by_mood["Sad"].before
    assert found.scores.log_loss_gain > 0
    low, high = found.scores.after_low, found.scores.after_high
    assert 0 <= low < found.scores.at_random.after / found.scores.at_random.answers <= high <= 1
    assert learn(lesson(60, 1.0)).scores == found.scores  # no chance in it
    agrees = learn(lesson(60, 0.0)).scores.all_answers
    assert agrees.before == agrees.after == agrees.answers


def share_used(given: Lesson) -> float:
    """How large the learned head is, as a share of the head that is fitted to all answers."""
    whole = fit_head(given.probabilities, given.leading, np.ones(len(given.leading)))
    return float(np.linalg.norm(learn(given).coefficients) / np.linalg.norm(whole))


def answers_as_predicted(seed: int) -> Lesson:
    """60 answers drawn from the model's own probabilities: there is nothing to learn."""
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.full(4, 3.0), 60)
    says = np.array([random.choice(4, p=each) for each in chances])
    return Lesson(chances, np.eye(4, dtype=np.bool_)[says], says, random.random(60) < 0.3)


def test_a_head_counts_by_the_evidence_that_it_is_better() -> None:
    assert share_used(lesson(60, 1.0)) > 0.99
    assert np.mean([share_used(answers_as_predicted(seed)) for seed in range(6)]) < 0.5


def test_two_moods_teach_half_each() -> None:
    chances = np.tile([0.4, 0.2, 0.2, 0.2], (40, 1))
    both = np.tile([True, False, True, False], (40, 1))
    found = apply_head(
        learn(Lesson(chances, both, np.zeros(40, np.int64), np.ones(40, np.bool_))).coefficients, chances
    )
    assert found[0, 0] == pytest.approx(found[0, 2], abs=0.1)
    assert found[0, 1] < 0.15


def test_a_head_is_stored_exactly_and_a_damaged_one_refused() -> None:
    head = StoredHead(np.random.default_rng(0).normal(size=(5, 4)), 0.42, (0.1, 0.2, 0.3, 0.4))
    again = read_head(head.to_text())
    assert (again.coefficients == head.coefficients).all()
    assert (again.threshold, again.set_thresholds) == (0.42, (0.1, 0.2, 0.3, 0.4))
    for text in ("", "{}", json.dumps({"coefficients": [[1]], "threshold": 1, "set_thresholds": None})):
        with pytest.raises(BatchCorrupt, match="personal head"):
            read_head(text)


class Ada:
    """Ada hears 60 tracks that the model calls Calm or Happy; she calls the calm ones Sad. Grace hears them too."""

    def __init__(self, database: Database, lake: Lake) -> None:
        self.database, self.lake, self.batches = database, lake, Batches(lake, database)
        self.rows, self.card = AnswerRows(database), read_card(bundled_folder())
        self.batches.add(TRACKS, tracks(*NAMES, "new", "late"), now=AT)
        self.batches.add(USERS, users(("ada", "Europe/Berlin"), ("grace", "UTC")), now=AT)
        heard = [(who, AT + timedelta(minutes=n), NAMES[n]) for n in range(60) for who in ("ada", "grace")]
        self.batches.add(LISTENS, listens(heard), now=AT)
        self.label(self.card.model_version)
        set_current(database, self.card.model_version)

    def label(self, version: str, names: list[str] = NAMES) -> None:
        """Label tracks, the even ones as calm."""
        by_name = {name: "Happy" if name[-1] in "13579" else "Calm" for name in names}
        self.batches.add(MOODS, moods(by_name, version), now=NOW)

    def answer(self, names: list[str], because: AskedBecause = AskedBecause.UNCERTAIN) -> None:
        """Answer about tracks in one batch."""
        made = [
            MoodAnswer("ada", name, NOW, "Happy" if name[-1] in "13579" else "Sad", because, self.card.model_version)
            for name in names
        ]
        self.batches.add(MOOD_ANSWERS, to_table(MOOD_ANSWERS, made), now=NOW)

    def learn(self) -> list[TrainedHead]:
        """Learn as a nightly run does."""
        return learn_heads(self.card, self.rows, self.batches, now=NOW + timedelta(hours=1))

    def sources(self, user: str) -> dict[str, int]:
        """Listens by where their label came from."""
        sql = "SELECT label_source, count(*) FROM mood_history WHERE user_id = :user GROUP BY label_source"
        return dict(query(self.database, sql, user=user))


@pytest.fixture
def ada(migrated: Database, tmp_path: Path) -> Ada:
    """Ada's history."""
    return Ada(migrated, open_lake(str(tmp_path / "lake")))


def test_a_head_labels_what_its_person_hears_now_and_later(ada: Ada) -> None:
    ada.answer(NAMES[:44])
    assert ada.learn() == []  # too few
    ada.answer(NAMES[44:50])
    head = ada.learn()[0]
    assert head.promoted
    shown = report_json(NightReport(labels=LabelReport(head.base_model, learned=[head])))["learned"]
    assert shown == [head.as_dict()]
    assert head.as_dict()["scores"]["all_answers"]["answers"] == 50
    assert ada.learn() == []  # no new answers
    assert ada.sources("ada") == {"person": 50, "personal": 10}
    assert ada.sources("grace") == {"model": 60}
    row = "SELECT mood, model_version, feature_source FROM mood_history WHERE user_id = 'ada' AND track_id = 't58'"
    assert query(ada.database, row) == [("Sad", head.version, "catalog")]
    # A new listen of a track that the model has labelled, and one of a track that it labels later.
    ada.label(ada.card.model_version, ["new"])
    ada.batches.add(LISTENS, listens([("ada", NOW, "new"), ("ada", NOW, "late")]), now=NOW)
    ada.label(ada.card.model_version, ["late"])
    assert ada.sources("ada") == {"person": 50, "personal": 12}
    views_are_right(ada.database)
    assert days_are_right(ada.database)
    assert verify(ada.lake, ada.database, now=NOW, deep=True).findings == []
    before = all_digests(ada.database)
    rebuild(ada.lake, ada.database, now=NOW)
    assert all_digests(ada.database) == before
    assert ada.sources("ada") == {"person": 50, "personal": 12}
    summary = answer_summaries(["ada"], ada.rows, ada.card.model_version)["ada"]
    assert (summary.tracks, summary.usable, summary.promoted) == (50, 50, True)
    assert summary.scores["by_mood"]["Sad"]["after"] > summary.scores["by_mood"]["Sad"]["before"]  # type: ignore[index]
    forget_person("ada", ada.lake, ada.database, owner="test", now=NOW)
    assert query(ada.database, "SELECT count(*) FROM mood_heads") == [(0,)]
    assert ada.lake.paths("mood_heads") == []


def test_a_head_is_bound_to_its_model_and_comes_back_with_it(ada: Ada) -> None:
    ada.answer(NAMES[:45])
    ada.learn()
    ada.label("other/1")
    set_current(ada.database, "other/1")
    assert ada.sources("ada") == {"person": 45, "model": 15}
    views_are_right(ada.database)
    set_current(ada.database, ada.card.model_version)
    assert ada.sources("ada") == {"person": 45, "personal": 15}
    assert days_are_right(ada.database)


def test_corrections_alone_never_teach(ada: Ada) -> None:
    ada.answer(NAMES, AskedBecause.VOLUNTEERED)
    assert ada.learn() == []
    assert query(ada.database, "SELECT count(*) FROM mood_heads") == [(0,)]


def test_an_undone_answer_gives_way_to_the_head(ada: Ada) -> None:
    ada.answer(NAMES[:45])
    ada.learn()
    made = MoodAnswer("ada", "t00", NOW + timedelta(days=1), "undone", AskedBecause.VOLUNTEERED, None)
    ada.batches.add(MOOD_ANSWERS, to_table(MOOD_ANSWERS, [made]), now=NOW + timedelta(days=1))
    assert ada.sources("ada") == {"person": 44, "personal": 16}
    views_are_right(ada.database)
    assert days_are_right(ada.database)


@pytest.mark.slow
def test_fifty_answers_of_a_stranger_raise_the_accuracy(shared: Path) -> None:
    from mood_core.classifier.training import read_labelled
    from tests.personal_simulation import play, strangers_probabilities

    tracks = read_labelled(shared / "data" / "moods_curators.csv")
    probabilities = strangers_probabilities(tracks)
    gains = {source: play(tracks, probabilities, source, 50, range(20)) for source in np.unique(tracks.source_names())}
    means = {source: 100 * np.mean([one.accuracy_gain for one in found]) for source, found in gains.items()}
    full = [means[source] for source in ("c01", "c02", "c03", "c04", "c05")]  # those with all moods
    assert np.mean(full) >= 4, means
    assert min(means.values()) > -0.5, means
    losses = {source: np.mean([one.log_loss_gain for one in found]) for source, found in gains.items()}
    assert min(losses.values()) > 0, losses
