"""Apple Pay, Google Pay, and what else the bank can be asked for."""

from decimal import Decimal
from typing import Any

import pytest

from echodesk_billing import (
    BasketItem,
    Campaign,
    Loan,
    OrderNotFound,
    PaymentMethod,
    PaymentOptions,
    SaveCard,
    Split,
    SplitPart,
    Wallet,
)
from echodesk_billing.adapters.bog import codec
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.errors import InvalidPaymentOption
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.report import BankStatus
from tests.builders import BANK_ID, a_request, an_order, gel, principal
from tests.unit.conftest import World
from tests.unit.test_codec import RECEIPT


def body(**options: Any) -> dict[str, Any]:
    return dict(codec.create_order(an_order(request=a_request(options=PaymentOptions(**options)))))


async def test_apple_pay_takes_two_steps(world: World) -> None:
    order = await world.buy(terms=Terms(wallet=Wallet.APPLE_PAY, save_card=SaveCard.NO))
    order = await world.checkout.complete_apple_pay(principal(), order.id, "from Apple")
    assert order.state is OrderState.COMPLETED
    with pytest.raises(OrderNotFound):
        await world.checkout.complete_apple_pay(principal("globex"), order.id, "from Apple")
    other = await world.buy("globex")
    with pytest.raises(OrderNotFound):
        await world.checkout.complete_apple_pay(principal("globex"), other.id, "from Apple")


def test_a_google_pay_order_carries_its_token_and_is_paid_at_once() -> None:
    order = an_order(request=a_request(wallet=Wallet.GOOGLE_PAY))
    sent = codec.create_order(order, "encrypted")
    assert sent["config"]["google_pay"] == {"external": True, "google_pay_token": "encrypted"}
    paid = {**RECEIPT, "purchase_units": {"transfer_amount": "145.00", "currency_code": "GEL"}, "actions": None}
    answer = {"id": BANK_ID, "status": "completed", "order_details": {**paid, "discount": None}}
    report = codec.created(answer, order)
    assert (report.status, report.transferred) == (BankStatus.COMPLETED, gel("145.00"))


def test_google_pay_with_3d_secure_leads_to_the_issuer() -> None:
    order = an_order(request=a_request(wallet=Wallet.GOOGLE_PAY))
    answer = {"id": BANK_ID, "_links": {"redirect": {"href": "https://issuer.example"}}}
    assert codec.created(answer, order).payment_url == "https://issuer.example"


def test_apple_pay_needs_no_page() -> None:
    order = an_order(request=a_request(wallet=Wallet.APPLE_PAY))
    assert codec.create_order(order)["config"] == {"apple_pay": {"external": True}}
    assert codec.created({"id": BANK_ID, "_links": {"accept": {"href": "x"}}}, order).payment_url is None


def test_every_option_has_its_place() -> None:
    sent = body(
        methods=(PaymentMethod.CARD, PaymentMethod.BNPL),
        account_tag="main",
        loan=Loan(type="standard", month=6),
        campaign=Campaign(card="visa", type="restrict"),
        delivery=gel("5.00"),
        discount=gel("10.00"),
        basket=(BasketItem(product_id="p", quantity=2, unit_price=gel("70.00"), vat=gel("1.00"), tin="123"),),
    )
    assert sent["payment_method"] == ["card", "bnpl"]
    assert sent["config"] == {
        "account": {"tag": "main"},
        "loan": {"type": "standard", "month": 6},
        "campaign": {"card": "visa", "type": "restrict"},
    }
    units = sent["purchase_units"]
    assert (units["delivery"], units["total_discount_amount"]) == ({"amount": Decimal("5.00")}, Decimal("10.00"))
    assert units["basket"] == [
        {"product_id": "p", "quantity": 2, "unit_price": Decimal("70.00"), "vat": Decimal("1.00"), "tin": "123"}
    ]
    assert "config" not in body()


