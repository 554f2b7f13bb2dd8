"""Labels everything again by another model version, compares both, and can drop the old labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mood_core.classifier import Classifier
from mood_core.classifier.model_card import ModelCard
from mood_core.domain.records import MOODS
from mood_core.lake import Lake
from mood_core.store.engine.database import Database
from mood_core.store.loading.ledger import entries, remove
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.models.promote_model import install
from mood_core.usecases.nightly.label_tracks import Labelled, LabelReport, label_tracks

_MOVED = 20


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two versions label the same tracks.

    ``table[old mood][new mood]`` counts tracks; ``share`` of them have the same mood; ``kappa`` is Cohen's, None where
    chance alone would agree always; ``moved`` are the tracks whose probabilities differ most.
    """

    old_version: str
    tracks: int
    share: float
    kappa: float | None
    table: dict[str, dict[str, int]]
    moved: list[dict[str, Any]]


@dataclass(slots=True)
class RelabelReport:
    """What relabelling did; ``dropped`` says how many labels of which old versions went."""

    labels: LabelReport
    agreement: Agreement | None = None
    dropped: dict[str, int] = field(default_factory=dict)


def relabel(
    classifier: Callable[[], Classifier],
    card: ModelCard,
    rows: MoodRows,
    batches: Batches,
    *,
    now: datetime,
    labelled: Callable[[], Labelled] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> RelabelReport:
    """Label every track with stored features by the model of ``card`` and then show its labels, all at once.

    Nothing is fetched. After a crash the next run labels the rest. Until the end, queries show the old labels.
    They are kept. ``labelled`` makes the labels somewhere else, such as on a cluster, instead of in this process.

    Raises:
        ModelError: The model cannot be used.
        StoreError: The database or the lake fails.
    """
    batches.finish(now=now)  # or labels that a killed run did not load would be made a second time
    loaded = classifier()  # refuses an unusable model even if there is nothing to label
    old = rows.current_version()
    labels = label_tracks(lambda: loaded, card, rows, batches, now=now, labelled=labelled, progress=progress)
    report = RelabelReport(labels)
    if old is not None and old != card.model_version:
        report.agreement = agreement(rows, old, card.model_version)
    return report


def keep_using(model: Path, set_model: Path | None, models: Path) -> str | None:
    """Let later runs go on with the model folder ``model``: copy it into ``models`` as the current one.

    If the setting MOODLOG_MODEL (``set_model``) names another, it takes precedence; the returned sentence says so.

    Raises:
        ModelError: The folder holds no model.
    """
    if set_model is None:
        install(model, models)
    elif set_model.expanduser().resolve() != model.expanduser().resolve():
        return f"MOODLOG_MODEL is {set_model}: set it to {model}, or the next run goes back to its labels"
    return None


def agreement(rows: MoodRows, old: str, new: str) -> Agreement:
    """Compare the labels of two versions on the tracks that both have labelled."""
    pairs = rows.agreement(old, new)
    table = {before: {after: pairs.get((before, after), 0) for after in MOODS} for before in MOODS}
    share, kappa = _kappa(table)
    return Agreement(old, sum(pairs.values()), share, kappa, table, rows.moved_most(old, new, _MOVED))


def drop_old(rows: MoodRows, lake: Lake, database: Database) -> dict[str, int]:
    """Drop the labels of all versions but the current one from SQL and from the lake; returns labels by version.

    SQL comes first: killed in between, the next run loads the files again as labels that nobody sees, and dropping
    again finishes it. A file that also holds labels of the current version stays.

    Raises:
        StoreBusy: Another process is rewriting the lake.
        StoreError: The database or the lake fails.
    """
    with named_lock(database, NamedLock.UPKEEP):
        return _drop_old(rows, lake, database)


def _drop_old(rows: MoodRows, lake: Lake, database: Database) -> dict[str, int]:
    if rows.current_version() is None:
        return {}
    current = {rows.current_version(), rows.current_version(estimated=True)}
    paths = [path for path in lake.paths("moods") if current.isdisjoint(lake.model_versions(path))]
    ledger = entries(database)
    dropped = dict(rows.drop_old())
    with database.write() as connection:
        for path in paths:
            if path in ledger:
                remove(connection, [ledger[path].batch_id])
    for path in paths:
        lake.remove(path)
    return dropped


def _kappa(table: dict[str, dict[str, int]]) -> tuple[float, float | None]:
    total = sum(sum(row.values()) for row in table.values())
    if not total:
        return 0.0, None
    share = sum(table[mood][mood] for mood in MOODS) / total
    chance = sum(sum(table[mood].values()) * sum(table[other][mood] for other in MOODS) / total**2 for mood in MOODS)
    return share, (share - chance) / (1 - chance) if chance < 1 else None
