"""Checks answers against /openapi.json: every answer that a test gets is one that the description allows."""

from __future__ import annotations

import functools
import re
from typing import Any

import jsonschema_rs

from echodesk_billing.entrypoints.http import openapi
from echodesk_billing.entrypoints.http.routes import ROUTES


@functools.cache
def description() -> dict[str, Any]:
    """What /openapi.json says."""
    return openapi.document(ROUTES, "0")


def validator(schema: dict[str, Any]) -> Any:
    """A validator for a schema that may refer to components."""
    return jsonschema_rs.validator_for(
        {**schema, "components": description()["components"]}, validate_formats=True, offline=True
    )


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Fixed paths first, as the router does it."""
    paths = sorted(description()["paths"], key=lambda path: "{" in path)
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in paths]


@functools.cache
def _answer(method: str, path: str, status: int) -> tuple[str, Any] | None:
    """The content type and the validator of an answer of a described path; None for another method."""
    operation = description()["paths"][path].get(method.lower())
    if operation is None:
        return None
    described = operation["responses"].get(str(status))
    assert described is not None, f"{method} {path} answered {status}, which /openapi.json does not know"
    described = description()["components"]["responses"]["Problem"] if "$ref" in described else described
    ((kind, content),) = described["content"].items()
    return kind, validator(content["schema"])


def check(method: str, target: str, status: int, kind: str, body: Any) -> None:
    """Fail where an answer of the API is not as described. What the server itself refuses is not described."""
    path = target.partition("?")[0]
    found = next((named for pattern, named in _patterns() if pattern.fullmatch(path)), None)
    if found is None or status in (405, 408, 500):
        return
    expected = _answer(method, found, status)
    if expected is None:
        return
    assert kind == expected[0], (method, target, status, kind)
    if "json" in kind:
        errors = [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in expected[1].iter_errors(body)]
        assert errors == [], (method, target, status)
