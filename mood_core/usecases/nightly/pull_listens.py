"""Pulls the recent listens of many accounts; an error of one account does not affect the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from mood_core.domain.listen_window import HistoryClient, ListenClient, ListenWindow
from mood_core.domain.recent_window import merge_window, split_future
from mood_core.domain.records import Gap, Listen, Service, Track
from mood_core.errors import MoodlogError, PremiumEnded, QuotaExceeded, StoreError, Unavailable
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import GAPS, LISTENS, TRACK_NAMES, TRACKS
from mood_core.store.queries.account_leases import NOT_CALLED
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.listens import ListenStore
from mood_core.text.format import plural
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.new_scrobbles import ids_of
from mood_core.usecases.nightly.known_plays import Stored, covers, known_plays, reach
from mood_core.usecases.nightly.read_history import HistoryReader
from mood_core.usecases.other_names import names_in, other_names_table
from mood_core.usecases.quarantine import Quarantine

FLUSH_EVERY = 100
"""Accounts per batch: few enough that a crash loses little, enough that files stay few."""

OUTAGE_AFTER = 5
"""Consecutive accounts with an unavailable service, each after its retries, that open the circuit breaker."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PullOutcome:
    """Outcome of one account: numbers of ``new`` listens and ``skipped`` items, and whether a ``gap`` may exist.

    ``changed`` counts the stored plays that were deleted or edited at the service: they stay stored.
    ``problem`` is why the pull failed, ``exit_code`` is that error's, and ``retry_after_s`` is the wait before a retry,
    if known.
    """

    user_id: str
    new: int = 0
    skipped: int = 0
    gap: bool = False
    problem: str | None = None
    exit_code: int = 0
    retry_after_s: float | None = None
    changed: int = 0


@dataclass(slots=True)
class _Pending:
    """Pulled rows that are not written yet, and the tracks with several names, once they were needed."""

    listens: list[Listen] = field(default_factory=list)
    tracks: dict[str, Track] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    outcomes: list[PullOutcome] = field(default_factory=list)
    renamed: Mapping[str, list[Track]] | None = None

    def named_otherwise(self, track_ids: Iterable[str], stored: ListenStore) -> list[Track]:
        """The tracks ``track_ids`` again under each of their names; the names are read once for many accounts."""
        if self.renamed is None:
            self.renamed = stored.renamed_tracks()
        return [track for track_id in track_ids for track in self.renamed.get(track_id, ())]


class CircuitBreaker:
    """Circuit breaker: stops calling a service after a used-up quota, a refusal of the app, or repeated failures."""

    def __init__(self) -> None:
        self.reason: MoodlogError | None = None
        self._failures_in_a_row = 0

    def succeeded(self) -> None:
        """Record a successful pull."""
        self._failures_in_a_row = 0

    def failed(self, error: MoodlogError) -> None:
        """Record a failed pull."""
        self._failures_in_a_row = self._failures_in_a_row + 1 if isinstance(error, Unavailable) else 0
        if isinstance(error, QuotaExceeded | PremiumEnded) or self._failures_in_a_row >= OUTAGE_AFTER:
            self.reason = error

    def not_called(self, user_id: str) -> PullOutcome:
        """The outcome of an account that was not called."""
        if self.reason is None:
            raise ValueError("the circuit breaker is closed")
        wait_s = getattr(self.reason, "retry_after_s", None)
        problem = f"{NOT_CALLED}{self.reason.message}"
        return PullOutcome(user_id, problem=problem, exit_code=self.reason.exit_code, retry_after_s=wait_s)


