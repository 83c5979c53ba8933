"""The description of the API, made of the table of routes and its types."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from echodesk_billing.entrypoints.http.calls import Route
from echodesk_billing.entrypoints.http.problems import Problem


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
        "info": {"title": "echodesk-billing", "version": version},
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
        "operationId": f"{route.method} {route.path}",
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


def page(routes: Sequence[Route]) -> str:
    """The same for people: a page without scripts."""
    rows = "".join(
        f"<tr><td><code>{route.method}</code></td><td><code>{html.escape(route.path)}</code></td>"
        f"<td>{html.escape(route.summary)}</td><td>{route.scope or 'public'}</td></tr>"
        for route in routes
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>echodesk-billing API</title>"
        "<style>body{font:16px system-ui;margin:2rem auto;max-width:60rem}td,th{padding:.4rem;text-align:left}"
        "tr{border-bottom:1px solid #ddd}</style><h1>echodesk-billing API</h1>"
        "<p>The full description is in <a href=/openapi.json>/openapi.json</a>.</p>"
        f"<table><tr><th>Method<th>Path<th>What it does<th>Scope</tr>{rows}</table></html>"
    )
