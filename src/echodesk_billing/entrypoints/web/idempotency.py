"""`Idempotency-Key` on our own POST calls: the same key and body gives the same answer for a day."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus

from aiohttp import web
from attrs import evolve

from echodesk_billing.entrypoints.web.calls import UseCases, raw_body
from echodesk_billing.entrypoints.web.problems import Refused
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.storage import Answer

KEPT_FOR = timedelta(hours=24)
STALE_AFTER = timedelta(minutes=2)
LONGEST_KEY = 255


async def once(
    request: web.Request, who: Principal, uses: UseCases, answer: Callable[[], Awaitable[web.Response]]
) -> web.Response:
    """The answer kept under the request's key, or a new one, which is then kept unless it is a failure of ours.

    Raises:
        Refused: the key is in use, was used for another request, or is no key.
    """
    key = request.headers["Idempotency-Key"]
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise Refused(HTTPStatus.BAD_REQUEST, f"Idempotency-Key must be 1 to {LONGEST_KEY} printable characters")
    now = await uses.clock.now()
    digest = hashlib.sha256(b"\n".join([request.method.encode(), request.path.encode(), await raw_body(request)]))
    mine = Answer(owner=f"{who.tenant_id}/{who.user_id}", key=key, request_digest=digest.hexdigest(), created_at=now)
    kept = await uses.storage.transact(lambda uow: uow.answers.claim(mine, now - KEPT_FOR, now - STALE_AFTER))
    if kept is not None:
        return _replay(kept, mine)
    try:
        response = await answer()
    except BaseException:
        await uses.storage.transact(lambda uow: uow.answers.release(mine.owner, key))
        raise
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        await uses.storage.transact(lambda uow: uow.answers.release(mine.owner, key))
        return response
    body = response.body if isinstance(response.body, bytes) else b""
    done = evolve(mine, status=response.status, content_type=response.content_type, body=body)
    await uses.storage.transact(lambda uow: uow.answers.finish(done))
    return response


def _replay(kept: Answer, mine: Answer) -> web.Response:
    if kept.request_digest != mine.request_digest:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "This Idempotency-Key was used for another request")
    if kept.status == 0:
        raise Refused(
            HTTPStatus.CONFLICT,
            "A request with this Idempotency-Key is being worked on",
            headers={"Retry-After": "2"},
        )
    return web.Response(
        status=kept.status,
        body=kept.body,
        content_type=kept.content_type,
        headers={"Idempotent-Replayed": "true"},
    )
