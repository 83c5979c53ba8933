"""Payments: starting them, their callbacks and status."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from echodesk_billing.application.charging import Charge
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.application.settlement import Settled
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, PaymentOptions, SaveCard, Wallet
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, choice
from echodesk_billing.face.cards import require_card_id


@checks_arguments
class Payments(Face):
    """Payments: starting them, their callbacks and status."""

    async def checkout(
        self,
        *,
        tenant_id: str,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        currency: str = "GEL",
        language: str = "ka",
        save_card: SaveCard | str | None = None,
        capture: Capture | str = Capture.AUTOMATIC,
        wallet: Wallet | str = Wallet.NONE,
        wallet_token: str = "",
        card_id: int | None = None,
        options: PaymentOptions | None = None,
        user_id: str = "",
        full_name: str = "",
        email: str = "",
        idempotency_key: str | None = None,
    ) -> Order:
        """Start a payment for a month of a package, or of a set of features.

        Args:
            tenant_id: who buys, lower case as in its web address.
            tenant_name: on the payment page; the id where empty.
            package_id: from the catalogue; or `features`.
            seats: how many agents.
            currency: `GEL`, `USD`, `EUR` or `GBP`.
            language: of the payment page, `ka` or `en`.
            save_card: `no`, `recurrent` (the customer is present later), `automatic` (this very amount is repeated).
                Where None: `automatic`, and `no` for a pre-authorisation.
            capture: `automatic`, or `manual` to hold the money until `capture`.
            wallet: `google_pay` or `apple_pay` where the card was collected on your own page.
            wallet_token: of Google Pay; it is passed on and not stored.
            card_id: of a saved recurrent card to pay with.
            options: methods, theme, basket, split and more of `PaymentOptions`.
            full_name: of the buyer; the bank sees it masked.
            email: of the buyer; the bank sees it masked.
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.

        Returns:
            The order; send the customer to its `payment_url`.

        Raises:
            InvalidSelection: the catalogue has no such thing.
            GatewayError: the bank gave no payment page; unless it refused, the order is found out later.
        """
        buyer = evolve(
            self._writer(tenant_id, tenant_name), user_id=user_id or LIBRARY, full_name=full_name, email=email
        )
        selection = Selection(package_id=package_id, features=features, seats=seats)
        terms = Terms(
            language=language,
            save_card=None if save_card is None else choice(SaveCard, save_card, "save_card"),
            capture=choice(Capture, capture, "capture"),
            wallet=choice(Wallet, wallet, "wallet"),
            card_id=require_card_id(card_id),
            options=options or PaymentOptions(),
        )
        try:
            return await self._container.checkout().buy(
                buyer,
                selection,
                currency=choice(Currency, currency, "currency"),
                terms=terms,
                wallet_token=wallet_token,
                key=idempotency_key,
            )
        finally:
            await self._announce()

    async def receive_callback(self, raw_body: bytes, signature: str | None) -> Settled:
        """Take a callback of the bank, as your own view received it.

        Args:
            raw_body: the very bytes of the body, never parsed and written again.
            signature: the header `Callback-Signature`.

        Raises:
            CallbackRefused: answer 401.
            MalformedCallback: answer 400.
            CallbackOrderUnknown: answer 404; the bank repeats it.
            GatewayError: answer 503; the bank repeats it.
        """
        settled = await self._container.callbacks().receive(raw_body, signature)
        await self._announce()
        return settled

    async def status(self, order_id: str, *, tenant_id: str) -> Order:
        """The order with this id, ours or the bank's.

        Raises:
            OrderNotFound: there is none, or it is another tenant's.
        """
        return await self._container.views().order(self._reader(tenant_id), order_id)

    async def pay_now(
        self, tenant_id: str, *, tenant_name: str = "", idempotency_key: str | None = None, by: str = LIBRARY
    ) -> Order:
        """Create a page to pay the next period; send the customer to the order's `payment_url`.

        Args:
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: nothing runs on.
            GatewayError: the bank gave no payment page.
        """
        order = await self._container.checkout().pay_now(self._writer(tenant_id, tenant_name, by), key=idempotency_key)
        await self._announce()
        return order

    async def reactivate(
        self, tenant_id: str, *, tenant_name: str = "", idempotency_key: str | None = None, by: str = LIBRARY
    ) -> Order:
        """Create a page to pay for a suspended or ended subscription.

        Args:
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: there never was one.
            IllegalTransition: it is neither suspended nor ended.
            GatewayError: the bank gave no payment page.
        """
        order = await self._container.checkout().reactivate(
            self._writer(tenant_id, tenant_name, by), key=idempotency_key
        )
        await self._announce()
        return order

    async def charge(
        self,
        tenant_id: str,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        idempotency_key: str | None = None,
        by: str = LIBRARY,
    ) -> Charge:
        """Charge the next period to the saved card, or get a payment page where the card may not be charged.

        Args:
            package_id: with `features` and `seats`, what the next period is to be; what runs where neither is given.
            idempotency_key: your own name for this charge. Calling again under it never charges a further period.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: there is nothing to charge for.
            GatewayError: the bank did not take it up; it is found out later.
        """
        changed = package_id is not None or bool(features)
        selection = Selection(package_id=package_id, features=features, seats=seats) if changed else None
        try:
            return await self._container.charging().charge(
                self._writer(tenant_id, tenant_name, by), selection, key=idempotency_key
            )
        finally:
            await self._announce()

    async def complete_apple_pay(self, order_id: str, wallet_token: str, *, tenant_id: str) -> Order:
        """The second step of Apple Pay on your own page, with the token that Apple gave.

        Raises:
            OrderNotFound: there is no such order, or it was not started for Apple Pay.
            GatewayError: the bank did not answer, or refused.
        """
        order = await self._container.checkout().complete_apple_pay(self._reader(tenant_id), order_id, wallet_token)
        await self._announce()
        return order