def test_a_split_is_sent_as_the_bank_documents_it() -> None:
    by_amount = Split(parts=(SplitPart(iban="GE1", amount=gel("100.00")), SplitPart(iban="GE2", amount=gel("45.00"))))
    assert body(split=by_amount)["config"]["split"] == {
        "split_payments": [
            {"iban": "GE1", "amount": Decimal("100.00"), "description": ""},
            {"iban": "GE2", "amount": Decimal("45.00"), "description": ""},
        ]
    }
    by_share = Split(
        parts=(
            SplitPart(iban="GE1", percent=Decimal(70), description="shop"),
            SplitPart(iban="GE2", percent=Decimal(30)),
        )
    )
    assert body(split=by_share)["config"]["split"] == {
        "split_payments": [
            {"iban": "GE1", "percent": Decimal(70), "description": "shop"},
            {"iban": "GE2", "percent": Decimal(30), "description": ""},
        ]
    }


@pytest.mark.parametrize(
    ("options", "amount", "reason"),
    [
        ({"methods": (PaymentMethod.CARD,)}, Money.parse("145.00", "USD"), "Only payments in GEL"),
        ({}, gel("145.01"), "do not make 145.01 GEL"),
        ({"methods": (PaymentMethod.CARD, PaymentMethod.GIFT_CARD)}, gel("145.00"), "by gift_card are not split"),
    ],
)
def test_a_split_that_the_bank_would_reject_creates_no_order(
    options: dict[str, Any], amount: Money, reason: str
) -> None:
    split = Split(parts=(SplitPart(iban="GE1", amount=gel("145.00")),))
    request = a_request(options=PaymentOptions(split=split, **options))
    with pytest.raises(InvalidPaymentOption, match=reason):
        an_order(request=request, amount=amount)


@pytest.mark.parametrize(
    "part",
    [{"amount": gel("0.00")}, {"percent": Decimal(-1)}, {"description": "a" * 26}, {"description": "თანხა"}],
)
def test_a_part_of_a_split_that_the_bank_would_refuse_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(InvalidPaymentOption):
        SplitPart(iban="GE1", **part)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (SplitPart(iban="GE1"),),
        (SplitPart(iban="GE1", amount=gel("1.00")), SplitPart(iban="GE2", percent=Decimal(50))),
        (SplitPart(iban="GE1", percent=Decimal(50)),),
        tuple(SplitPart(iban=f"GE{number}", amount=gel("1.00")) for number in range(11)),
    ],
)
def test_a_split_that_does_not_add_up_is_refused(parts: tuple[SplitPart, ...]) -> None:
    with pytest.raises(InvalidPaymentOption):
        Split(parts=parts)


def test_instalments_need_a_loan_only_where_nothing_else_is_offered() -> None:
    with pytest.raises(InvalidPaymentOption, match="needs a loan"):
        PaymentOptions(methods=(PaymentMethod.BOG_LOAN,))
    assert "config" not in body(methods=(PaymentMethod.CARD, PaymentMethod.BOG_LOAN))


def test_an_automatic_charge_sends_no_amount() -> None:
    order = an_order(request=a_request(parent_order_id="p", is_automatic=True))
    assert codec.subscribe(order) == {
        "callback_url": "https://billing.example/api/payments/webhook/",
        "external_order_id": order.id,
    }


@pytest.mark.parametrize(
    ("asked", "states_amount", "sent"),
    [
        ("145.00", False, {}),
        ("145.00", True, {"amount": Decimal("145.00")}),
        ("10.00", False, {"amount": Decimal("10.00")}),
    ],
)
def test_a_whole_refund_leaves_the_amount_out_except_in_the_test_environment(
    asked: str,
    states_amount: bool,
    sent: dict[str, Decimal],
) -> None:
    from echodesk_billing.domain.orders.refund import Refund  # noqa: PLC0415

    order = an_order(captured=gel("145.00"))
    assert codec.refund(order, Refund(id="r", amount=gel(asked)), states_amount=states_amount) == sent
