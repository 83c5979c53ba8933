"""Names for Django's permissions and its admin. The data is billing's own: there are no tables and no queries here."""

from __future__ import annotations

from django.db import models


class _Shown(models.Model):
    """Something of billing that the admin shows."""

    id: models.CharField[str, str] = models.CharField(primary_key=True, max_length=64)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class Customer(_Shown):
    """Who buys."""

    class Meta:
        managed = False
        default_permissions = ("view",)


class Subscription(_Shown):
    """A tenant's subscription."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = (
            ("give_days", "Can give days of access"),
            ("pause_subscription", "Can pause and resume subscriptions"),
            ("make_complimentary", "Can make plans complimentary"),
            ("retry_charge", "Can charge the saved card for what is owed"),
        )


class Order(_Shown):
    """A payment."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = (
            ("refund_order", "Can refund payments"),
            ("resolve_order", "Can resolve payments that need attention"),
        )


class Invoice(_Shown):
    """An invoice."""

    class Meta:
        managed = False
        default_permissions = ("view",)


class Card(_Shown):
    """A saved card, masked."""

    class Meta:
        managed = False
        default_permissions = ("view",)


class Callback(_Shown):
    """A callback of the bank that changed nothing."""

    class Meta:
        managed = False
        default_permissions = ("view",)
