"""Payments: start, callbacks, status."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from echodesk_billing.application.charging import Charge
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.application.settled import Settled
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, PaymentOptions, SaveCard, Wallet
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, choice
from echodesk_billing.face.cards import require_card_id


@checks_arguments
class Payments(Face):
    """Payments: start, callbacks, status."""

    async def checkout(
        self,
        *,
        tenant_id: str,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        interval: int = 1,
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
        coupon: str = "",
        idempotency_key: str | None = None,
    ) -> Order:
        """Start a payment for a month of a package or a set of features.

        Args:
            tenant_id: the buyer, lower case as in its URL.
            tenant_name: shown on the payment page; the id where empty.
            package_id: from the catalogue; or give `features`.
            seats: how many agents.
            interval: months that are paid at a time.
            currency: `GEL`, `USD`, `EUR` or `GBP`.
            language: of the payment page, `ka` or `en`.
            save_card: `no`, `recurrent` (for later payments of a present customer), `automatic` (repeats this amount).
                Where None: `automatic`, and `no` for a pre-authorisation.
            capture: `automatic`, or `manual` to hold the money until `capture`.
            wallet: `google_pay` or `apple_pay` where your own page collected the card.
            wallet_token: of Google Pay; passed on and never stored.
            card_id: of a saved recurrent card to pay with.
            options: methods, theme, basket, split and more of `PaymentOptions`.
            full_name: of the buyer; sent to the bank masked.
            email: of the buyer; sent to the bank masked.
            coupon: a code to redeem; empty without one.
            idempotency_key: your own key for this call. Repeating it, whatever the outcome, returns the
                same order and never creates another.

        Returns:
            The order; redirect the customer to its `payment_url`.

        Raises:
            InvalidSelection: it is not in the catalogue, or the coupon cannot be redeemed.
            GatewayError: the bank returned no payment page. Unless it refused, reconciliation settles the order.
        """
        buyer = evolve(
            self._writer(tenant_id, tenant_name), user_id=user_id or LIBRARY, full_name=full_name, email=email
        )
        selection = Selection(package_id=package_id, features=features, seats=seats, interval=interval)
        terms = Terms(
            language=language,
            save_card=None if save_card is None else choice(SaveCard, save_card, "save_card"),
            capture=choice(Capture, capture, "capture"),
            wallet=choice(Wallet, wallet, "wallet"),
            card_id=require_card_id(card_id),
            options=options or PaymentOptions(),
            coupon=coupon,
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
        """Process a callback of the bank, as received by your own view.

        Args:
            raw_body: the unchanged bytes of the body, never parsed and serialised again.
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
            OrderNotFound: it does not exist or belongs to another tenant.
        """
        return await self._container.views().order(self._reader(tenant_id), order_id)

    async def pay_now(
        self, tenant_id: str, *, tenant_name: str = "", idempotency_key: str | None = None, by: str = LIBRARY
    ) -> Order:
        """Create a page to pay the next period; redirect the customer to the order's `payment_url`.

        Args:
            idempotency_key: your own key for this call. Repeating it, whatever the outcome, returns the
                same order and never creates another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: no subscription renews.
            GatewayError: the bank returned no payment page.
        """
        order = await self._container.checkout().pay_now(self._writer(tenant_id, tenant_name, by), key=idempotency_key)
        await self._announce()
        return order

    async def reactivate(
        self, tenant_id: str, *, tenant_name: str = "", idempotency_key: str | None = None, by: str = LIBRARY
    ) -> Order:
        """Create a page to pay for a suspended or ended subscription.

        Args:
            idempotency_key: your own key for this call. Repeating it, whatever the outcome, returns the
                same order and never creates another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: the tenant never had one.
            IllegalTransition: it is neither suspended nor ended.
            GatewayError: the bank returned no payment page.
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
        interval: int = 1,
        idempotency_key: str | None = None,
        by: str = LIBRARY,
    ) -> Charge:
        """Charge the next period to the saved card, or get a payment page where the card may not be charged.

        Args:
            package_id: with `features`, `seats` and `interval`, of the next period; the current one where omitted.
            idempotency_key: your own key for this charge. Repeating it never charges another period.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: there is no period to charge.
            GatewayError: the bank did not confirm the charge; reconciliation settles the order.
        """
        changed = package_id is not None or bool(features)
        selection = (
            Selection(package_id=package_id, features=features, seats=seats, interval=interval) if changed else None
        )
        try:
            return await self._container.charging().charge(
                self._writer(tenant_id, tenant_name, by), selection, key=idempotency_key
            )
        finally:
            await self._announce()

    async def complete_apple_pay(self, order_id: str, wallet_token: str, *, tenant_id: str) -> Order:
        """The second step of Apple Pay on your own page, with the token from Apple.

        Raises:
            OrderNotFound: it does not exist, or was not started for Apple Pay.
            GatewayError: the bank did not answer, or refused.
        """
        order = await self._container.checkout().complete_apple_pay(self._reader(tenant_id), order_id, wallet_token)
        await self._announce()
        return order
