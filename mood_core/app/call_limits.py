"""How often each endpoint of a service may be called: its daily budget and its rate limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mood_core.settings import Settings
from mood_core.store.engine.database import Database
from mood_core.store.quota.calls import CallLedger
from mood_core.store.quota.rate_budget import RateBudget

_SPOTIFY = ("me", "me/player/recently-played", "audio-features", "tracks/{id}", "playlists/{id}/items", "search")
_PACED = (*_SPOTIFY, "playlists/{id}/tracks")
_DEEZER = ("deezer/search", "deezer/track/{id}")
_MUSICBRAINZ = ("musicbrainz/recording", "musicbrainz/recording/{id}")

_BUDGETS = {
    "spotify_daily_budget": _SPOTIFY,
    "resolver_daily_budget": (*_DEEZER, *_MUSICBRAINZ),
    "history_daily_budget": ("listenbrainz/listens", "lastfm/recent_tracks"),
}
"""The endpoints of each setting: so many calls in 24 hours to each of them."""

_RATES = {
    **dict.fromkeys(_DEEZER, RateBudget("deezer", 50, span_s=5.0)),
    **dict.fromkeys(_MUSICBRAINZ, RateBudget("musicbrainz", 10, span_s=10.0, burst=1)),
    "lastfm/recent_tracks": RateBudget("lastfm", 1_500, span_s=300.0, burst=1_000),
}


def call_ledger(database: Database, settings: Settings, now: Callable[[], datetime]) -> CallLedger:
    """The ledger of calls with the limits of ``settings``; a budget of 0 is no limit."""
    set_by = {endpoint: setting for setting, endpoints in _BUDGETS.items() for endpoint in endpoints}
    rates = dict(_RATES)
    if settings.spotify_rate_budget:
        rates |= dict.fromkeys(_PACED, RateBudget("spotify", settings.spotify_rate_budget))
    return CallLedger(
        database,
        now=now,
        budget={endpoint: calls for endpoint, setting in set_by.items() if (calls := getattr(settings, setting))},
        set_by={endpoint: f"MOODLOG_{setting.upper()}" for endpoint, setting in set_by.items()},
        paced=_PACED,
        rates=rates,
    )
