"""The Django app: `INSTALLED_APPS += ["echodesk_billing.django"]`, and `include("echodesk_billing.django.urls")`.

`billing()` is the library for views, commands and tasks of the project; see docs/django.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echodesk_billing.django.runtime import Billing

__all__ = ["billing"]


def billing() -> Billing:
    """The library, opened once per process with the settings of the project."""
    from echodesk_billing.django.runtime import runtime  # noqa: PLC0415 - needs configured Django settings

    return runtime().billing
