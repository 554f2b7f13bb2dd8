"""The type of a command option for a webhook address, which is a secret and needs https."""

from __future__ import annotations

import sys
from typing import Any

import click
from pydantic import SecretStr

from mood_core.http.addresses import insecure


class Webhook(click.types.StringParamType):
    """An https address, or http on this machine. ``-`` reads it from stdin, which hides it from process lists."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the address as a SecretStr. Usage errors do not repeat it."""
        if isinstance(value, SecretStr):
            return value
        address = sys.stdin.readline().strip() if value == "-" else str(value)
        if why := insecure(address):
            self.fail(f"the address cannot be used: {why}.", param, ctx)
        return SecretStr(address)


WEBHOOK = Webhook()
"""The type of ``--webhook``."""
