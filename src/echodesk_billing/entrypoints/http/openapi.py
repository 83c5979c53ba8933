"""The OpenAPI description, generated from the routes and their types."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Struct, UnsetType

from echodesk_billing.entrypoints.http import event_schemas
from echodesk_billing.entrypoints.http.calls import Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.entrypoints.http.payments import WEBHOOK
from echodesk_billing.entrypoints.http.problems import Problem
from echodesk_billing.entrypoints.http.properties import PROPERTIES

_SUMMARY = "Subscriptions paid through the Bank of Georgia."
_DESCRIPTION = """
Send your token with each call: `Authorization: Token <token>` or `Authorization: Bearer <token>`. An operator makes
tokens with `echodesk-billing token create`.

Send an `Idempotency-Key` with each POST, PUT, PATCH and DELETE: when a call is repeated under the same key, after
whatever went wrong, it does its work once and gives the same answer.

Amounts in requests are strings or numbers with at most two decimals; amounts in answers are numbers, except where a
string is declared. Moments are ISO 8601 with a time zone.

Errors are `application/problem+json` (RFC 9457) with a sentence in `detail` that says what was wrong and what to do;
where one field is at fault, `errors` names it. Messages are Georgian where `Accept-Language` prefers it, else English.
"""
_PATTERN = "#/components/schemas/{name}"
_JSON = "application/json"
_HEADERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "AcceptLanguage": ("Accept-Language", "`ka` for messages in Georgian; English otherwise", {"type": "string"}),
    "IdempotencyKey": (
        "Idempotency-Key",
        "a key of your own, for repeating the call safely during 24 hours",
        {"type": "string", "minLength": 1, "maxLength": 255},
    ),
    "RequestId": (
        "X-Request-ID",
        "returned with the answer, and in our log",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    ),
    "CallbackSignature": ("Callback-Signature", "the bank's signature of the body", {"type": "string"}),
}
_EVERY_ROUTE = (HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_CHANGING_ROUTE = (
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
)


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    asked = [route.takes for route in routes if route.takes not in (None, Nothing)]
    given = [route.gives for route in routes if route.gives is not bytes]
    kinds: list[Any] = [*asked, *given, Problem]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_PATTERN)
    by_kind = {repr(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    answers = _reachable([by_kind[repr(kind)] for kind in (*given, Problem)], components)
    for name, schema in components.items():
        _describe(name, schema, is_answer=name in answers)
    for kind in _structs(given):
        _always_there(components[kind.__name__], kind)
    _always_there(components["Problem"], Problem)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_kind)
    messages, events = event_schemas.webhooks()
    return {
        "openapi": "3.1.0",
        "info": {"title": "EchoDesk billing", "version": version, "summary": _SUMMARY, "description": _DESCRIPTION},
        "servers": [{"url": "/", "description": "the server of this document"}],
        "tags": [{"name": name, "description": text} for name, text in _tags(routes).items()],
        "paths": paths,
        "webhooks": messages,
        "components": {
            "schemas": {**components, **events},
            "parameters": {
                name: {"name": header, "in": "header", "required": False, "description": text, "schema": schema}
                for name, (header, text, schema) in _HEADERS.items()
            },
            "responses": {"Problem": _content(by_kind[repr(Problem)], "A problem", "application/problem+json")},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`Authorization: Bearer <token>`; `Token <token>` is accepted too",
                }
            },
        },
    }


def _operation(route: Route, by_kind: dict[str, Any]) -> dict[str, Any]:
    kind = "application/pdf" if route.gives is bytes else _JSON
    pdf = {"type": "string", "contentMediaType": kind, "format": "binary"}
    success = _content(pdf if route.gives is bytes else by_kind[repr(route.gives)], "Done", kind)
    statuses = {*_EVERY_ROUTE, *(_CHANGING_ROUTE if route.method != "GET" else ())}
    if route.scope is not None or route.path == WEBHOOK:
        statuses |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if "{" in route.path:
        statuses |= {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
    if route.query:
        statuses |= {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
    problem = {"$ref": "#/components/responses/Problem"}
    answers = {str(int(status)): problem for status in sorted(statuses)}
    answers |= {str(status): success for status in route.statuses}
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [_resource(route)],
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": dict(sorted(answers.items())),
    }
    if route.scope is not None:
        operation["security"] = [{"token": [route.scope.value]}]
    if route.takes not in (None, Nothing):
        schema = by_kind[repr(route.takes)]
        required = bool(_required(route.takes))
        operation["requestBody"] = {"required": required, "content": {_JSON: {"schema": schema}}}
    if route.path == WEBHOOK:
        anything = {"type": "object", "description": "As the bank sends it.", "additionalProperties": True}
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": anything}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": f"the {name.replace('_', ' ')}",
            "schema": {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    for query in route.query:
        schema = msgspec.json.schema(query.kind)
        parameters.append(
            {"name": query.name, "in": "query", "required": False, "description": query.description, "schema": schema}
        )
    headers = ["RequestId"]
    if route.path.startswith("/api/"):
        headers += ["CallbackSignature"] if route.path == WEBHOOK else ["AcceptLanguage"]
    if route.method != "GET" and route.path != WEBHOOK:
        headers.append("IdempotencyKey")
    return parameters + [{"$ref": f"#/components/parameters/{name}"} for name in headers]


def _content(schema: dict[str, Any], description: str, kind: str) -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": schema}}}


def _describe(name: str, schema: dict[str, Any], *, is_answer: bool) -> None:
    """Describe each property, and write types as they are served."""
    for each, inner in schema.get("properties", {}).items():
        _as_served(inner, is_answer=is_answer)
        text, example = PROPERTIES.get(f"{name}.{each}") or PROPERTIES[each]
        inner.setdefault("description", text)
        if example is not None:
            inner["examples"] = [example]
        if "$ref" in inner:  # generators ignore what stands beside a reference
            inner["allOf"] = [{"$ref": inner.pop("$ref")}]
    if "description" in schema:
        schema["description"] = inspect.cleandoc(schema["description"])
    _as_served(schema, is_answer=is_answer)


def _as_served(schema: dict[str, Any], *, is_answer: bool) -> None:
    """Decimals are numbers in answers, and strings or numbers in requests; an enumeration has a type."""
    if schema.get("format") == "decimal":
        schema.pop("format")
        schema.pop("type")
        schema |= {"type": "number"} if is_answer else {"anyOf": [{"type": "string"}, {"type": "number"}]}
    if all(isinstance(value, str) for value in schema.get("enum", [0])):
        schema.setdefault("type", "string")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            _as_served(schema[key], is_answer=is_answer)
    for option in schema.get("anyOf", ()):
        _as_served(option, is_answer=is_answer)


def _always_there(schema: dict[str, Any], kind: type[Struct]) -> None:
    """An answer has all its properties, except those that can be unset."""
    hints = get_type_hints(kind)
    schema["required"] = [name for name in kind.__struct_encode_fields__ if UnsetType not in get_args(hints[name])]
    for inner in schema["properties"].values():
        inner.pop("default", None)


def _structs(kinds: Iterable[Any]) -> list[type[Struct]]:
    """The structures in types, at any depth."""
    found: dict[str, type[Struct]] = {}
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, Struct):
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                waiting += get_type_hints(kind).values()
        else:
            waiting += get_args(kind)
    return list(found.values())


def _reachable(schemas: list[Any], components: dict[str, Any]) -> set[str]:
    """Names of the components that schemas refer to, at any depth."""
    found: set[str] = set()
    waiting: list[Any] = list(schemas)
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
            name = str(one.get("$ref", "")).rpartition("/")[2]
            if name in components and name not in found:
                found.add(name)
                waiting.append(components[name])
    return found


def _required(kind: type) -> Sequence[str]:
    schema, components = msgspec.json.schema_components([kind], ref_template=_PATTERN)
    name = schema[0]["$ref"].rpartition("/")[2]
    required: Sequence[str] = components[name].get("required", ())
    return required


def _tags(routes: Sequence[Route]) -> dict[str, str]:
    """The tags: one per resource, described by its module's first line."""
    modules = {_resource(route): sys.modules[route.handler.__module__] for route in routes}
    return {name: (module.__doc__ or "").partition("\n")[0] for name, module in modules.items()}


def _resource(route: Route) -> str:
    """The tag of a route: the module that contains it."""
    return route.handler.__module__.rpartition(".")[2]
