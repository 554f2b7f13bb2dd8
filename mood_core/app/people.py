"""The use cases about people and their accounts: connect, try permissions, drop changed plays, forget."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mood_core.app.parts import Parts
from mood_core.domain.bounds import EARLIEST_PLAY
from mood_core.domain.records import ListenSource, Service, User
from mood_core.store.locks.named_locks import NamedLock

if TYPE_CHECKING:
    from mood_core.scrobbles.login import Login
    from mood_core.spotify.tokens import Token
    from mood_core.store.queries.accounts import Account
    from mood_core.usecases.people.forget_person import ForgetReport


class People(Parts):
    """The use cases about people. See :class:`~mood_core.app.workspace.Workspace`."""

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

        client = self.histories.for_login("", service, login)
        name = client.check()
        user_id = known.user_id if known else f"{service.value}:{name}"
        found = known or self.accounts.with_id(user_id)
        zone_name = found.timezone if found and keep_timezone else timezone
        user = User(user_id, found.display_name if found else name, zone_name, connected_at=self.now())
        ciphertext = self.cipher.encrypt(replace(login, name=name).to_json())

        def keep(id_: str) -> None:
            is_begun = self.histories.is_read_from(id_, service, name) and self.listens.open_gaps(id_)
            if not is_begun:  # also to read what was added to the history since
                self.accounts.places.restart(id_)
            now = self.now()
            self.tokens.write(id_, ciphertext, authorised_at=now, expected_version=None, service=service)

        register_user(user, keep, self.batches, now=user.connected_at)
        if client.newest is not None:
            self.histories.newest_pages[user_id] = client.newest
        return user

    def keep_token(self, user_id: str, token: Token) -> None:
        """Store the ``token`` of a new consent. It is used only with the services that the settings name."""
        from mood_core.spotify.account_tokens import store_new_token

        store_new_token(user_id, token, self.tokens, self.cipher, issuer=self.spotify_app.issuer)

    def try_refused_permissions(self) -> list[str]:
        """Retry the refused permissions that are due; returns the ids of the accounts that are active again."""
        from mood_core.usecases.people.try_permissions import due_permissions, try_permissions

        due = due_permissions(self.accounts.refused(), self.now(), self.days_left)
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
            ReauthorisationNeeded: The account has no permission.
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
                self.accounts.places.set_changed_plays(user_id, [], since=EARLIEST_PLAY)
        return len(times)

    def days_left(self, authorised_at: datetime) -> int:
        """Whole days until a permission given at ``authorised_at`` ends; negative after that."""
        from mood_core.spotify.tokens import days_left

        return days_left(authorised_at, self.now())

    def forget(
        self,
        user_id: str,
        *,
        called: str = "",
        without: Collection[str] = (),
        progress: Callable[[str, float], None] = lambda _step, _share: None,
    ) -> ForgetReport:
        """Forget ``user_id``, who is also ``called`` so, in SQL, in the lake, and in the other files of HOME.

        The report names damaged databases that were moved away: no row can be deleted in them. ``without`` names files
        of the ledger that cannot be restored. ``progress`` is called with each step and the share of it that is done.

        Raises:
            StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
            LakeIncomplete: Lake and ledger do not contain the same files; nothing is changed.
            BatchCorrupt: A file cannot be read, so it is unknown whether the person is in it.
            StoreError: The person is still in a file afterwards.
        """
        from mood_core.store.locks.leases import new_owner
        from mood_core.store.upkeep.corruption import moved_away
        from mood_core.usecases.people.forget_person import forget_person

        report = forget_person(
            user_id,
            self.lake,
            self.database,
            owner=new_owner(),
            now=self.now(),
            called=called,
            personal_files=self.personal_files,
            without=without,
            progress=progress,
        )
        return replace(report, left=(*report.left, *(str(file) for file in moved_away(self.database))))