@dataclass(frozen=True, slots=True)
class PullListens:
    """The use case with its collaborators. ``dry_run`` stores nothing; ``stop`` returns true to end before the rest.

    ``quarantine`` quarantines invalid listens of a person, by id.
    """

    client_of: Callable[[str], ListenClient]
    stored: ListenStore
    accounts: Accounts
    batches: Batches
    dry_run: bool = field(default=False, kw_only=True)
    stop: Callable[[], bool] = field(default=lambda: False, kw_only=True)
    quarantine: Quarantine = field(default=lambda _user_id, rows: len(rows), kw_only=True)

    def __call__(
        self, user_ids: Sequence[str], *, now: datetime, progress: Callable[[PullOutcome], None] = lambda _: None
    ) -> list[PullOutcome]:
        """Pull the accounts ``user_ids`` one after the other; returns their outcomes in the same order.

        A used-up quota and an ended Premium of the app's owner open the circuit breaker at once, as do five consecutive
        accounts with an unavailable service. The outcomes of the remaining accounts of that service have the reason.
        After ``stop`` returns true, the rest has no outcome. ``progress`` is called after each account, and after each
        page of a history.

        Raises:
            StoreError: The database or the lake fails, which affects all accounts.
        """
        outcomes: list[PullOutcome] = []
        pending = _Pending()
        breakers: dict[Service, CircuitBreaker] = defaultdict(CircuitBreaker)
        for user_id in user_ids:
            if self.stop():
                break
            outcome = self._pull(user_id, pending, breakers, now, progress)
            outcomes.append(outcome)
            progress(outcome)
            if len(pending.outcomes) >= FLUSH_EVERY:
                self._flush(pending, now)
                pending = _Pending()
        self._flush(pending, now)
        self._log_why_not_called(outcomes)
        return outcomes

    def _pull(
        self,
        user_id: str,
        pending: _Pending,
        breakers: Mapping[Service, CircuitBreaker],
        now: datetime,
        progress: Callable[[PullOutcome], None],
    ) -> PullOutcome:
        breaker = breakers[Service.SPOTIFY]
        try:
            client = self.client_of(user_id)
            history = _history_client(client)
            breaker = breakers[Service.SPOTIFY if history is None else history.service]
            if breaker.reason is not None:
                return breaker.not_called(user_id)
            if history is not None:
                return self._read_history(user_id, history, breaker, now, progress)
            window = client.recently_played()
        except StoreError:
            raise
        except MoodlogError as error:
            breaker.failed(error)
            return self._trouble(user_id, error)
        except Exception as error:  # a defect with one account must not stop the others
            log.exception("account %s could not be pulled", user_id)
            defect = MoodlogError(f"unexpected {type(error).__name__}; see the log")
            breaker.failed(defect)
            return self._trouble(user_id, defect)
        breaker.succeeded()
        outcome = self._merge(user_id, window, pending, now)
        pending.outcomes.append(outcome)
        return outcome

    def _read_history(
        self,
        user_id: str,
        client: HistoryClient,
        breaker: CircuitBreaker,
        now: datetime,
        progress: Callable[[PullOutcome], None],
    ) -> PullOutcome:
        def after_page() -> bool:
            progress(PullOutcome(user_id))
            return self.stop()

        parts = self.stored, self.accounts.places, self.batches, after_page, self.quarantine
        reader = HistoryReader(*parts, dry_run=self.dry_run)
        read = reader.read(user_id, client, now=now)
        breaker.succeeded()
        if not self.dry_run:
            self.accounts.pulled([user_id], at=now)
        return PullOutcome(user_id, read.new, read.skipped, read.gap, changed=read.changed)

    def _merge(self, user_id: str, window: ListenWindow, pending: _Pending, now: datetime) -> PullOutcome:
        window, late = split_future(window, now)
        late_rows = [_in_the_future(listen) for listen in late]
        quarantined = len(late) if self.dry_run else self.quarantine(user_id, late_rows)
        if quarantined and not self.dry_run:
            listens = plural(quarantined, "listen")
            log.warning("account %s: %s quarantined: the time is in the future", user_id, listens)
        oldest = window.oldest_at
        first = oldest or min((listen.played_at for listen in window.listens), default=None)
        near = self.stored.plays_since(user_id, first - reach(window)) if first else []
        stored = {(listen.played_at, listen.track_id) for listen, _ in near if oldest and listen.played_at >= oldest}
        unknown = [listen for listen in window.listens if (listen.played_at, listen.track_id) not in stored]
        since = unknown[0].played_at - reach(window) if unknown else None
        plays = [play for play in near if since and play[0].played_at >= since]
        names = pending.named_otherwise(ids_of(window, plays), self.stored) if plays else []
        merged = merge_window(
            user_id,
            window.listens,
            full=window.full,
            oldest_at=oldest,
            stored=stored | known_plays(window, unknown, plays, names),
            before=self._before(user_id, window, unknown, plays, near),
            now=now,
        )
        heard = {listen.track_id for listen in merged.new}
        pending.listens.extend(merged.new)
        pending.tracks.update({track.track_id: track for track in window.tracks if track.track_id in heard})
        if merged.gap:
            pending.gaps.append(merged.gap)
        return PullOutcome(user_id, len(merged.new), len(window.skipped) + quarantined, merged.gap is not None)

    def _before(
        self,
        user_id: str,
        window: ListenWindow,
        unknown: Sequence[Listen],
        plays: Sequence[Stored],
        near: Sequence[Stored],
    ) -> datetime | None:
        """The newest stored listen before the window; None without one, or if no listen can be missing between."""
        oldest = window.oldest_at
        is_all_stored = bool(window.listens) and not unknown
        if oldest is None or not window.full or is_all_stored or covers(plays, oldest):
            return None
        times = (listen.played_at for listen, _ in near if listen.played_at < oldest)
        return max(times, default=None) or self.stored.newest_before(user_id, oldest)

    def _flush(self, pending: _Pending, now: datetime) -> None:
        if self.dry_run or not pending.outcomes:
            return
        tracks = [track for _, track in sorted(self._tracks_to_store(pending).items())]
        # Spotify's own data replaces what a resolver found by name.
        news = self.stored.undescribed_among(tracks, corrects=True)
        names = other_names_table(names_in(tracks), {track.track_id for track in news}, self.stored)
        # Tracks first, so that every listen has its title; gaps before listens, which would hide them.
        self.batches.add(TRACKS, to_table(TRACKS, news), now=now)
        self.batches.add(TRACK_NAMES, names, now=now)
        self.batches.add(GAPS, to_table(GAPS, pending.gaps), now=now)
        self.batches.add(LISTENS, to_table(LISTENS, pending.listens), now=now)
        self.accounts.pulled([outcome.user_id for outcome in pending.outcomes], at=now)

    def _tracks_to_store(self, pending: _Pending) -> Mapping[str, Track]:
        """The tracks of ``pending`` without those that only people forgotten in the meantime listened to."""
        gone = self.batches.gone_among({outcome.user_id for outcome in pending.outcomes})
        if not gone:
            return pending.tracks
        heard = {listen.track_id for listen in pending.listens if listen.user_id not in gone}
        return {track_id: track for track_id, track in pending.tracks.items() if track_id in heard}

    def _log_why_not_called(self, outcomes: Sequence[PullOutcome]) -> None:
        reasons: dict[str, list[str]] = defaultdict(list)
        for outcome in outcomes:
            if outcome.problem and outcome.problem.startswith(NOT_CALLED):
                reasons[outcome.problem].append(outcome.user_id)
        for problem, user_ids in {} if self.dry_run else reasons.items():
            self.accounts.troubled(user_ids, problem)

    def _trouble(self, user_id: str, error: MoodlogError) -> PullOutcome:
        log.warning("account %s: %s", user_id, error.message)
        if not self.dry_run:
            self.accounts.troubled([user_id], error.message)
        wait_s = getattr(error, "retry_after_s", None)
        return PullOutcome(user_id, problem=error.message, exit_code=error.exit_code, retry_after_s=wait_s)


def _history_client(client: ListenClient) -> HistoryClient | None:
    """``client`` if it reads a whole history. An isinstance of the protocol takes longer than a query."""
    return cast(HistoryClient, client) if hasattr(client, "played_before") else None


def _in_the_future(listen: Listen) -> tuple[dict[str, Any], object]:
    row = {"played_at": listen.played_at.isoformat(), "track_id": listen.track_id, "source": listen.source.value}
    return {"reason": "played_at is in the future by this machine's clock"}, row
