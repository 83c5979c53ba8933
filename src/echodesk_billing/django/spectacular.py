"""The API in the schema that drf-spectacular makes of the project.

`SPECTACULAR_SETTINGS` takes `"OAS_VERSION": "3.1.0"`, and this last in `"POSTPROCESSING_HOOKS"`:
`"echodesk_billing.django.spectacular.add_billing"`.
"""

from __future__ import annotations

import copy
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from echodesk_billing import __version__
from echodesk_billing.entrypoints.http import openapi
from echodesk_billing.entrypoints.http.routes import ROUTES


def add_billing(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Add the paths and components of billing; those of the project win where names are equal.

    Raises:
        ImproperlyConfigured: the project's schema is OpenAPI 3.0; that of billing is 3.1.
    """
    if str(result.get("openapi", "")).startswith("3.0"):
        raise ImproperlyConfigured(
            'Set SPECTACULAR_SETTINGS["OAS_VERSION"] to "3.1.0": the API of billing is OpenAPI 3.1'
        )
    ours = copy.deepcopy(openapi.document(ROUTES, __version__))
    paths = {path: item for path, item in ours["paths"].items() if path.startswith("/api/")}
    result["paths"] = {**paths, **result.get("paths", {})}
    components = result.setdefault("components", {})
    for kind, parts in ours["components"].items():
        components[kind] = {**parts, **components.get(kind, {})}
    return result
