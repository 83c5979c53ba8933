"""The hosted payment page: a card form and a 3-D Secure step, without scripts."""

from __future__ import annotations

import html
from urllib.parse import urlsplit

from aiohttp import web

from bog_sandbox.bank import Bank
from bog_sandbox.orders import Card, Order
from bog_sandbox.payment import CODES, GEORGIAN, GOOD_CARDS, Payment
from bog_sandbox.validation import Refused

TEXTS = {
    "en": {
        "title": "Payment",
        "card": "Card number",
        "expiry": "Expires (MM/YY)",
        "cvv": "CVV",
        "pay": "Pay",
        "saved": "Saved card",
        "confirm_title": "Confirm the payment",
        "confirm_text": "Your bank asks you to confirm this payment.",
        "confirm": "Confirm",
        "decline": "Decline",
        "over": "This order can no longer be paid.",
        "paid": "The payment was successful.",
        "failed": "The payment failed",
        "bad_card": "Enter a card number of 12 to 19 digits.",
        "test": "Simulated bank. No real money moves. Cards to try:",
    },
    "ka": {
        "title": "გადახდა",
        "card": "ბარათის ნომერი",
        "expiry": "ვადა (თვე/წელი)",
        "cvv": "CVV",
        "pay": "გადახდა",
        "saved": "შენახული ბარათი",
        "confirm_title": "დაადასტურეთ გადახდა",
        "confirm_text": "თქვენი ბანკი გთხოვთ დაადასტუროთ ეს გადახდა.",
        "confirm": "დადასტურება",
        "decline": "უარყოფა",
        "over": "ამ შეკვეთის გადახდა აღარ შეიძლება.",
        "paid": "გადახდა წარმატებით შესრულდა.",
        "failed": "გადახდა ვერ შესრულდა",
        "bad_card": "შეიყვანეთ ბარათის ნომერი, 12-დან 19 ციფრამდე.",
        "test": "სიმულირებული ბანკი. ნამდვილი თანხა არ მოძრაობს. საცდელი ბარათები:",
    },
}

WALLETS = {"google_pay": "Google Pay", "apple_pay": "Apple Pay"}

STYLE = """
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,"Noto Sans Georgian",sans-serif;background:#f4f4f6;color:#22242c;margin:0}
main{max-width:26rem;margin:3rem auto;background:#fff;border-radius:14px;padding:2rem;box-shadow:0 6px 30px #0001}
header{background:#ff600a;height:6px}
h1{font-size:1.15rem;margin:0 0 .25rem}
.amount{font-size:2rem;font-weight:650;margin:.5rem 0 0}
.what{color:#5b5f6d;margin:0 0 1.5rem}
label{display:block;font-size:.85rem;color:#5b5f6d;margin-top:1rem}
input[type=text]{width:100%;font:inherit;padding:.65rem .8rem;border:1px solid #cfd2da;border-radius:9px}
input:focus-visible,button:focus-visible{outline:3px solid #ff600a66}
.row{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
button{width:100%;margin-top:1.25rem;padding:.8rem;border:0;border-radius:9px;background:#ff600a;color:#fff;
font:inherit;font-weight:600;cursor:pointer}
button.quiet{background:#eceef2;color:#22242c;margin-top:.6rem}
.problem{background:#fdecea;color:#8c1d13;border-radius:9px;padding:.6rem .8rem}
footer{font-size:.78rem;color:#6d7180;border-top:1px solid #eceef2;margin-top:1.75rem;padding-top:1rem}
code{font-size:.95em}
"""


