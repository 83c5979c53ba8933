"""`Idempotency-Key` of changing calls: the same key and body gets the same answer for a day."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus

from attrs import evolve

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.gateway import GatewayRefused
from echodesk_billing.ports.storage import Answer

KEPT_FOR = timedelta(hours=24)
STALE_AFTER = timedelta(minutes=2)
LONGEST_KEY = 255

Work = Callable[[str], Awaitable[tuple[Response, Exception | None]]]


async def once(
    request: Request, who: Principal | None, uses: UseCases, work: Work, *, is_secret: bool = False
) -> Response:
    """The stored answer of the request's key, or a new one, which is then stored.

    After an unknown outcome (5xx, a crashed process) only the identity of the request is stored: it may
    be repeated, and creates the same order or refund. After a refusal of the bank the key is deleted.

    Args:
        who: owner of the key; None on a public route, where it is the caller's address.
        work: called with the identity of the request, a UUID v4; returns the answer and the error behind it.
        is_secret: the answer is stored encrypted.

    Raises:
        Refused: the key is in use, was used for another request, or is invalid.
    """
    key = request.header("Idempotency-Key")
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise Refused(HTTPStatus.BAD_REQUEST, f"Idempotency-Key must be 1 to {LONGEST_KEY} printable characters")
    now = await uses.clock.now()
    asked = b"\n".join([request.method.encode(), request.target.encode(), await request.body()])
    mine = Answer(
        owner=_owner(request, who),
        key=key,
        identity=str(uuid.uuid4()),
        request_digest=hashlib.sha256(asked).hexdigest(),
        created_at=now,
        claimed_at=now,
    )
    kept, is_ours = await uses.storage.transact(lambda uow: uow.answers.claim(mine, now - KEPT_FOR, now - STALE_AFTER))
    if not is_ours:
        replayed = _replay(kept, mine)
        replayed.body = uses.vault.open(replayed.body) if is_secret else replayed.body
        return replayed
    try:
        response, error = await work(kept.identity)
    except BaseException:
        await uses.storage.transact(lambda uow: uow.answers.reopen(mine.owner, key))
        raise
    if isinstance(error, GatewayRefused):
        await uses.storage.transact(lambda uow: uow.answers.release(mine.owner, key))
    elif response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        await uses.storage.transact(lambda uow: uow.answers.reopen(mine.owner, key))
    else:
        body = uses.vault.seal(response.body) if is_secret else response.body
        done = evolve(kept, status=response.status, content_type=response.content_type, body=body)
        await uses.storage.transact(lambda uow: uow.answers.finish(done))
    return response


def _owner(request: Request, who: Principal | None) -> str:
    """The owner of a key, unambiguous as text."""
    owner = ["address", request.remote] if who is None else ["user", who.tenant_id, who.user_id]
    return hashlib.sha256(json.dumps(owner).encode()).hexdigest()


def _replay(kept: Answer, mine: Answer) -> Response:
    if kept.request_digest != mine.request_digest:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "This Idempotency-Key was used for another request")
    if kept.status == 0:
        raise Refused(
            HTTPStatus.CONFLICT,
            "A request with this Idempotency-Key is in progress",
            headers={"Retry-After": "2"},
        )
    return Response(
        status=kept.status,
        body=kept.body,
        content_type=kept.content_type,
        headers={"Idempotent-Replayed": "true"},
    )
