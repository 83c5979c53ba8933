"""Events of billing as a Django signal.

`billing_event` is sent with the event's type as sender, and the event as `event`. Receivers run on a thread of their
own with fresh connections, at least once per event, in order per tenant: one that raises gets the event again, with the
same `event.id`. They run in whichever process delivers, so connect them in `AppConfig.ready()`.
"""

from __future__ import annotations

from django.db import close_old_connections
from django.dispatch import Signal

from echodesk_billing.domain.events import Event

billing_event = Signal()


def send(event: Event) -> None:
    """Send an event to the receivers.

    Raises:
        Exception: a receiver failed; the event is delivered again.
    """
    close_old_connections()
    try:
        billing_event.send(sender=type(event), event=event)
    finally:
        close_old_connections()
