"""The use cases with their parts: what the commands and the flows call.

Each method acquires the locks that its use case needs. The modules of a use case are imported when it is used: most
commands use only one, and the import of the model takes a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mood_core.app.parts import Parts, make_home, utc_now
from mood_core.domain.answers import AskedBecause, MoodAnswer
from mood_core.domain.bounds import EARLIEST_PLAY
from mood_core.domain.records import ListenSource, Service, User
from mood_core.store.locks.named_locks import NamedLock
from mood_core.store.queries.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa

    from mood_core.classifier.drift import DriftReport
    from mood_core.features.fetch_report import FetchReport
    from mood_core.resolvers.chain import ResolveReport
    from mood_core.scrobbles.login import Login
    from mood_core.spotify.tokens import Token
    from mood_core.store.queries.accounts import Account
    from mood_core.usecases.audio.add_audio import AddReport
    from mood_core.usecases.models.build_dataset import DatasetReport, Playlist
    from mood_core.usecases.models.check_training import TrainingCheck
    from mood_core.usecases.models.predict_tracks import TrackFeatures
    from mood_core.usecases.models.relabel import RelabelReport
    from mood_core.usecases.nightly.find_silent_accounts import Silence
    from mood_core.usecases.nightly.label_tracks import LabelReport
    from mood_core.usecases.nightly.pull_listens import PullListens
    from mood_core.usecases.people.forget_person import ForgetReport
    from mood_core.usecases.upkeep.backup import BackupReport
    from mood_core.usecases.upkeep.compact import CompactReport
    from mood_core.usecases.upkeep.rebuild import RebuildReport
    from mood_core.usecases.upkeep.verify_lake import Verification

__all__ = ["Workspace", "make_home", "utc_now"]

Progress = Callable[[int, int], None]
"""Called with the number of items done and their total."""

_EVERYTHING = Selection()


def _silent(*_: object) -> None:
    """Show no progress."""


class Workspace(Parts):
    """The use cases, bound to the settings. Use it as a context manager.

    Every method raises a StoreError if the database or the lake fails.
    """

    # People

    def connect(self, token: Token, timezone: str, *, keep_timezone: bool = False) -> User:
        """Register the person who gave ``token`` by consent, and store the token.

        The name comes from Spotify. A known person keeps their name and, with ``keep_timezone``, their time zone.

        Raises:
            InputError: ``timezone`` is not an IANA name.
            SourceError: Spotify does not report whose account it is.
        """
        from mood_core.usecases.people.connect_account import register_user

        profile = self.spotify.for_token(token).profile()
        known = self.accounts.with_id(profile.account_id)
        name = known.display_name if known else profile.display_name
        zone_name = known.timezone if known and keep_timezone else timezone
        user = User(profile.account_id, name, zone_name, connected_at=self.now())
        register_user(user, lambda id_: self.keep_token(id_, token), self.batches, now=user.connected_at)
        return user

    def connect_history(
        self,
        service: Service,
        login: Login,
        timezone: str,
        *,
        known: Account | None = None,
        keep_timezone: bool = False,
    ) -> User:
        """Register a person whose listens are pulled from ListenBrainz or Last.fm from now on.

        ``known`` is the person if they have a history already; they keep their name and, with ``keep_timezone``, their
        time zone.

        Raises:
            InputError: ``timezone`` is not an IANA name.
            SourceError: The service does not know the name, refuses the token, or fails.
            ConfigError: The API key of Last.fm is missing or refused.
        """
        from mood_core.usecases.people.connect_account import register_user

        name = self.histories.for_login("", service, login).check()
        user_id = known.user_id if known else f"{service.value}:{name}"
        found = known or self.accounts.with_id(user_id)
        zone_name = found.timezone if found and keep_timezone else timezone
        user = User(user_id, found.display_name if found else name, zone_name, connected_at=self.now())
        ciphertext = self.cipher.encrypt(replace(login, name=name).to_json())

        def keep(id_: str) -> None:
            if not self.histories.is_read_from(id_, service, name):
                self.accounts.restart_history(id_)
            now = self.now()
            self.tokens.write(id_, ciphertext, authorised_at=now, expected_version=None, service=service)

        register_user(user, keep, self.batches, now=user.connected_at)
        return user

    def keep_token(self, user_id: str, token: Token) -> None:
        """Store the ``token`` of a new consent. It is used only with the services that the settings name."""
        from mood_core.spotify.account_tokens import store_new_token

        store_new_token(user_id, token, self.tokens, self.cipher, issuer=self.spotify_app.issuer)

    def try_refused_permissions(self) -> list[str]:
        """Retry the refused permissions that are due; returns the ids of the accounts that are active again."""
        from mood_core.usecases.people.try_permissions import due_permissions, try_permissions

        due = due_permissions(self.accounts.all(), self.now(), self.days_left)
        return try_permissions(due, self.try_permission) if due else []

    def try_permission(self, user_id: str) -> None:
        """Use the stored permission of an account now. If its service accepts it, the account is active again.

        Raises:
            ReauthorisationNeeded: The service refuses it.
            SourceError: The service fails in another way.
        """
        service = self.accounts.service(user_id)
        if service is Service.SPOTIFY:
            self.spotify.try_permission(user_id)
        else:
            self.histories.try_login(user_id, service)

    def check_token(self, user_id: str) -> None:
        """Check that the stored permission of an account can be decrypted and belongs to the configured service.

        Raises:
            ConfigError: It does not.
            ReauthorisationNeeded: There is none.
        """
        service = self.accounts.service(user_id)
        if service is Service.SPOTIFY:
            self.spotify.check_token(user_id)
        else:
            self.histories.for_user(user_id, service)

    def drop_changed_plays(self, account: Account) -> int:
        """Remove the plays of ``account`` that were deleted or edited at its service; the next pull reads them again.

        Raises:
            StoreBusy: The account is being pulled, or another process is rewriting the lake.
            BatchCorrupt: A file of the lake cannot be read; nothing is changed.
        """
        from mood_core.lake.arrow_tables import to_table
        from mood_core.lake.schema import GAPS
        from mood_core.usecases.account_lock import account_lock
        from mood_core.usecases.people.drop_changed import drop_changed, to_read_again

        now, user_id, times = self.now(), account.user_id, account.changed_at
        if not times:
            return 0
        with self.lock(NamedLock.UPKEEP):
            self.batches.finish(now=now, everywhere=True)
            with account_lock(self.accounts, user_id, self.now):
                source = ListenSource(account.service)
                drop_changed(user_id, times, source, self.lake, self.database, now=now)
                gap = to_read_again(user_id, times, now)
                gap = replace(gap, starts_at=self.listens.free_gap_start(user_id, gap.starts_at))
                self.batches.add(GAPS, to_table(GAPS, [gap]), now=now)
                self.accounts.set_changed_plays(user_id, [], since=EARLIEST_PLAY)
        return len(times)

    def days_left(self, authorised_at: datetime) -> int:
        """Whole days until a permission given at ``authorised_at`` ends; negative after that."""
        from mood_core.spotify.tokens import days_left

        return days_left(authorised_at, self.now())

    def forget(self, user_id: str, *, called: str = "", without: Collection[str] = ()) -> ForgetReport:
        """Forget ``user_id``, who is also ``called`` so, in SQL, in the lake, and in the other files of HOME.

        The report names damaged databases that were moved away: no row can be deleted in them. ``without`` names files
        of the ledger that are lost for good.

        Raises:
            StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
            LakeIncomplete: Lake and ledger do not contain the same files; nothing is changed.
            BatchCorrupt: A file cannot be read, so it is unknown whether the person is in it.
            StoreError: The person is still in a file afterwards.
        """
        from mood_core.store.engine.corruption import moved_away
        from mood_core.store.locks.leases import new_owner
        from mood_core.usecases.people.forget_person import forget_person

        report = forget_person(
            user_id,
            self.lake,
            self.database,
            owner=new_owner(),
            now=self.now(),
            called=called,
            elsewhere=self.elsewhere,
            without=without,
        )
        return replace(report, left=(*report.left, *(str(file) for file in moved_away(self.database))))

    # The night

    def pulling(self, *, dry_run: bool = False, stop: Callable[[], bool] = lambda: False) -> PullListens:
        """The function that pulls accounts; ``stop`` can end it early."""
        from mood_core.usecases.nightly.pull_listens import PullListens

        parts = self.listen_client, self.listens, self.accounts, self.batches
        return PullListens(*parts, dry_run=dry_run, stop=stop, quarantine=self.quarantine_rows)

    def quarantine_rows(self, user_id: str, rows: Sequence[dict[str, Any]]) -> Path | None:
        """Quarantine invalid ``rows`` of a person: see :meth:`quarantine_file`."""
        return self.quarantine_file(user_id, StringIO("".join(f"{json.dumps(row)}\n" for row in rows)))

    def quarantine_file(self, user_id: str, rows: IO[str]) -> Path | None:
        """Quarantine invalid ``rows``, one JSON object a line, unless the person was forgotten; returns the file."""
        from mood_core.usecases.quarantine import quarantine_rows

        gone = self.batches.gone_among([user_id])
        return None if gone else quarantine_rows(rows, self.settings.quarantine, user_id)

    def find_silent(self) -> list[Silence]:
        """Find the active accounts that have fallen silent."""
        from mood_core.usecases.nightly.find_silent_accounts import find_silent

        budget = self.settings.spotify_daily_budget
        return find_silent(self.database, self.accounts.all(), now=self.now(), daily_budget=budget)

    def fetch_features(
        self,
        selection: Selection = _EVERYTHING,
        *,
        ask_again: bool = False,
        most_heard_first: bool = False,
        progress: Progress = _silent,
    ) -> FetchReport:
        """Fetch the features of every selected track that has none; invalid responses are quarantined.

        Raises:
            InputError: A catalogue file cannot be read.
        """
        from mood_core.usecases.nightly.fetch_features import fetch_features

        with self.lock(NamedLock.LABELS):
            report = fetch_features(
                self.feature_sources(),
                self.feature_rows,
                self.batches,
                now=self.now(),
                selection=selection,
                ask_again=ask_again,
                most_heard_first=most_heard_first,
                progress=progress,
            )
            self._quarantine(report)
        return report

    def _quarantine(self, report: FetchReport) -> None:
        from mood_core.usecases.quarantine import quarantine_answers

        quarantine_answers(report.quarantined, self.settings.quarantine, now=self.now())

    def resolve_names(self, *, slices: int | None = None, stop: Callable[[], bool] = lambda: False) -> ResolveReport:
        """Look up the names of pending plays, and of tracks without ISRC and features, the most heard first.

        ``slices`` limits the names, to so many times 250.

        Raises:
            StoreError: The database or the lake fails.
        """
        from mood_core.resolvers.chain import ResolveReport
        from mood_core.store.queries.resolution_rows import ResolutionRows
        from mood_core.usecases.nightly.resolve_names import names_to_resolve, resolve_slice

        report, resolvers, rows = ResolveReport(), self.resolvers(), ResolutionRows(self.database)
        for wanted in islice(names_to_resolve(rows, self.feature_rows), slices) if resolvers else ():
            if stop() or all(resolver.name in report.stopped for resolver in resolvers):
                break
            parts = resolvers, rows, self.feature_rows, self.batches, report
            with self.lock(NamedLock.LABELS):
                resolve_slice(wanted, *parts, now=self.now(), stop=stop)
        if report.asked["spotify"] or "spotify" in report.stopped:
            budget = self.settings.spotify_daily_budget
            report.budget_left = max(0, budget - self.calls.last_day().get("search", 0)) if budget else None
        return report

    def label(self, selection: Selection = _EVERYTHING, *, progress: Progress = _silent) -> LabelReport:
        """Label every selected track that has features and no label of the current model.

        Tracks with estimated features are labelled by the model for these; the report counts them as ``estimated``.

        Raises:
            ModelError: The model cannot be loaded.
        """
        from mood_core.store.loading.keep_up import keep_up
        from mood_core.usecases.nightly.label_tracks import label_tracks

        parts = self.classifier, self.model_card, self.mood_rows, self.batches
        with self.lock(NamedLock.LABELS):
            report = label_tracks(*parts, now=self.now(), selection=selection, progress=progress)
            report.estimated = self._label_estimated(selection)
        keep_up(self.database)
        return report

    def _label_estimated(self, selection: Selection = _EVERYTHING) -> int:
        """Label the selected tracks that have estimated features alone; returns their number. Needs the lock."""
        from mood_core.usecases.nightly.label_tracks import label_tracks

        if not self.mood_rows.has_estimates():
            return 0
        parts = self.estimated_classifier, self.estimated_card, self.mood_rows, self.batches
        return label_tracks(*parts, now=self.now(), selection=selection).labelled

    def add_audio(self, folder: Path, analyser: str, *, progress: Progress = _silent) -> AddReport:
        """Estimate the features of tracks from the audio files in ``folder``, and label these tracks.

        Raises:
            ConfigError: The ``analyser`` (``program`` or ``reccobeats``) cannot be started.
            ModelError: The model for estimated features cannot be loaded.
        """
        from mood_core.usecases.audio.add_audio import AddAudio

        lock = partial(self.lock, NamedLock.LABELS)
        add = AddAudio(self.audio_analyser(analyser), self.feature_rows, self.batches, lock, self.now())
        report = add.run(folder, progress)
        with lock():
            self.batches.finish(now=self.now())  # counts the stale totals
        report.labelled = self.label().estimated
        return report

    # Answers

    def answer(
        self, user_id: str, track_id: str, answer: str, *, because: AskedBecause = AskedBecause.VOLUNTEERED
    ) -> MoodAnswer:
        """Record a person's answer about the mood of a track, at once the label of all their listens of it.

        ``answer`` is one of :data:`mood_core.domain.answers.ANSWERS`; ``because`` is why the track was asked about.

        Raises:
            InputError: There is no such answer, or the person has no listen of the track.
        """
        from mood_core.usecases.answers.record_answer import record_answer

        parts = self.answer_rows, self.batches
        return record_answer(user_id, track_id, answer, *parts, because=because, now=self.now())

    def undo_answer(self, user_id: str, track_id: str) -> MoodAnswer | None:
        """Take a person's answer about a track back: the model's label counts again.

        Returns the answer that counted until now; None if there was none.
        """
        from mood_core.usecases.answers.record_answer import undo_answer

        return undo_answer(user_id, track_id, self.answer_rows, self.batches, now=self.now())

    # Models

    def relabel(self, *, drop_old: bool = False, progress: Progress = _silent) -> RelabelReport:
        """Label every known track again with the current model; ``drop_old`` deletes the labels of other versions.

        Raises:
            ModelError: The model cannot be loaded.
        """
        from mood_core.store.loading.keep_up import keep_up
        from mood_core.usecases.models.relabel import drop_old as drop_old_labels
        from mood_core.usecases.models.relabel import relabel

        parts = self.classifier, self.model_card, self.mood_rows, self.batches
        with self.lock(NamedLock.LABELS):
            report = relabel(*parts, now=self.now(), progress=progress)
            report.labels.estimated = self._label_estimated()
        if drop_old:
            report.dropped = drop_old_labels(self.mood_rows, self.lake, self.database)
        keep_up(self.database)
        return report

    def build_dataset(
        self, playlists: Sequence[Playlist], user: str | None = None, *, progress: Progress = _silent
    ) -> tuple[pa.Table, DatasetReport]:
        """Collect the tracks of ``playlists``, read by the account ``user``, with their features.

        Raises:
            InputError: There is no such account.
            SourceError: Spotify refuses a playlist.
            Unavailable: A feature source did not answer for all tracks; run it again later.
        """
        from mood_core.errors import InputError, Unavailable
        from mood_core.usecases.models.build_dataset import build_dataset
        from mood_core.usecases.people.manage_users import the_reader

        with self.lock(NamedLock.LABELS):
            table, report = build_dataset(
                playlists,
                self.spotify.for_user(the_reader(self.accounts, user)).playlist_items,
                self.feature_sources(),
                self.feature_rows,
                self.batches,
                now=self.now(),
                progress=progress,
            )
            self._quarantine(report.features)
        if report.features.stopped:
            stop = report.features.stopped[0]
            raise Unavailable(
                f"{stop.service} did not answer for all tracks ({stop.reason}), so no file was written; the features "
                "found so far are stored: run it again later",
                source=stop.service,
            )
        if not table.num_rows:
            outcomes = ", ".join(f"{outcome.value}: {count}" for outcome, count in sorted(report.outcomes.items()))
            raise InputError(
                f"no track of the playlists can be used ({outcomes or 'they are empty'}); no file was written. Give"
                " other playlists, or add a file of features with `moodlog catalog add`"
            )
        return table, report

    def features_of(self, track_ids: Sequence[str]) -> list[TrackFeatures]:
        """The features of ``track_ids``, stored or from the sources; nothing is stored.

        Raises:
            InputError: A catalogue file cannot be read.
        """
        from mood_core.usecases.models.predict_tracks import features_of

        return features_of(track_ids, self.feature_rows, self.feature_sources(), now=self.now())

    def measure_drift(self) -> DriftReport:
        """Measure the difference between the features of the newest tracks and the training data."""
        from mood_core.usecases.nightly.label_tracks import measure_drift

        return measure_drift(self.mood_rows, self.model_card)

    def check_training(
        self, data: Path, *, folds: int, repeats: int, seed: int, progress: Callable[[str, float], None] | None = None
    ) -> TrainingCheck:
        """Compare the current model with one trained on ``data``, by cross-validation.

        Raises:
            InputError: ``data`` cannot be read as labelled tracks.
            ModelError: The model cannot be loaded.
        """
        from mood_core.usecases.models.check_training import check_training
        from mood_core.usecases.models.promote_model import candidate

        current = candidate(self.classifier(), self.model_folder)
        return check_training(current, data, folds=folds, repeats=repeats, seed=seed, progress=progress)

    # Upkeep

    def compact(self, before: str | None = None, *, progress: Callable[[str, float], None] = _silent) -> CompactReport:
        """Merge the small files of every month before ``before`` (YYYY-MM); see ``usecases/upkeep/compact.py``."""
        from mood_core.usecases.upkeep.compact import compact

        parts, now = (self.lake, self.database), self.now()
        return compact(*parts, now=now, before=before, elsewhere=self.elsewhere, progress=progress)

    def verify(self, *, deep: bool = False, progress: Progress = _silent) -> Verification:
        """Compare lake, ledger and SQL; see ``usecases/upkeep/verify_lake.py``."""
        from mood_core.usecases.upkeep.verify_lake import verify

        return verify(self.lake, self.database, now=self.now(), deep=deep, progress=progress)

    def rebuild(self, *, skip_damaged: bool = False, progress: Progress = _silent) -> RebuildReport:
        """Rebuild SQL from the lake; see ``usecases/upkeep/rebuild.py``."""
        from mood_core.usecases.upkeep.rebuild import rebuild

        parts, now = (self.lake, self.database), self.now()
        return rebuild(*parts, now=now, skip_damaged=skip_damaged, elsewhere=self.elsewhere, progress=progress)

    def back_up(self, into: Path, *, with_key: bool = False, progress: Progress = _silent) -> BackupReport:
        """Copy the content of HOME to a new folder in ``into``, so that it works there; with the key on request."""
        from mood_core.usecases.upkeep.backup import back_up

        settings = self.settings
        others = [settings.models, settings.trained, settings.labelled, settings.quarantine, settings.catalog_list]
        keys = [settings.token_key_file] if with_key else []
        return back_up(self.lake, self.database, into, [*others, *keys], now=self.now(), progress=progress)
