"""`path("", include("echodesk_billing.django.urls"))`: exactly the paths of API and portal, none of their prefixes.

Put it before other apps that share the prefix. `public` has only what works without a tenant, for the URLconf of a
public schema.
"""

from __future__ import annotations

from django.urls import URLPattern, path

from echodesk_billing.django.views import billing_view
from echodesk_billing.entrypoints.http.calls import Route
from echodesk_billing.entrypoints.http.routes import ROUTES
from echodesk_billing.entrypoints.portal.pages import pages as portal_pages

API = "/api/"


def _patterns(routes: tuple[Route, ...]) -> list[URLPattern]:
    names = {route.path: route.operation for route in reversed(routes) if route.path.startswith(API)}
    return [path(_django_path(address), billing_view, name=name) for address, name in reversed(names.items())]


def _django_path(address: str) -> str:
    return address.removeprefix("/").replace("{", "<str:").replace("}", ">")


_PORTAL = [path(_django_path(address), billing_view) for address in dict.fromkeys(one.path for one in portal_pages())]

app_name = "echodesk_billing"
urlpatterns = [*_patterns(ROUTES), *_PORTAL]
public = [*_patterns(tuple(route for route in ROUTES if route.scope is None)), *_PORTAL]
