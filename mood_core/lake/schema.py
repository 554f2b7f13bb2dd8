"""The Arrow schemas of the lake's datasets: the contract between producers, Parquet and SQL, and the data dictionary.

Every batch file contains rows of one dataset in exactly its schema. Each field has its description and unit as
metadata, so that the files are self-describing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mood_core.domain.answers import AskedBecause
from mood_core.domain.play_ends import END_REASONS, FLAGS

SCHEMA_VERSION = 1
"""Incremented when a dataset's columns change; written to every file and checked on reading.

It does not change for nullable columns, new or old: a file without the column is read with nulls.
"""

_ID = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("ms", tz="UTC")
_NAMES = pa.list_(pa.field("item", pa.string(), nullable=False))


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset: its ``name`` (folder in the lake, table in SQL), Arrow ``schema`` and natural ``key``."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]


def _dataset(name: str, key: tuple[str, ...], *fields: pa.Field) -> Dataset:
    return Dataset(name, pa.schema(fields), key)


def _field(name: str, kind: Any, description: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": description})


def _feature(name: str, description: str) -> pa.Field:
    return _field(name, pa.float64(), description)


USERS = _dataset(
    "users",
    ("user_id",),
    _field("user_id", pa.string(), "Spotify's stable id of the account"),
    _field("display_name", pa.string(), "the person's name"),
    _field("timezone", pa.string(), "IANA name of the person's time zone, which decides their local day"),
    _field("connected_at", _TIME, "when the account was first connected, UTC"),
    _field("recorded_at", _TIME, "when this row was written, UTC; the latest row of a user counts"),
)

TRACKS = _dataset(
    "tracks",
    ("track_id",),
    _field("track_id", pa.string(), "Spotify's track id, the spotify:local: URI of a local file, or isrc:CODE"),
    _field("name", pa.string(), "title"),
    _field("artists", _NAMES, "artists' names, main artist first"),
    _field("album", pa.string(), "album title", nullable=True),
    _field("duration_ms", pa.int32(), "duration of the recording, ms", nullable=True),
    _field("isrc", pa.string(), "International Standard Recording Code", nullable=True),
    _field("release_date", pa.string(), "YYYY, YYYY-MM or YYYY-MM-DD, as Spotify gives it", nullable=True),
    _field("kind", _ID, "track, or local for a person's own file"),
)

TRACK_NAMES = _dataset(
    "track_names",
    ("track_id", "artist", "title"),
    _field("track_id", pa.string(), "the track"),
    _field("artist", pa.string(), "artists as another export or service spells them, joined by commas"),
    _field("title", pa.string(), "title as another export or service spells it"),
)

LISTENS = _dataset(
    "listens",
    ("user_id", "played_at", "track_id"),
    _field("user_id", _ID, "who listened"),
    _field("played_at", _TIME, "when the play was reported (the start of a scrobble), UTC, ms"),
    _field("track_id", _ID, "what was played"),
    _field("ms_played", pa.int32(), "duration of the play, ms; unknown for polled listens", nullable=True),
    _field("source", _ID, "recently_played, extended_history, account_data, listenbrainz or lastfm"),
    *(
        _field(name, pa.bool_(), f"{meaning}; known only from extended histories", nullable=True)
        for name, meaning in FLAGS.items()
    ),
    _field(
        "reason_end",
        _ID,
        f"why the play ended; known only from extended histories: {', '.join(END_REASONS)}",
        nullable=True,
    ),
)

GAPS = _dataset(
    "gaps",
    ("user_id", "starts_at"),
    _field("user_id", _ID, "whose listens may be missing"),
    _field("starts_at", _TIME, "the newest listen stored before the gap, UTC"),
    _field("ends_at", _TIME, "the oldest listen seen after the gap, UTC"),
    _field("found_at", _TIME, "when the gap was found, UTC"),
    _field("filled_at", _TIME, "when an import covered it, UTC", nullable=True),
)

AUDIO_FEATURES = _dataset(
    "audio_features",
    ("track_id",),
    _field("track_id", pa.string(), "the track"),
    _feature("acousticness", "confidence that the track is acoustic, 0–1"),
    _feature("danceability", "how suitable for dancing, 0–1"),
    _feature("energy", "perceived intensity and activity, 0–1"),
    _feature("instrumentalness", "likelihood of no vocals, 0–1"),
    _feature("liveness", "likelihood of an audience, 0–1"),
    _feature("loudness", "overall loudness, dB, usually −60–0"),
    _feature("speechiness", "presence of spoken words, 0–1"),
    _feature("tempo", "estimated tempo, BPM"),
    _feature("valence", "musical positiveness, 0–1"),
    _field("duration_ms", pa.int32(), "duration of the recording, ms", nullable=True),
    _field("source", _ID, "the feature source that gave all nine values"),
    _field("fetched_at", _TIME, "when they were fetched, UTC"),
)

ESTIMATED_FEATURES = _dataset(
    "estimated_features",
    ("track_id",),
    *(field for field in AUDIO_FEATURES.schema if field.name not in ("source", "fetched_at")),
    _field("source", _ID, "estimated: and the analyser that estimated the values from an audio file"),
    _field("fetched_at", _TIME, "when the file was analysed, UTC"),
)

FEATURE_MISSES = _dataset(
    "feature_misses",
    ("track_id", "source"),
    _field("track_id", pa.string(), "the track"),
    _field("source", _ID, "the feature source that was queried"),
    _field(
        "reason",
        _ID,
        "why there are no features: unknown, unusable, other_duration, no_isrc, no_spotify_id, not_a_track",
    ),
    _field("missed_at", _TIME, "when it was queried, UTC"),
)

MOODS = _dataset(
    "moods",
    ("track_id", "model_version"),
    _field("track_id", pa.string(), "the track"),
    _field("model_version", _ID, "name/version of the model that labelled it"),
    _field("mood", _ID, "the most probable mood: Calm, Energetic, Happy or Sad"),
    _field("p_calm", pa.float32(), "probability of Calm, 0–1"),
    _field("p_energetic", pa.float32(), "probability of Energetic, 0–1"),
    _field("p_happy", pa.float32(), "probability of Happy, 0–1"),
    _field("p_sad", pa.float32(), "probability of Sad, 0–1"),
    _field("uncertain", pa.bool_(), "the set has more than one mood; without a set, the probability is low"),
    _field("out_of_distribution", pa.bool_(), "the features are outside the training data, by the card's rule"),
    _field("feature_source", _ID, "where the features came from"),
    _field("labelled_at", _TIME, "when the label was given, UTC"),
    _field("mood_set", _ID, "the moods with 90% coverage, joined by a vertical bar; empty without sets", nullable=True),
)

NAMED_PLAYS = _dataset(
    "named_plays",
    ("user_id", "ended_at", "artist", "title", "ms_played"),
    _field("user_id", _ID, "who listened"),
    _field("ended_at", _TIME, "the end of the play in the account data, or the start of a scrobble, UTC"),
    _field("artist", pa.string(), "artist, as spelled in the source"),
    _field("title", pa.string(), "title, as spelled in the source"),
    _field("ms_played", pa.int32(), "duration of the play, ms; unknown in early 2018", nullable=True),
    _field("track_id", _ID, "the track, once one of that artist and title is known", nullable=True),
    _field("source", _ID, "account_data, listenbrainz or lastfm; unknown is account_data", nullable=True),
    _field("recording_mbid", pa.string(), "MusicBrainz' id of the recording, from ListenBrainz", nullable=True),
    _field("duration_ms", pa.int32(), "duration of the recording, ms, from ListenBrainz", nullable=True),
)

RESOLUTIONS = _dataset(
    "resolutions",
    ("artist", "title", "resolved_by"),
    _field("artist", pa.string(), "the artist that was looked up, normalised"),
    _field("title", pa.string(), "the title that was looked up, normalised"),
    _field("resolved_by", _ID, "the resolver that was asked: spotify, deezer or musicbrainz"),
    _field("outcome", _ID, "found, unknown, or disagrees: only recordings of other versions or durations"),
    _field("track_id", _ID, "the track with this name, where one was found", nullable=True),
    _field("resolved_at", _TIME, "when it was asked, UTC"),
)

MOOD_ANSWERS = _dataset(
    "mood_answers",
    ("user_id", "track_id", "answered_at", "answer"),
    _field("user_id", _ID, "who answered"),
    _field("track_id", _ID, "the track"),
    _field("answered_at", _TIME, "when, UTC; a person's latest answer about a track counts"),
    _field("answer", _ID, "a mood, two moods as Happy|Calm (the first one leads), none, or undone"),
    _field("asked_because", _ID, f"why the track was asked about: {', '.join(AskedBecause)}"),
    _field("shown_model", _ID, "the model version whose label was shown", nullable=True),
)

MOOD_HEADS = _dataset(
    "mood_heads",
    ("user_id", "trained_at"),
    _field("user_id", _ID, "whose answers it was learned from"),
    _field("trained_at", _TIME, "when, UTC; the latest one for the current model counts"),
    _field("base_model", _ID, "the model version whose probabilities it maps"),
    _field("version", _ID, "the model version of its labels"),
    _field("promoted", pa.bool_(), "better than the model on held-out answers; otherwise the model's labels count"),
    _field("head", pa.string(), "JSON: the coefficients (5 rows of 4) and the thresholds of the model's card"),
    _field("scores", pa.string(), "JSON: what was measured on held-out answers"),
)

FORGOTTEN = _dataset(
    "forgotten",
    ("person_hash",),
    _field("person_hash", pa.string(), "HMAC-SHA256 of a forgotten person's id, hex digits"),
    _field("hash_key", pa.string(), "the random key of that hash, one per installation, hex digits"),
    _field("forgotten_at", _TIME, "when the person was last forgotten, UTC"),
    _field("lifted_at", _TIME, "when the person gave a new consent or import, UTC", nullable=True),
)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        FORGOTTEN,
        USERS,
        TRACKS,
        TRACK_NAMES,
        LISTENS,
        GAPS,
        AUDIO_FEATURES,
        ESTIMATED_FEATURES,
        FEATURE_MISSES,
        MOODS,
        NAMED_PLAYS,
        RESOLUTIONS,
        MOOD_ANSWERS,
        MOOD_HEADS,
    )
}
"""All datasets by name in loading order: dependencies come first."""

PERSONAL = tuple(dataset for dataset in DATASETS.values() if "user_id" in dataset.schema.names)
"""Datasets whose rows belong to a person."""

OF_TRACKS = tuple(
    dataset for dataset in DATASETS.values() if dataset not in PERSONAL and "track_id" in dataset.schema.names
)
"""Datasets whose rows describe recordings."""
