"""The OpenAPI description, generated from the routes and their types."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from echodesk_billing.entrypoints.http.calls import Route
from echodesk_billing.entrypoints.http.problems import Problem

_SUMMARY = "Subscriptions paid through the Bank of Georgia."
_DESCRIPTION = """
Send your token with each call: `Authorization: Token <token>`. An operator makes tokens with
`echodesk-billing token create`.

Send an `Idempotency-Key` with each POST, PUT and DELETE: when a call is repeated under the same key, after whatever
went wrong, it does its work once and gives the same answer.

Amounts in requests are strings or numbers with at most two decimals; amounts in answers are numbers. Moments are ISO
8601 with a time zone.

Errors are `application/problem+json` (RFC 9457) with a sentence in `detail` that says what was wrong and what to do;
where one field is at fault, `errors` names it.
"""


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    kinds = [kind for route in routes for kind in (route.takes, route.gives) if kind is not None]
    schemas, components = msgspec.json.schema_components([*kinds, Problem], ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(map(repr, [*kinds, Problem]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_kind)
    return {
        "openapi": "3.1.0",
        "info": {"title": "EchoDesk billing", "version": version, "summary": _SUMMARY, "description": _DESCRIPTION},
        "tags": [{"name": name, "description": text} for name, text in _tags(routes).items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Token <token>` or `Bearer <token>`",
                }
            },
        },
    }


def _operation(route: Route, by_kind: dict[str, Any]) -> dict[str, Any]:
    failure = {"description": "A problem", "content": {"application/problem+json": {"schema": by_kind[repr(Problem)]}}}
    kind = "application/pdf" if route.gives is bytes else "application/json"
    success = {"description": "Done", "content": {kind: {"schema": by_kind[repr(route.gives)]}}}
    operation: dict[str, Any] = {
        "operationId": f"{_resource(route)}_{route.handler.__name__}{_suffix(route)}",
        "tags": [_resource(route)],
        "summary": route.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", route.path)
        ],
        "responses": {
            str(route.status(None)) if route.scope is None and route.method == "POST" else "200": success,
            "4XX": failure,
            "5XX": failure,
        },
    }
    if route.scope is not None:
        operation["security"] = [{"token": [route.scope.value]}]
    if route.takes is not None:
        content = {"application/json": {"schema": by_kind[repr(route.takes)]}}
        operation["requestBody"] = {"required": False, "content": content}
    return operation


def _tags(routes: Sequence[Route]) -> dict[str, str]:
    """The tags: one per resource, described by its module's first line."""
    modules = {_resource(route): sys.modules[route.handler.__module__] for route in routes}
    return {name: (module.__doc__ or "").partition("\n")[0] for name, module in modules.items()}


def _resource(route: Route) -> str:
    """The tag of a route: the module that contains it."""
    return route.handler.__module__.rpartition(".")[2]


def _suffix(route: Route) -> str:
    """A suffix that makes operation ids of one handler's paths unique."""
    return "_at_root" if route.method == "DELETE" and route.path.endswith("/saved-card/") else ""
