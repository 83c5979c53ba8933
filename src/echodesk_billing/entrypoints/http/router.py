"""Routing of requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from echodesk_billing.entrypoints.http.calls import Page, Route
from echodesk_billing.entrypoints.http.problems import Refused

Target = Route | Page
_BRACES = re.compile(r"{(\w+)}")


class Router:
    """Finds routes by method and path; a parameter in braces matches one path segment."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._fixed: dict[str, dict[str, Target]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, Target]]] = {}
        for target in targets:
            self._methods(target.path)[target.method] = target

    def _methods(self, path: str) -> dict[str, Target]:
        if "{" not in path:
            return self._fixed.setdefault(path, {})
        parts = _BRACES.split(path)
        named = [f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)]
        return self._patterns.setdefault(path, (re.compile("".join(named)), {}))[1]

    def find(self, method: str, path: str) -> tuple[Target, Mapping[str, str]]:
        """The target of a request, and its path parameters.

        Raises:
            Refused: 404 for an unknown path, 405 for a method that it does not support.
        """
        methods, parameters = self._at(path)
        found = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
        if found is None:
            raise Refused(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "This address does not take this method",
                headers={"Allow": ",".join(sorted(methods))},
            )
        return found, parameters

    def _at(self, path: str) -> tuple[dict[str, Target], Mapping[str, str]]:
        if path in self._fixed:
            return self._fixed[path], {}
        for pattern, methods in self._patterns.values():
            if matched := pattern.fullmatch(path):
                return methods, matched.groupdict()
        raise Refused(HTTPStatus.NOT_FOUND, "Nothing is at this address")
