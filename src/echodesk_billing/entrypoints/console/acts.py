"""The acts of operators, each in three steps: a form, a preview of its effect, a confirmation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from echodesk_billing.entrypoints.console.act import Act
from echodesk_billing.entrypoints.console.customer_acts import CUSTOMER_ACTS
from echodesk_billing.entrypoints.console.order_acts import ORDER_ACTS
from echodesk_billing.entrypoints.console.sessions import HOME
from echodesk_billing.entrypoints.console.visit import Form, Visit, address, form, page
from echodesk_billing.entrypoints.console.webhook_acts import WEBHOOK_ACTS
from echodesk_billing.entrypoints.http import html
from echodesk_billing.entrypoints.http.calls import Page
from echodesk_billing.entrypoints.http.message import Response

ACTS = (*ORDER_ACTS, *CUSTOMER_ACTS, *WEBHOOK_ACTS)
KEYS = {"customers": "tenant_id", "orders": "order_id", "webhooks": "endpoint_id"}


def pages() -> list[Page]:
    """The pages of all acts."""
    found = []
    for act in ACTS:
        key = KEYS[act.kind]
        path = f"{HOME}{act.kind}/{{{key}}}/acts/{act.name}"
        found += [
            Page(path=path, handler=page(_asking(act, key))),
            Page(path=f"{path}/preview", method="POST", handler=form(_previewing(act, key))),
            Page(path=path, method="POST", handler=form(_doing(act, key))),
        ]
    return found


def _asking(act: Act, key: str) -> Callable[[Visit], Awaitable[Response]]:
    async def ask(visit: Visit) -> Response:
        subject = visit.request.parameters[key]
        return visit.render(
            "act.html", act=act, subject=subject, back=address(act.kind, subject), given=visit.request.query
        )

    return ask


def _previewing(act: Act, key: str) -> Callable[[Visit, Form], Awaitable[Response]]:
    async def preview(visit: Visit, sent: Form) -> Response:
        subject = visit.request.parameters[key]
        effects = await act.foresee(visit, subject, sent)
        given = {field.name: sent.get(field.name, "").strip() for field in act.fields}
        return visit.render(
            "preview.html",
            act=act,
            subject=subject,
            back=address(act.kind, subject),
            effects=effects,
            given=given,
            key=uuid4(),
        )

    return preview


def _doing(act: Act, key: str) -> Callable[[Visit, Form], Awaitable[Response]]:
    async def do(visit: Visit, sent: Form) -> Response:
        subject = visit.request.parameters[key]
        await act.run(visit, subject, sent, _uuid(sent.get("key", "")))
        return html.go(f"{address(act.kind, subject)}?said=done")

    return do


def _uuid(text: str) -> str:
    """The key of a form, so that sending it twice does its work once; a new one where it has none."""
    try:
        return str(UUID(text))
    except ValueError:
        return str(uuid4())
