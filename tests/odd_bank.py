"""aioresponses on a current aiohttp, in one place.

aioresponses 0.7.9 builds a `ClientResponse` without the argument `stream_writer` that aiohttp 3.14 asks for
(https://github.com/pnuckowski/aioresponses/issues/289). Every answer here gets a response class that adds it. To be
removed when an aioresponses release works without: then `odd_bank` is plain `aioresponses`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

from aiohttp import ClientResponse
from aioresponses import aioresponses

AUTH = "https://oauth2.bog.example/token"
API = "https://api.bog.example/payments/v1"


class _Response(ClientResponse):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        named.setdefault("stream_writer", Mock())
        super().__init__(*arguments, **named)


class OddBank:
    """Answers of the bank, one after the other."""

    def __init__(self, mocked: aioresponses) -> None:
        self.mocked = mocked

    def answers(self, method: str, url: str, **answer: Any) -> None:
        """Register the next answer to a call."""
        self.mocked.add(url, method, response_class=_Response, **answer)

    def gives_token(self, value: str = "t1", expires_in: object = 3600, **more: Any) -> None:
        """Register the next answer to a token call."""
        self.answers("POST", AUTH, payload={"access_token": value, "expires_in": expires_in, **more})

    def asked(self, method: str, url: str) -> list[dict[str, Any]]:
        """The arguments of the calls that were made to an address."""
        calls = self.mocked.requests
        return [call.kwargs for (verb, at), made in calls.items() for call in made if (verb, str(at)) == (method, url)]


@contextmanager
def odd_bank() -> Iterator[OddBank]:
    """A bank whose answers are scripted."""
    with aioresponses() as mocked:
        yield OddBank(mocked)