class Page:
    """Serves the payment page of the bank's orders."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_get("/", self.show)
        app.router.add_post("/pay", self.pay)
        app.router.add_get("/3ds", self.ask)
        app.router.add_post("/3ds", self.confirm)

    async def show(self, request: web.Request) -> web.Response:
        """The card form, or a notice that the order can no longer be paid."""
        order = self._order(request.query.get("order_id", ""))
        if not order.is_payable:
            return _over(order)
        return _card_form(order, self._parent_card(order))

    async def pay(self, request: web.Request) -> web.Response:
        """Take the card and go on to 3-D Secure."""
        form = await request.post()
        order = self._order(str(form.get("order_id", "")))
        if not order.is_payable:
            return _over(order)
        method = str(form.get("method", ""))
        if method in _wallets(order):
            self._bank.pay(order, Payment(card=Card(number=GOOD_CARDS[0], method=method)))
            return self._back(order)
        number = "".join(str(form.get("card", "")).split())
        saved = self._parent_card(order)
        if saved is not None and not number:
            card = saved
        elif number.isdigit() and 12 <= len(number) <= 19:
            card = Card(number=number, expiry=str(form.get("expiry") or "12/30")[:5])
        else:
            return _card_form(order, saved, _texts(order)["bad_card"])
        order.card = card
        self._bank.begin_payment(order)
        raise web.HTTPSeeOther(f"/3ds?order_id={order.id}")

    async def ask(self, request: web.Request) -> web.Response:
        """The 3-D Secure step."""
        order = self._order(request.query.get("order_id", ""))
        return _confirm_form(order) if order.is_payable and order.card else _over(order)

    async def confirm(self, request: web.Request) -> web.Response:
        """Take the answer to the issuer; then redirect to the merchant."""
        form = await request.post()
        order = self._order(str(form.get("order_id", "")))
        if not order.is_payable or order.card is None:
            return _over(order)
        passed = "pass" if form.get("answer") == "confirm" else "fail"
        self._bank.pay(order, Payment(card=order.card, three_d_secure=passed))
        return self._back(order)

    def _back(self, order: Order) -> web.Response:
        """Redirect the browser to the merchant."""
        redirects = order.request.get("redirect_urls") or {}
        target = redirects.get("fail" if order.status == "rejected" else "success")
        if isinstance(target, str) and urlsplit(target).scheme in ("http", "https"):
            raise web.HTTPSeeOther(target)
        return _over(order)

    def _order(self, order_id: str) -> Order:
        try:
            return self._bank.get(order_id)
        except Refused as refused:
            raise web.HTTPNotFound(text=refused.message) from None

    def _parent_card(self, order: Order) -> Card | None:
        parent = self._bank.orders.get(order.parent_order_id or "")
        return parent.card if parent and parent.saved else None


def _meaning(order: Order, code: str) -> str:
    """The meaning of a code, in the language of the page."""
    return (GEORGIAN if order.language == "ka" else CODES).get(code, code)


def _texts(order: Order) -> dict[str, str]:
    return TEXTS[order.language]


def _frame(order: Order, title: str, inner: str) -> web.Response:
    described = order.request["purchase_units"]["basket"][0].get("description") or ""
    page = f"""<!doctype html>
<html lang="{order.language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{html.escape(title)}</title>
<style>{STYLE}</style></head><body><header></header><main><h1>{html.escape(title)}</h1>
<p class="amount">{order.amount:.2f} {order.currency}</p><p class="what">{html.escape(str(described))}</p>
{inner}</main></body></html>"""
    return web.Response(text=page, content_type="text/html", headers={"Cache-Control": "no-store"})


def _card_form(order: Order, saved: Card | None, problem: str = "") -> web.Response:
    texts = _texts(order)
    warning = f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
    hint = f"{texts['saved']}: {saved.masked}" if saved else "4000 0000 0000 0001"
    inner = f"""{warning}<form method="post" action="/pay">
<input type="hidden" name="order_id" value="{order.id}">
<label for="card">{texts["card"]}</label>
<input type="text" id="card" name="card" inputmode="numeric" autocomplete="cc-number" placeholder="{hint}"
 {"" if saved else "required"}>
<div class="row"><div><label for="expiry">{texts["expiry"]}</label>
<input type="text" id="expiry" name="expiry" value="12/30" autocomplete="cc-exp"></div>
<div><label for="cvv">{texts["cvv"]}</label>
<input type="text" id="cvv" name="cvv" value="123" inputmode="numeric" autocomplete="cc-csc"></div></div>
<button>{texts["pay"]} {order.amount:.2f} {order.currency}</button></form>
{_wallet_form(order)}
<footer>{texts["test"]}<br><code>4000 0000 0000 0001</code> {_meaning(order, "100")}<br>
<code>4000 0000 0000 0002</code> {_meaning(order, "107")}</footer>"""
    return _frame(order, texts["title"], inner)


def _wallets(order: Order) -> list[str]:
    """The wallets that the page offers: those the merchant named, or both."""
    named = order.request.get("payment_method")
    return [wallet for wallet in WALLETS if named is None or wallet in named]


def _wallet_form(order: Order) -> str:
    buttons = "".join(
        f'<button name="method" value="{wallet}" class="quiet">{WALLETS[wallet]}</button>' for wallet in _wallets(order)
    )
    hidden = f'<input type="hidden" name="order_id" value="{order.id}">'
    return f'<form method="post" action="/pay">{hidden}{buttons}</form>' if buttons else ""


def _confirm_form(order: Order) -> web.Response:
    texts = _texts(order)
    inner = f"""<p>{texts["confirm_text"]}</p><form method="post" action="/3ds">
<input type="hidden" name="order_id" value="{order.id}">
<button name="answer" value="confirm">{texts["confirm"]}</button>
<button name="answer" value="decline" class="quiet">{texts["decline"]}</button></form>"""
    return _frame(order, texts["confirm_title"], inner)


def _over(order: Order) -> web.Response:
    texts = _texts(order)
    if order.status in ("completed", "blocked", "partial_completed"):
        text = f"<p>{texts['paid']}</p>"
    elif order.status == "rejected" and order.code:
        text = f'<p class="problem">{texts["failed"]}: {_meaning(order, order.code)}</p>'
    else:
        text = f"<p>{texts['over']}</p>"
    return _frame(order, texts["title"], text)
