"""Creates the models, feature sources, analysers and resolvers that the settings name."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from mood_core.app.parts import Parts
from mood_core.errors import ConfigError, ReauthorisationNeeded

if TYPE_CHECKING:
    from mood_core.classifier import Classifier
    from mood_core.classifier.model_card import ModelCard
    from mood_core.features.audio.analyser import AudioAnalyser
    from mood_core.features.source import FeatureSource
    from mood_core.resolvers.resolver import TrackResolver
    from mood_core.spotify.client import SpotifyClient

log = logging.getLogger(__name__)
_MOST_ACCOUNTS = 20
"""The number of accounts of Spotify of which one is to have a permission that works."""

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class Sources(Parts):
    """Models and sources of features and tracks, as the settings name them."""

    @property
    def model_folder(self) -> Path:
        """The folder of the model: ``MOODLOG_MODEL``, otherwise the last promoted model, otherwise the bundled one."""
        from mood_core.classifier import bundled_folder
        from mood_core.usecases.models.promote_model import current_folder

        return self.settings.model or current_folder(self.settings.models) or bundled_folder()

    @cached_property
    def model_card(self) -> ModelCard:
        """The model's card, read without loading the model."""
        from mood_core.classifier.loading import check_takes_exact
        from mood_core.classifier.model_card import read_card

        card = read_card(self.model_folder)
        check_takes_exact(card)
        return card

    def classifier(self) -> Classifier:
        """Load the model and check it against its card."""
        from mood_core.classifier import load_classifier

        _ = self.model_card  # refuses a model for estimated features
        return load_classifier(self.model_folder, self.settings.runtime)

    @cached_property
    def estimated_card(self) -> ModelCard:
        """The card of the model for estimated features."""
        from mood_core.classifier import bundled_estimated_folder
        from mood_core.classifier.model_card import read_card

        return read_card(bundled_estimated_folder())

    def estimated_classifier(self) -> Classifier:
        """Load the model for estimated features and check it against its card."""
        from mood_core.classifier import bundled_estimated_folder, load_classifier

        return load_classifier(bundled_estimated_folder(), self.settings.runtime)

    def feature_sources(self, *, patient: bool = True) -> tuple[FeatureSource, ...]:
        """The chain of feature sources, in the order of ``MOODLOG_FEATURE_SOURCES``.

        Unless ``patient``, ReccoBeats is called twice at most, within seconds: a person waits for the answer.
        """
        from mood_core.features.catalog.file_list import read_list
        from mood_core.features.reccobeats.client import ReccoBeatsClient
        from mood_core.features.registry import SourceParts, build_sources
        from mood_core.http.json_service import RETRY
        from mood_core.http.retry import RetryPolicy

        retry = RETRY if patient else RetryPolicy(attempts=2, total_wait_s=2.0)
        reccobeats = ReccoBeatsClient(self.settings.reccobeats_url, ledger=self.calls, retry=retry)
        self._closing.callback(reccobeats.close)
        parts = SourceParts(
            catalog=(*self.settings.catalog, *read_list(self.settings.catalog_list)),
            catalog_cache=self.settings.catalog_cache,
            catalog_progress=_log_progress(),
            spotify=self._by_any_account(lambda client: client.audio_features),
            reccobeats=reccobeats,
            need_durations=any(f.name == "duration_ms" and not f.may_be_missing for f in self.model_card.features),
        )
        return build_sources(self.settings.feature_sources, parts)

    def audio_analyser(self, name: str) -> AudioAnalyser:
        """The analyser of audio files: ``program`` (MOODLOG_AUDIO_ANALYSER) or ``reccobeats``.

        Raises:
            ConfigError: No program is set, or it does not exist.
        """
        from mood_core.features.audio.limited_program import Limits
        from mood_core.features.audio.program import program_analyser
        from mood_core.features.audio.upload import UploadAnalyser
        from mood_core.http.json_service import JsonService

        settings = self.settings
        if name == "reccobeats":
            service = JsonService("ReccoBeats", settings.reccobeats_url, "MOODLOG_RECCOBEATS_URL", ledger=self.calls)
            self._closing.callback(service.close)
            return UploadAnalyser(service)
        if not settings.audio_analyser:
            raise ConfigError(
                "MOODLOG_AUDIO_ANALYSER is not set: set it to a program that analyses audio, see docs/features.md, "
                "or send audio to ReccoBeats with --analyser reccobeats"
            )
        limits = Limits(settings.audio_analyser_seconds, settings.audio_analyser_megabytes * 2**20)
        return program_analyser(settings.audio_analyser, limits)

    def resolvers(self) -> tuple[TrackResolver, ...]:
        """The chain of resolvers, in the order of ``MOODLOG_RESOLVERS``."""
        from mood_core.http.json_service import JsonService
        from mood_core.resolvers.musicbrainz import agent
        from mood_core.resolvers.registry import ResolverParts, build_resolvers

        settings = self.settings
        deezer = JsonService("Deezer", settings.deezer_url, "MOODLOG_DEEZER_URL", ledger=self.calls)
        musicbrainz = JsonService(
            "MusicBrainz",
            settings.musicbrainz_url,
            "MOODLOG_MUSICBRAINZ_URL",
            ledger=self.calls,
            agent=agent(settings.contact),
        )
        for service in (deezer, musicbrainz):
            self._closing.callback(service.close)
        search = self._by_any_account(lambda client: client.search_tracks)
        parts = ResolverParts(search, deezer, musicbrainz if settings.contact else None)
        return build_resolvers(settings.resolvers, parts)

    def _by_any_account(
        self, method: Callable[[SpotifyClient], Callable[Asked, Answer]]
    ) -> Callable[Asked, Answer] | None:
        """A method of Spotify's client, called for the first account with a valid permission; None without any."""
        active = self.accounts.of_spotify(_MOST_ACCOUNTS)

        def request(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
            for user_id in active[:-1]:
                with contextlib.suppress(ReauthorisationNeeded):
                    return method(self.spotify.for_user(user_id))(*args, **kwargs)
            return method(self.spotify.for_user(active[-1]))(*args, **kwargs)

        return request if active else None


def _log_progress() -> Callable[[str, float], None]:
    """A progress callback that logs every 10% of the conversion of a catalogue file, which can take seconds."""
    logged: dict[str, int] = {}

    def show(file: str, share: float) -> None:
        if int(share * 10) > logged.get(file, 0):
            logged[file] = int(share * 10)
            log.info("converting %s: %d%%", file, logged[file] * 10)

    return show
