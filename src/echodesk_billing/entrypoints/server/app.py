"""The aiohttp application: passes every request to the contract."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from echodesk_billing.entrypoints.http.contract import Contract
from echodesk_billing.entrypoints.http.limits import BODY_LIMIT, too_large
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused


def build_app(contract: Contract) -> web.Application:
    """An aiohttp application of the contract."""

    async def serve(request: web.Request) -> web.Response:
        return _rendered(await contract.handle(_read(request)))

    async def stop(_app: web.Application) -> None:
        contract.stop()

    app = web.Application(client_max_size=BODY_LIMIT)
    app.router.add_route("*", "/{path:.*}", serve)
    app.on_shutdown.append(stop)
    return app


def _read(request: web.Request) -> Request:
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
        remote=request.remote or "",
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
