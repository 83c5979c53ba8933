"""Time: the machine's, or the simulated bank's."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import msgspec

from echodesk_billing.ports.gateway import GatewayUnavailable


class SystemClock:
    """The machine's clock."""

    async def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)


class _ClockAnswer(msgspec.Struct):
    now: datetime


class SandboxClock:
    """The simulated bank's clock, queried every time, so that bank and service always agree.

    Args:
        session: the HTTP client.
        url: the simulated bank's `/sandbox/clock`.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def now(self) -> datetime:
        """The current time of the simulated bank, in UTC.

        Raises:
            GatewayUnavailable: it did not answer.
        """
        try:
            async with self._session.get(self._url, timeout=aiohttp.ClientTimeout(total=5)) as response:
                return msgspec.json.decode(await response.read(), type=_ClockAnswer).now.astimezone(UTC)
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
            raise GatewayUnavailable(
                f"The clock at {self._url} does not respond: {str(error) or type(error).__name__}"
            ) from error
