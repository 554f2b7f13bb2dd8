"""The stand-in as a process: prints one JSON line with its URLs to stdout, then serves until it is stopped."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from datetime import datetime

from standin.standin import StandIn


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, or with ``--with-parent`` until the parent process ends."""
    options = _parser().parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with_parent = vars(options).pop("with_parent")
    standin = StandIn(**vars(options))
    try:
        standin.start()
    except OSError as error:
        sys.stderr.write(f"Cannot listen on port {options.port}: {error.strerror}. Choose another --port.\n")
        return 1
    try:
        sys.stdout.write(json.dumps(_addresses(standin)) + "\n")
        sys.stdout.flush()
        _wait(ended, os.getppid() if with_parent else None)
    finally:
        standin.stop()
    return 0


def _wait(ended: threading.Event, parent: int | None) -> None:
    """Wait until ``ended``, or until ``parent`` is no longer this process's parent."""
    while not ended.wait(0.5):
        if parent is not None and os.getppid() != parent:
            return


def _addresses(standin: StandIn) -> dict[str, str]:
    return {
        "spotify_api_url": standin.spotify_api_url,
        "accounts_url": standin.accounts_url,
        "reccobeats_url": standin.reccobeats_url,
        "deezer_url": standin.deezer_url,
        "musicbrainz_url": standin.musicbrainz_url,
        "listenbrainz_url": standin.listenbrainz_url,
        "lastfm_url": standin.lastfm_url,
        "control_url": standin.control_url,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 for a free one")
    parser.add_argument("--seed", type=int, default=7, help="seed of all generated data")
    parser.add_argument("--listeners", type=int, default=5, help="number of listeners")
    parser.add_argument("--now", type=_time, help="start time of the clock, ISO 8601 with a zone; default: real time")
    parser.add_argument("--frozen", action="store_true", help="stop the clock; it changes only when moved")
    parser.add_argument("--latency", dest="latency_s", type=float, default=0.0, help="seconds added to every call")
    parser.add_argument("--audio-features", action="store_true", help="an app with extended quota")
    parser.add_argument("--daily-quota", type=int, help="calls per endpoint in 24 hours")
    parser.add_argument("--rate-per-30s", type=int, help="calls per service in 30 seconds")
    parser.add_argument("--with-parent", action="store_true", help="stop when the parent process ends")
    return parser


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone; write it like 2026-11-01T08:00:00+00:00")
    return time


if __name__ == "__main__":
    sys.exit(main())
