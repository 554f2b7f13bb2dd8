"""The invented world: deterministic, believable, and hard on careless readers."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mood_core.domain.records import MOODS, from_ms, to_ms
from standin.world import WINDOW, World

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=7, listeners=10)


def test_the_same_seed_gives_the_same_world(world: World) -> None:
    again = World(seed=7, listeners=10)
    assert again.catalogue == world.catalogue
    assert list(again.listeners()) == list(world.listeners())
    # The days are asked for in another order, and of a world of another size.
    larger = World(seed=7, listeners=200)
    for back in (5, 3, 9):
        day = date(2026, 11, 20) - timedelta(days=back)
        assert larger.day(larger.listener(3), day) == world.day(world.listener(3), day)


def test_another_seed_gives_another_world(world: World) -> None:
    other = World(seed=8, listeners=10)
    assert not set(other.catalogue.by_id) & set(world.catalogue.by_id)
    assert other.listener(0).account_id != world.listener(0).account_id


def test_catalogue_is_believable(world: World) -> None:
    songs = [song for song in world.catalogue.songs if not song.is_local]
    assert len(songs) == 3000
    assert len({song.track_id for song in songs}) == len({song.uuid for song in songs}) == 3000
    assert all(len(song.track_id) == 22 for song in songs)
    assert {1965 <= song.album.released.year <= 2026 for song in songs} == {True}
    recent = sum(song.album.released.year >= 2020 for song in songs)
    assert 0.2 < recent / len(songs) < 0.5
    assert {song.album.precision for song in songs} >= {"day", "year"}
    assert any("</script>" in song.name for song in songs)
    assert any("\u202e" in song.name for song in songs)


def test_a_recording_may_stand_under_two_spotify_ids(world: World) -> None:
    doubles = [songs for songs in world.catalogue.by_isrc.values() if len(songs) > 1]
    assert len(doubles) > 100
    for songs in doubles:
        assert len({song.track_id for song in songs}) == len(songs)
        assert len({(song.name, song.duration_ms, song.features) for song in songs}) == 1


@pytest.mark.parametrize(
    ("mood", "feature", "mean", "within"),
    [
        ("Calm", "acousticness", 0.9, 0.05),
        ("Calm", "energy", 0.15, 0.06),
        ("Calm", "instrumentalness", 0.85, 0.06),
        ("Calm", "valence", 0.2, 0.05),
        ("Calm", "loudness", -22, 2.5),
        ("Calm", "tempo", 100, 5),
        ("Energetic", "energy", 0.85, 0.05),
        ("Energetic", "loudness", -5, 1),
        ("Energetic", "danceability", 0.57, 0.05),
        ("Energetic", "valence", 0.45, 0.05),
        ("Energetic", "tempo", 127, 5),
        ("Happy", "energy", 0.75, 0.05),
        ("Happy", "valence", 0.65, 0.05),
        ("Happy", "danceability", 0.63, 0.05),
        ("Happy", "loudness", -6, 1),
        ("Sad", "energy", 0.37, 0.05),
        ("Sad", "acousticness", 0.55, 0.06),
        ("Sad", "valence", 0.26, 0.05),
        ("Sad", "instrumentalness", 0.1, 0.06),
        ("Sad", "loudness", -10, 1),
    ],
)
def test_moods_sound_like_themselves(world: World, mood: str, feature: str, mean: float, within: float) -> None:
    values = [getattr(world.song(index).features, feature) for index in world.catalogue.by_mood[mood]]
    assert statistics.mean(values) == pytest.approx(mean, abs=within)


def test_features_are_in_their_ranges_and_go_together(world: World) -> None:
    fractions = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence")
    for song in world.catalogue.songs:
        assert all(0 <= getattr(song.features, name) <= 1 for name in fractions)
        assert -60 <= song.features.loudness <= 1
        assert 0 < song.features.tempo < 250
        assert 0 <= song.features.key <= 11
        assert 30_000 < song.duration_ms <= 600_000
    for mood in MOODS:
        features = [world.song(index).features for index in world.catalogue.by_mood[mood]]
        energy = [one.energy for one in features]
        assert statistics.correlation(energy, [one.loudness for one in features]) > 0.4
        assert statistics.correlation(energy, [one.acousticness for one in features]) < -0.2


def test_reccobeats_coverage_falls_with_the_release_year(world: World) -> None:
    def share(years: range, at: datetime) -> float:
        songs = [song for songs in world.catalogue.by_isrc.values() for song in songs[:1]]
        wanted = [song for song in songs if song.album.released.year in years and song.album.released < NOW.date()]
        known = [song for song in wanted if song.known_from_ms is not None and song.known_from_ms <= to_ms(at)]
        return len(known) / len(wanted)

    reference = datetime(2026, 11, 1, tzinfo=UTC)
    assert share(range(1965, 2025), reference) == pytest.approx(0.9, abs=0.03)
    assert share(range(2025, 2026), reference) == pytest.approx(0.5, abs=0.12)
    assert share(range(2026, 2027), reference) == pytest.approx(0.11, abs=0.06)
    assert share(range(2026, 2027), reference + timedelta(weeks=20)) > 0.4
    assert share(range(1965, 2027), datetime(2030, 1, 1, tzinfo=UTC)) < 1


def test_listeners_live_on_several_continents_and_listen_as_much_as_people_do(world: World) -> None:
    zones = {listener.timezone for listener in world.listeners()}
    assert {zone.split("/")[0] for zone in zones} >= {"Europe", "America", "Asia", "Africa", "Australia"}
    means = [len(world.truth(listener, NOW - MONTH, NOW)) / 30 for listener in world.listeners()]
    assert all(12 < mean < 85 for mean in means)
    assert max(means) > 1.5 * min(means)


def test_listens_follow_one_another_without_overlap(world: World) -> None:
    for listener in world.listeners():
        listens = world.truth(listener, NOW - MONTH, NOW)
        for earlier, later in pairwise(listens):
            assert earlier.ended_at < later.started_at
            assert earlier.played_at < later.played_at
        for listen in listens:
            assert listen.ended_at - listen.started_at == timedelta(milliseconds=listen.ms_played)
            assert listen.ms_played >= 30_000
            assert listen.played_at in (listen.started_at, listen.ended_at)
            assert listen.visible_at > listen.ended_at


def test_listens_have_the_quirks_of_real_ones(world: World) -> None:
    listens = [one for listener in world.listeners() for one in world.truth(listener, NOW - MONTH, NOW)]
    assert any(one.is_local and one.track_id.startswith("spotify:local:") for one in listens)
    assert any(first.track_id == second.track_id for first, second in pairwise(listens))
    lateness = [one.visible_at - one.ended_at for one in listens]
    assert timedelta(hours=2) < max(lateness) < timedelta(hours=12)
    assert {one.played_at == one.started_at for one in listens} == {True, False}
    released = {song.track_id: song.album.released for song in world.catalogue.songs}
    assert all(released[one.track_id] <= one.started_at.date() + timedelta(days=1) for one in listens)
    favourites = Counter(one.track_id for one in listens).most_common(20)
    assert favourites[0][1] > 20


def test_a_mood_has_its_time_of_day(world: World) -> None:
    by_hour: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    mood_of = {song.track_id: song.mood for song in world.catalogue.songs}
    for listener in world.listeners():
        for one in world.truth(listener, NOW - MONTH, NOW):
            local = one.started_at.astimezone(ZoneInfo(listener.timezone))
            by_hour[local.weekday() < 5 and 10 <= local.hour < 16][mood_of[one.track_id]] += 1
    at_work, otherwise = by_hour[True], by_hour[False]
    assert at_work["Calm"] / at_work.total() > 1.5 * otherwise["Calm"] / otherwise.total()


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 2, 28)])
def test_days_of_a_time_change_are_days_like_any(day: date) -> None:
    world = World(seed=3, listeners=40)
    zone = ZoneInfo("Europe/Berlin")
    starts = []
    for listener in world.listeners():
        if listener.timezone == zone.key:
            plays = world.day(listener, day)
            assert all(one.ended_ms < two.started_ms for one, two in pairwise(plays))
            starts += [from_ms(play.started_ms).astimezone(zone) for play in plays[:1]]
    assert starts
    assert {start.date() for start in starts} == {day}


def test_bursts_can_be_asked_for() -> None:
    world = World(seed=7, listeners=3, burst_share=1.0)
    assert max(len(world.day(world.listener(0), date(2026, 11, number))) for number in range(1, 8)) > 150


@settings(max_examples=150, deadline=None)
@given(index=st.integers(0, 9), minutes=st.integers(0, 60 * 24 * 40))
def test_the_window_is_the_50_newest_visible_listens(index: int, minutes: int) -> None:
    moment = NOW - timedelta(minutes=minutes)
    listener = _WORLD.listener(index)
    listens = _WORLD.truth(listener, moment - timedelta(days=25), moment + timedelta(days=1))
    expected = sorted((one.played_at for one in listens if one.visible_at <= moment), reverse=True)[:WINDOW]
    assert [from_ms(play.played_ms) for play in _WORLD.window(listener, to_ms(moment))] == expected
    assert len(expected) == WINDOW


_WORLD = World(seed=11, listeners=10)
