"""Failed answers and the errors they stand for."""

import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.errors import (
    AccessDenied,
    ConfigError,
    MoodlogError,
    NotFound,
    QuotaExceeded,
    RateLimited,
    ReauthorisationNeeded,
    SourceError,
    Unavailable,
    UnexpectedPayload,
)
from mood_core.spotify.failures import ServiceResponse, api_failure, token_failure

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def answer(status: int, body: str = "", **headers: str) -> ServiceResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ServiceResponse("GET /v1/me", status, body, named, ("planted-secret",), NOW)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "{}", None),
        (200, "[]", UnexpectedPayload),
        (200, '{"items": [', UnexpectedPayload),
        (200, "", UnexpectedPayload),
        (200, "[" * 100_000, UnexpectedPayload),
        (204, "", UnexpectedPayload),
        (302, "", UnexpectedPayload),
        (400, "", SourceError),
        (401, "", ReauthorisationNeeded),
        (403, "", AccessDenied),
        (404, "", NotFound),
        (408, "", Unavailable),
        (429, "", RateLimited),
        (500, "", Unavailable),
        (503, "<html>", Unavailable),
        (599, "", Unavailable),
    ],
)
def test_the_status_decides(status: int, body: str, kind: type[MoodlogError] | None) -> None:
    failure = api_failure(answer(status, body))
    assert (failure if kind is None else type(failure)) is kind


@pytest.mark.parametrize(
    ("retry_after", "body", "kind", "seconds"),
    [
        ("0", "", RateLimited, 0),
        ("7", "", RateLimited, 7),
        ("60", "", RateLimited, 60),
        ("61", "", QuotaExceeded, 61),
        ("86400", "", QuotaExceeded, 86_400),
        ("-5", "", RateLimited, 5),
        ("soon", "", RateLimited, 5),
        ("nan", "", RateLimited, 5),
        ("7", '{"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}', QuotaExceeded, 61),
        ("7200", '{"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}', QuotaExceeded, 7200),
        ("Tue, 24 Nov 2026 08:00:30 GMT", "", RateLimited, 30),
        ("Tue, 24 Nov 2026 18:00:00 GMT", "", QuotaExceeded, 36_000),
        ("Tue, 24 Nov 2026 07:00:00 GMT", "", RateLimited, 0),
    ],
)
def test_a_short_wait_is_a_rate_limit_and_a_long_one_a_quota(
    retry_after: str, body: str, kind: type[MoodlogError], seconds: float
) -> None:
    failure = api_failure(answer(429, body, Retry_After=retry_after))
    assert type(failure) is kind
    assert isinstance(failure, RateLimited | QuotaExceeded)
    assert failure.retry_after_s == seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(61, "in 1 minute."), (120, "in 2 minutes."), (5400, "in 90 minutes."), (10_800, "in 3 hours.")],
)
def test_a_wait_is_reported_in_words(seconds: int, words: str) -> None:
    failure = api_failure(answer(429, "", Retry_After=str(seconds)))
    assert isinstance(failure, QuotaExceeded)
    assert failure.message.replace("\u202f", " ").endswith(words)


def test_a_quota_without_retry_after_waits_an_hour() -> None:
    failure = api_failure(answer(429, '{"error": {"reason": "QUOTA_EXCEEDED"}}'))
    assert isinstance(failure, QuotaExceeded)
    assert failure.retry_after_s == 3600


@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        ('{"error": {"status": 403, "message": "Insufficient client scope"}}', "reconnect"),
        ("User not registered in the Developer Dashboard", "User Management"),
        ("<html>Forbidden</html>", "dashboard"),
        (
            '{"error": {"message": "Active premium subscription required for the owner of the app."}}',
            "renew the Premium",
        ),
    ],
)
def test_a_denial_reports_the_remedy(body: str, remedy: str) -> None:
    failure = api_failure(answer(403, body))
    assert isinstance(failure, AccessDenied)
    assert remedy in failure.message
    assert "<" not in failure.message


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, '{"access_token": "a", "expires_in": 3600}', None),
        (200, '{"access_token": "", "expires_in": 3600}', UnexpectedPayload),
        (200, '{"access_token": "a"}', UnexpectedPayload),
        (200, '{"access_token": "a", "expires_in": "3600"}', UnexpectedPayload),
        (200, '{"access_token": "a", "expires_in": NaN}', UnexpectedPayload),
        (200, "[]", UnexpectedPayload),
        (200, "oops", UnexpectedPayload),
        (400, '{"error": "invalid_grant", "error_description": "Refresh token revoked"}', ReauthorisationNeeded),
        (400, '{"error": "invalid_client", "error_description": "Invalid client"}', ConfigError),
        (401, '{"error": "invalid_client"}', ConfigError),
        (400, '{"error": "unauthorized_client"}', ConfigError),
        (400, '{"error": "unsupported_grant_type"}', SourceError),
        (400, "oops", SourceError),
        (400, '{"error": {"status": 400}}', SourceError),
        (429, "", RateLimited),
        (502, "", Unavailable),
    ],
)
def test_the_token_endpoint_has_its_own_errors(status: int, body: str, kind: type[MoodlogError] | None) -> None:
    failure = token_failure(answer(status, body))
    assert (failure if kind is None else type(failure)) is kind


@given(
    st.integers(100, 599),
    st.text() | st.recursive(st.none() | st.text(), st.lists).map(str),
    st.none() | st.text(st.characters(codec="latin-1")),
)
def test_no_answer_surprises(status: int, body: str, retry_after: str | None) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    reported = ServiceResponse("GET /v1/me", status, body, headers, (), NOW)
    for failure in (api_failure(reported), token_failure(reported)):
        assert failure is None or failure.message


@pytest.mark.parametrize("classify", [api_failure, token_failure])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        "planted-secret",
        '"planted-secret"',
        '{"error": "planted-secret"}',
        '{"error": {"message": "bad planted-secret"}}',
        '{"error": "invalid_grant", "error_description": "planted-secret"}',
    ],
)
def test_an_echoed_secret_is_not_reported(classify: type, status: int, body: str) -> None:
    failure = classify(answer(status, body))
    assert "planted-secret" not in f"{failure!r} {getattr(failure, 'excerpt', '')} {answer(status, body)!r}"


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        ("<html>Log in to this Wi-Fi", "<html>Log in to this Wi-Fi"),
        ('{"display_name": "Ada", ', ""),
        ('[{"name": "x', ""),
    ],
)
def test_an_excerpt_shows_a_foreign_page_and_no_personal_data(body: str, excerpt: str) -> None:
    failure = api_failure(answer(200, body))
    assert isinstance(failure, UnexpectedPayload)
    assert failure.excerpt == excerpt


def test_an_error_pickles_with_its_wait() -> None:
    failure = pickle.loads(pickle.dumps(api_failure(answer(429, "", Retry_After="9"))))
    assert isinstance(failure, RateLimited)
    assert failure.retry_after_s == 9
