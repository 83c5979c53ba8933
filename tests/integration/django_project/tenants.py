"""Tenants by host, as django-tenants gives them to requests."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from django.http import HttpRequest, HttpResponse

SUFFIX = ".crm.example"


class TenantMiddleware:
    """`acme-shop.crm.example` is the tenant acme_shop; other hosts are of the public schema."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        host = request.get_host().partition(":")[0]
        label = host.removesuffix(SUFFIX)
        schema = label.replace("-", "_") if host.endswith(SUFFIX) else "public"
        vars(request)["tenant"] = SimpleNamespace(schema_name=schema, name=label.title(), domain_url=host)
        return self._get_response(request)
