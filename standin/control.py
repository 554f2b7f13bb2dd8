"""The control API over HTTP, below ``/_control``: JSON requests and responses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from standin.application import Application
from standin.calls import CallLog
from standin.clock import Clock
from standin.faults import Fault, Faults
from standin.listeners import Listener
from standin.messages import Request, Response, json_response
from standin.playlists import Playlist
from standin.world import World, iso

PREFIX = "/_control"


class Control:
    """Moves the clock, adds faults, and returns the calls and the true listens."""

    def __init__(
        self,
        *,
        world: World,
        clock: Clock,
        faults: Faults,
        calls: CallLog,
        application: Application,
        playlists: tuple[Playlist, ...],
        revoke: Callable[[str], None],
    ) -> None:
        self._world = world
        self._clock = clock
        self._faults = faults
        self._calls = calls
        self._application = application
        self._playlists = playlists
        self._revoke = revoke
        self._answers: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "clock"): self._clock_state,
            ("POST", "clock"): self._move_clock,
            ("GET", "faults"): lambda _: {"faults": self._faults.as_json()},
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "calls"): self._call_log,
            ("DELETE", "calls"): self._clear_calls,
            ("GET", "listeners"): lambda _: {"listeners": [_person(one) for one in self._world.listeners()]},
            ("GET", "playlists"): lambda _: {"playlists": [_playlist(one) for one in self._playlists]},
            ("GET", "truth"): self._truth,
            ("POST", "revoke"): self._revoke_listener,
            ("POST", "settings"): self._change_settings,
        }

    def answer(self, request: Request) -> Response:
        """The response to a request below :data:`PREFIX`; 400 with an ``error`` for an invalid request."""
        name = request.path.removeprefix(PREFIX).strip("/")
        answer = self._answers.get((request.method, name))
        if answer is None:
            known = sorted(f"{method} {PREFIX}/{path}" for method, path in self._answers)
            return json_response({"endpoints": known}, 404 if name else 200)
        try:
            arguments = json.loads(request.body) if request.method == "POST" else request.query
            return json_response(answer(arguments))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return json_response({"error": f"{type(error).__name__}: {error}"}, 400)

    def _clock_state(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        return {"now": iso(self._clock.now()), "running": self._clock.running}

    def _move_clock(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if "set" in arguments:
            self._clock.set(datetime.fromisoformat(arguments["set"]))
        if "advance_s" in arguments:
            self._clock.advance(timedelta(seconds=arguments["advance_s"]))
        if "running" in arguments:
            (self._clock.resume if arguments["running"] else self._clock.freeze)()
        return self._clock_state(arguments)

    def _add_faults(self, arguments: dict[str, Any] | list[dict[str, Any]]) -> dict[str, Any]:
        wanted = arguments if isinstance(arguments, list) else [arguments]
        self._faults.add(*(Fault(**fields) for fields in wanted))
        return {"faults": self._faults.as_json()}

    def _clear_faults(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        self._faults.clear()
        return {"faults": []}

    def _call_log(self, arguments: dict[str, Any]) -> dict[str, Any]:
        calls = self._calls.entries(arguments.get("endpoint"), arguments.get("listener"))
        return {"counts": self._calls.by_endpoint(), "calls": [call.as_json() for call in calls]}

    def _clear_calls(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        self._calls.clear()
        return {"counts": {}, "calls": []}

    def _truth(self, arguments: dict[str, Any]) -> dict[str, Any]:
        start, end = (datetime.fromisoformat(arguments[key]) for key in ("from", "to"))
        listens = self._world.truth(self._found(arguments), start, end)
        return {"listens": [listen.as_json() for listen in listens]}

    def _revoke_listener(self, arguments: dict[str, Any]) -> dict[str, Any]:
        listener = self._found(arguments)
        self._revoke(listener.listener_id)
        return {"revoked": listener.listener_id}

    def _change_settings(self, arguments: dict[str, Any]) -> dict[str, Any]:
        application = self._application
        if "latency_s" in arguments:
            application.latency_s = float(arguments["latency_s"])
        if "daily_quota" in arguments:
            application.daily_quota.limit = arguments["daily_quota"]
        if "rate_per_30s" in arguments:
            application.rate_limit.limit = arguments["rate_per_30s"]
        return {
            "latency_s": application.latency_s,
            "daily_quota": application.daily_quota.limit,
            "rate_per_30s": application.rate_limit.limit,
        }

    def _found(self, arguments: dict[str, Any]) -> Listener:
        listener = self._world.find(arguments["listener"])
        if listener is None:
            raise ValueError(f"there is no listener {arguments['listener']!r}")
        return listener


def _person(listener: Listener) -> dict[str, Any]:
    return {
        "listener_id": listener.listener_id,
        "account_id": listener.account_id,
        "display_name": listener.display_name,
        "timezone": listener.timezone,
        "listens_per_day": round(listener.listens_per_day, 1),
    }


def _playlist(playlist: Playlist) -> dict[str, Any]:
    return {
        "playlist_id": playlist.playlist_id,
        "name": playlist.name,
        "mood": playlist.mood,
        "tracks": len(playlist.songs),
    }
