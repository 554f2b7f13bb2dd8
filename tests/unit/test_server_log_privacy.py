"""What the local server writes into its log names no path of an address."""

from __future__ import annotations

import pytest

from flows.server.log_privacy import without_paths


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("for url 'https://hooks.example/T0/B0/x?y=z'\nFor", "for url 'https://hooks.example/...'\nFor"),
        ("POST https://ada:pw@ntfy.example:8443/topic 500", "POST https://ntfy.example:8443/... 500"),
        ("at http://127.0.0.1:4200?key=x", "at http://127.0.0.1:4200/..."),
        ("no address, a/b?c and https: alone", "no address, a/b?c and https: alone"),
    ],
)
def test_of_an_address_only_the_host_is_written(said: str, kept: str) -> None:
    assert without_paths(said) == kept
