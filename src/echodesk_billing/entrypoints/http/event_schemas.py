"""The messages of webhooks, for the OpenAPI description: one for each type of event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args, get_type_hints

import msgspec

from echodesk_billing.domain.events import EVENT_TYPES
from echodesk_billing.entrypoints.http.properties import PROPERTIES

_PATTERN = "#/components/schemas/Event{name}"
_FIELDS = {
    "at": "When it happened.",
    "by": "Whose request led to it; empty where the bank or time did.",
    "charged_at": "When the card is charged.",
    "code": "The bank's response code, or the code of a coupon.",
    "due_since": "Since when the oldest renewal has been due.",
    "effective_at": "When a change takes effect.",
    "endpoint_id": "The webhook endpoint.",
    "ends_at": "When it ends.",
    "expires_at": "When it expires.",
    "failing_since": "Its first failure since its last success.",
    "fields": "Which fields changed.",
    "id": "The event; the same at every delivery, and in the header `webhook-id`.",
    "is_back": "Whether the tenant had lost its access before.",
    "masked_number": "The card's number, masked.",
    "monthly_price": "What the plan costs a month from now on.",
    "number": "Of the document.",
    "payment_url": "Where the customer pays; a link of ours that lasts as long as the debt.",
    "plan_name": "The plan's name.",
    "price": "What the plan costs, per interval.",
    "problem": "What went wrong.",
    "reason": "Why.",
    "reasons": "Why it needed attention.",
    "retry_at": "When it is tried again.",
    "stalled_at": "When the stall was noticed.",
    "state": "The state of the subscription.",
    "subscriptions": "How many are due.",
    "tenant_id": "The tenant concerned; empty where it concerns all.",
    "tenant_name": "The tenant's name.",
    "url": "Its address.",
    "what": "What it reminds of: `period`, `trial`, `card` or `access`.",
}


def webhooks() -> tuple[dict[str, Any], dict[str, Any]]:
    """The `webhooks` section, and the components that it refers to."""
    _, found = msgspec.json.schema_components(list(EVENT_TYPES.values()), ref_template=_PATTERN)
    components = {f"Event{name}": _described(name, schema) for name, schema in found.items()}
    return {name: {"post": _message(name)} for name in sorted(EVENT_TYPES)}, components


def _message(name: str) -> dict[str, Any]:
    summary = (EVENT_TYPES[name].__doc__ or "").partition("\n")[0]
    schema = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "enum": [name], "description": "The type of event."},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": {"allOf": [{"$ref": _PATTERN.format(name=name)}], "description": "The event."},
        },
    }
    return {
        "operationId": f"on{name}",
        "tags": ["webhooks"],
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"2XX": {"description": "Received; any other answer is a failure, and it is sent again"}},
    }


def _described(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A component with descriptions; what is always sent is required."""
    described = {key: value for key, value in schema.items() if key != "title"}
    described["description"] = schema.get("description", "").partition("\n")[0]
    if "properties" not in schema:
        return {"type": "string", **described}
    hints = get_type_hints(EVENT_TYPES[name]) if name in EVENT_TYPES else {}
    described["properties"] = {
        field: _property(field, inner, hints.get(field)) for field, inner in schema["properties"].items()
    }
    if name in EVENT_TYPES:
        described["properties"]["version"] = {"type": "integer", "description": "Of the event's form."}
    described["required"] = list(described["properties"])
    return described


def _property(name: str, schema: dict[str, Any], hint: Any) -> dict[str, Any]:
    inner = {key: value for key, value in schema.items() if key != "default"}
    if hint is datetime:
        inner["format"] = "date-time"
    elif datetime in get_args(hint):
        inner = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    if "$ref" in inner:  # generators ignore what stands beside a reference
        inner = {"allOf": [{"$ref": inner["$ref"]}]}
    text = _FIELDS.get(name) or PROPERTIES[name][0]
    return {**inner, "description": text}
