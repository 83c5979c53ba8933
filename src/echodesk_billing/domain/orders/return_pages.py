"""Where the browser comes back to after the bank's page."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

from attrs import field, frozen

from echodesk_billing.domain.arguments import typed
from echodesk_billing.domain.errors import InvalidArgument

_PATH = re.compile(r"/[^\s\\]*|https?://[^\s\\]+")
TENANT = "{tenant}"


class Returning(enum.StrEnum):
    """From what the customer returns."""

    PAYMENT = "payment"
    FEATURE = "feature"
    CARD = "card"
    REGISTRATION = "registration"
    PORTAL = "portal"


DEFAULT_PAGES = {
    "payment.success": "/settings/subscription?payment=success",
    "payment.failed": "/settings/subscription?payment=failed",
    "feature.success": "/settings/subscription?feature_added=success",
    "feature.failed": "/settings/subscription?feature_added=failed",
    "card.success": "/settings/subscription?card_added=success",
    "card.failed": "/settings/subscription?card_added=failed",
    "registration.success": "/registration/success",
    "registration.failed": "/registration",
    "portal.success": "/portal/back?payment=success",
    "portal.failed": "/portal/back?payment=failed",
}


def _all_pages(value: Mapping[str, str]) -> Mapping[str, str]:
    for name, page in value.items():
        if name not in DEFAULT_PAGES:
            raise InvalidArgument("pages", f"{name!r} is no page: give {', '.join(DEFAULT_PAGES)}")
        if not _PATH.fullmatch(page) or page.startswith("//"):
            raise InvalidArgument("pages", f"{name} is {page!r}: give a path such as /billing, or an https:// address")
    return {**DEFAULT_PAGES, **value}


@frozen(kw_only=True, field_transformer=typed)
class ReturnPages:
    """The pages of the frontend to which the bank sends the browser.

    Args:
        base: address of the frontend; `{tenant}` in it is replaced by the subdomain.
        registration_base: the same for registrations, whose pages of their own do not exist yet; `base` where empty.
        portal_base: the same for the customer portal and pay links, which are ours; `base` where empty.
        pages: by `<purpose>.success` and `<purpose>.failed`: paths under the base, or whole addresses.

    Raises:
        InvalidArgument: a page is unknown or not a path.
    """

    base: str
    registration_base: str = ""
    portal_base: str = ""
    pages: Mapping[str, str] = field(factory=dict, converter=_all_pages)

    def of(self, returning: Returning, subdomain: str) -> tuple[str, str]:
        """The addresses after success and after failure."""
        return self._address(returning, "success", subdomain), self._address(returning, "failed", subdomain)

    def _address(self, returning: Returning, outcome: str, subdomain: str) -> str:
        page = self.pages[f"{returning}.{outcome}"]
        others = {Returning.REGISTRATION: self.registration_base, Returning.PORTAL: self.portal_base}
        base = others.get(returning, "")
        address = (base or self.base) + page if page.startswith("/") else page
        return address.replace(TENANT, subdomain)
