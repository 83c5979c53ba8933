"""The aiohttp application: passes every request to the contract."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

from echodesk_billing.entrypoints.http.contract import Contract
from echodesk_billing.entrypoints.http.limits import BODY_LIMIT, too_large
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused

Network = IPv4Network | IPv6Network


def build_app(contract: Contract, only: Sequence[str] = (), proxies: Sequence[Network] = ()) -> web.Application:
    """An aiohttp application of the contract.

    Args:
        only: the paths that are served; all where empty.
        proxies: networks of reverse proxies, whose `X-Forwarded-For` is believed.
    """

    async def serve(request: web.Request) -> web.Response:
        return _rendered(await contract.handle(_read(request, proxies)))

    async def stop(_app: web.Application) -> None:
        contract.stop()

    app = web.Application(client_max_size=BODY_LIMIT)
    for path in only or ("/{path:.*}",):
        app.router.add_route("*", path, serve)
    app.on_shutdown.append(stop)
    return app


def client_address(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """The address of the client: of the nearest hop that is no proxy of ours.

    Args:
        peer: who has connected.
        forwarded: the `X-Forwarded-For` header, to which each proxy adds whom it was called by.
        proxies: networks of proxies that are believed.
    """
    if not proxies:
        return peer
    address = peer
    for hop in (one.strip() for one in reversed(forwarded.split(","))):
        if not _is_within(address, proxies) or not _is_address(hop):
            break
        address = hop
    return address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_within(text: str, networks: Sequence[Network]) -> bool:
    return _is_address(text) and any(ip_address(text) in network for network in networks)


def _read(request: web.Request, proxies: Sequence[Network]) -> Request:
    def is_gone() -> bool:
        return request.transport is None or request.transport.is_closing()

    async def receive() -> bytes:
        try:
            return await request.read()
        except (ConnectionError, web.RequestPayloadError):
            raise Refused(HTTPStatus.BAD_REQUEST, "The body was cut off") from None
        except web.HTTPRequestEntityTooLarge:
            raise too_large() from None

    return Request(
        method=request.method,
        path=request.path,
        query=request.query,
        target=request.path_qs,
        headers=request.headers,
        host=request.host,
        remote=client_address(request.remote or "", ",".join(request.headers.getall("X-Forwarded-For", [])), proxies),
        has_body=request.can_read_body,
        receive=receive,
        is_gone=is_gone,
    )


def _rendered(response: Response) -> web.Response:
    rendered = web.Response(status=response.status, body=response.body, headers=response.headers)
    rendered.headers["Content-Type"] = response.content_type
    for cookie in response.cookies:
        rendered.headers.add("Set-Cookie", cookie)
    return rendered
