"""``moodlog predict``: show the mood of given tracks, or of all tracks in a file of features."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq

from mood_core.app.workspace import Workspace
from mood_core.classifier import Classifier, attribute, load_classifier
from mood_core.classifier.headline import headline
from mood_core.classifier.loading import check_takes_exact
from mood_core.classifier.model_card import read_card
from mood_core.cli import options
from mood_core.cli.messages import echo_notes
from mood_core.cli.progress import share_progress
from mood_core.cli.terminal import echo_json
from mood_core.domain.mood_style import SIGNS
from mood_core.domain.moods import POSITIONS, label, positions
from mood_core.domain.records import MOODS
from mood_core.domain.vectors import range_problems
from mood_core.errors import Unavailable
from mood_core.files.own_file import check_folder, refuse_foreign
from mood_core.tabular.feature_matrix import feature_matrix
from mood_core.tabular.own_table import has_columns
from mood_core.text.format import plural, written_number
from mood_core.text.sanitise import plain
from mood_core.usecases.models.predict_file import PREDICTIONS, PredictionCounts, predict_file
from mood_core.usecases.models.predict_tracks import TrackFeatures, as_table, track_id_of

_TOP_FACTORS = 3
_FIELDS = ("mood_set", "uncertain", "out_of_distribution", *POSITIONS)


@click.command
@click.argument("tracks", nargs=-1, metavar="[TRACK]...")
@click.option(
    "--features",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read audio features from this CSV or Parquet file.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="With --features: write Parquet here.")
@click.option(
    "--model", type=click.Path(path_type=Path), metavar="DIR", help="A model folder; default: the bundled model."
)
@options.as_json_lines
def command(
    tracks: tuple[str, ...], features: Path | None, out: Path | None, model: Path | None, as_json: bool
) -> None:
    """Show the mood of tracks, by Spotify id, URI or URL, or from a file of features.

    Features come from the database, or from the sources of MOODLOG_FEATURE_SOURCES if they are not stored. Tracks that
    only have features estimated from audio are judged by the model for these. Nothing is written to the database. A
    file needs an id column (id, track_id, uri or spotify_id) and Spotify's nine feature names; duration_ms is
    optional.

    \b
    Examples:
      moodlog predict 4uLU6hMCjMI75M1A2tKUQC
      moodlog predict https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC --json
      moodlog predict --features tracks.csv --json
      moodlog predict --features tracks.parquet --out moods.parquet
    """
    if bool(tracks) == (features is not None):
        raise click.UsageError("give tracks, or --features FILE.")
    if out is not None and features is None:
        raise click.UsageError("--out needs --features FILE.")
    if features is not None:
        _of_file(features, out, model, as_json=as_json)
    else:
        _of_tracks([track_id_of(track) for track in dict.fromkeys(tracks)], model, as_json=as_json)


def _of_tracks(track_ids: list[str], folder: Path | None, *, as_json: bool) -> None:
    model = _classifier(folder)
    with Workspace() as workspace:
        found = workspace.features_of(track_ids)
        estimated_model = cache(workspace.estimated_classifier)
        lines = list(_lines(found, model, estimated_model))
    for line in lines:
        echo_json(line) if as_json else click.echo(_sentence(line))
    if not as_json:
        for is_estimated in sorted({line["estimated"] for line in lines if line["mood"]}):
            click.echo(headline((estimated_model() if is_estimated else model).card), err=True)
    missing = [track for track in found if track.is_temporary]
    if missing:
        raise Unavailable(
            f"{plural(len(missing), 'track')} without a mood: {missing[0].problem}; run the command again later",
            source="features",
        )


def _lines(
    found: list[TrackFeatures], model: Classifier, estimated_model: Callable[[], Classifier]
) -> Iterator[dict[str, Any]]:
    matrix = feature_matrix(as_table(found))
    problems, rows = range_problems(matrix), iter(range(len(matrix)))
    for track in found:
        line: dict[str, Any] = {"track_id": track.track.track_id, "track": track.track.name or None}
        line["artists"] = ", ".join(track.track.artists) or None
        row = None if track.features is None else next(rows)
        problem = track.problem if row is None else problems[row]
        if problem is not None or row is None:
            yield line | {"mood": None, "problem": problem, "model_version": model.model_version}
        else:
            judge = estimated_model() if track.estimated else model
            source = {"feature_source": track.source, "estimated": track.estimated}
            yield line | _judged(judge, matrix[row : row + 1]) | source


def _judged(model: Classifier, matrix: Any) -> dict[str, Any]:
    probabilities = model.predict(matrix)
    labels, place = label(probabilities, model.card.threshold, model.card.set_thresholds), positions(probabilities)
    return {
        "mood": labels.names()[0],
        "probabilities": {mood: round(float(p), 6) for mood, p in zip(MOODS, probabilities[0], strict=True)},
        "mood_set": labels.set_names()[0],
        "uncertain": bool(labels.uncertain[0]),
        **{name: round(float(values[0]), 6) for name, values in place.items()},
        "out_of_distribution": bool(model.out_of_distribution(matrix)[0]),
        "model_version": model.model_version,
        "factors": [
            {"feature": part.feature, "value": None if part.value != part.value else part.value, "weight": part.weight}
            for part in attribute(model, matrix)[0]
        ],
    }


def _sentence(line: dict[str, Any]) -> str:
    name = f"{line['track']} by {line['artists']}" if line.get("track") else line["track_id"]
    if line["mood"] is None:
        return f"{name} has no mood: {line['problem']}"
    shares = "  ".join(f"{SIGNS[mood]} {mood} {share:.0%}" for mood, share in line["probabilities"].items())
    limits = [_set(line)] if line["uncertain"] else []
    limits += ["unlike the training data"] if line["out_of_distribution"] else []
    limit = f" ({', '.join(limits)})" if limits else ""
    text = f"{name} is a {line['mood'].upper()} song{limit}\n  {shares}"
    if line.get("factors"):
        parts = [_factor(part) for part in line["factors"][:_TOP_FACTORS]]
        kind = "features estimated from audio" if line["estimated"] else "features"
        text += f"\n  top factors: {', '.join(parts)}; {kind} from {line['feature_source'].removeprefix('estimated:')}"
    return text


def _set(line: dict[str, Any]) -> str:
    """Why a label is uncertain: the other moods of its set, or that its probability is low."""
    members = (line.get("mood_set") or "").split("|")
    others = [mood for mood in members if mood and mood != line["mood"]]
    return f"uncertain: with 90% coverage also {' or '.join(others)}" if others else "uncertain"


def _factor(part: dict[str, Any]) -> str:
    value = "missing" if part["value"] is None else written_number(part["value"])
    return f"{part['feature']} {value} ({'+' if part['weight'] >= 0 else '-'})"


def _of_file(features: Path, out: Path | None, folder: Path | None, *, as_json: bool) -> None:
    with _output(out) as target:
        model = _classifier(folder)
        with share_progress() as progress:
            show = partial(progress, f"reading {features.name}")
            counts = predict_file(str(features), model, target, progress=show)
        if out is None:
            _print_file(target, model.model_version, as_json=as_json)
    _print_counts(counts, out)
    if not as_json:
        click.echo(headline(model.card), err=True)


def _classifier(folder: Path | None) -> Classifier:
    if folder is not None:
        check_takes_exact(read_card(folder))
        return load_classifier(folder)
    with Workspace() as workspace:
        return workspace.classifier()


@contextmanager
def _output(out: Path | None) -> Iterator[Path]:
    if out is not None:
        check_folder(out)
        refuse_foreign(out, "a table of moods", partial(has_columns, names=PREDICTIONS.names))
        yield out
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "moods.parquet"


def _print_file(path: Path, model_version: str, *, as_json: bool) -> None:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=10_000):
        for row in batch.to_pylist():
            line = {"track_id": row["track_id"], "mood": row["mood"], "model_version": model_version}
            if row["mood"] is None:
                line["problem"] = row["problem"]
            else:
                line["probabilities"] = {mood: round(row[f"p_{mood.lower()}"], 6) for mood in MOODS}
                line |= {name: row[name] for name in _FIELDS}
            click.echo(json.dumps(line) if as_json else _sentence(line))


def _print_counts(counts: PredictionCounts, out: Path | None) -> None:
    echo_notes(counts.notes)
    left_out = [f"{n} {what}" for n, what in ((counts.without_id, "without an id"), (counts.damaged, "damaged")) if n]
    where = f", written to {plain(str(out))}" if out else ""
    more = f"; left out: {', '.join(left_out)}" if left_out else ""
    click.echo(f"{counts.labelled} of {counts.read} rows labelled{where}{more}", err=True)
