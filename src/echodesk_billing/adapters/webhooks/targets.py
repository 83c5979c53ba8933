"""Which addresses webhooks may reach: public ones, and private networks that the settings allow."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from echodesk_billing.domain.errors import InvalidSelection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class TargetRefused(OSError):
    """A host name leads into a network that webhooks may not reach."""


class Targets:
    """The rule.

    Args:
        allowed: private networks that may be reached, and with plain http.
    """

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def allows(self, address: str) -> bool:
        """Whether an IP address may be reached."""
        try:
            found = _embedded(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        return self._is_listed(found) or (found.is_global and not found.is_multicast)

    def check_url(self, url: str) -> None:
        """Check an address before it is stored; what its name leads to is checked at every connection.

        Raises:
            InvalidSelection: it is not a full https:// address, or has the IP address of a private network.
        """
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            host, parts = "", urlsplit("")
        if parts.scheme not in ("https", "http") or not host or parts.username or parts.fragment:
            raise InvalidSelection("url", f"{url[:80]!r} is not an address such as https://crm.example.ge/billing")
        literal = _literal(host)
        is_ours = (literal is not None and self._is_listed(literal)) or (host == "localhost" and bool(self._allowed))
        if parts.scheme == "http" and not is_ours:
            raise InvalidSelection("url", f"{url[:80]!r}: webhooks go to https:// only")
        if literal is not None and not self.allows(str(literal)):
            raise InvalidSelection("url", f"{url[:80]!r} is in a private network, which webhooks do not reach")

    def _is_listed(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._allowed)


class PublicResolver(AbstractResolver):
    """Resolves host names, and refuses those that lead into a network that webhooks may not reach.

    The connection is made to the very addresses that were checked.
    """

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            TargetRefused: one of them is private.
        """
        found = await self._resolver.resolve(host, port, family)
        if refused := [one["host"] for one in found if not self._targets.allows(one["host"])]:
            raise TargetRefused(f"{host} leads to {refused[0]}, which is not a public address")
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()


def _literal(host: str) -> Address | None:
    try:
        return _embedded(ipaddress.ip_address(host))
    except ValueError:
        return None


def _embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where it carries one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
