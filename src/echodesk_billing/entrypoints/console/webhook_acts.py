"""What an operator may do about a webhook endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from echodesk_billing.entrypoints.console.act import REASON, Act, Effect, text
from echodesk_billing.entrypoints.console.visit import Form, Visit


async def _nothing(_visit: Visit, _key: str, _sent: Form) -> Sequence[Effect]:
    return []


async def _enable(visit: Visit, endpoint_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.webhooks.enable(visit.who, endpoint_id, text(sent, "reason"))


async def _disable(visit: Visit, endpoint_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.webhooks.disable(visit.who, endpoint_id, text(sent, "reason"))


async def _test(visit: Visit, endpoint_id: str, _sent: Form, _key: str) -> object:
    return await visit.uses.webhooks.test(visit.who, endpoint_id)


WEBHOOK_ACTS = (
    Act("test", "webhooks", (), _nothing, _test),
    Act("enable", "webhooks", (REASON,), _nothing, _enable),
    Act("disable", "webhooks", (REASON,), _nothing, _disable),
)
