"""Values in settings: lists, durations, addresses, origins."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

from echodesk_billing.domain.errors import BillingError


class InvalidSettings(BillingError):
    """A variable is invalid or missing; the message is one line that names it."""


def parts(text: str, separator: str = ",") -> tuple[str, ...]:
    """The parts of a list in a setting."""
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def durations(text: str) -> tuple[timedelta, ...]:
    """Parse durations such as `4h, 3d`.

    Raises:
        ValueError: a part is not a number of hours or days.
    """
    units = {"h": timedelta(hours=1), "d": timedelta(days=1)}
    durations = []
    for part in parts(text):
        found = re.fullmatch(r"(\d{1,4})([hd])", part)
        if found is None:
            raise ValueError(part)
        durations.append(int(found[1]) * units[found[2]])
    return tuple(durations)


def origin(text: str) -> re.Pattern[str]:
    """The pattern of an origin; a leading `*` matches one label in front of at least two others.

    Raises:
        ValueError: it is not such an origin, or plain http of another machine.
    """
    found = re.fullmatch(r"(https?)://(\*\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)*)(:\d{1,5})?", text.lower())
    if found is None or (found[2] and "." not in found[3]) or (found[1] == "http" and not is_local(text)):
        raise ValueError(text)
    port = "" if (found[1], found[4]) in (("https", ":443"), ("http", ":80")) else found[4] or ""
    label = r"[a-z0-9-]+\." if found[2] else ""
    return re.compile(f"{found[1]}://{label}{re.escape(found[3] + port)}")


def with_scheme(address: str) -> str:
    """An address with https:// where it has no scheme."""
    return address if not address or "://" in address else f"https://{address}"


def is_local(address: str) -> bool:
    """Whether an address is of this machine. `localhost` and the names under it are (RFC 6761)."""
    _, host = scheme_and_host(address)
    return (
        host in ("localhost", "::1")
        or host.endswith(".localhost")
        or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None
    )


def is_nearby(address: str) -> bool:
    """Whether an address is of this machine, or of its own network: a name without a dot, such as a container's."""
    _, host = scheme_and_host(address)
    return is_local(address) or re.fullmatch(r"[a-z][a-z0-9-]*", host) is not None


def scheme_and_host(address: str) -> tuple[str, str]:
    """Both empty where it is not a URL."""
    try:
        found = urlsplit(address)
    except ValueError:
        return "", ""
    return found.scheme, found.hostname or ""
