"""Pages of the customer portal: subscription, cards, invoices, billing details, changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

from echodesk_billing.application.changes import Wanted, When
from echodesk_billing.application.payment_requests import Terms, page_language
from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID
from echodesk_billing.domain.catalogue.limits import MOST_SEATS
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.return_pages import Returning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.entrypoints.http import html
from echodesk_billing.entrypoints.http.calls import Page, whole_number
from echodesk_billing.entrypoints.http.contract import redirect
from echodesk_billing.entrypoints.http.forms import Session, fields
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.entrypoints.portal import links, rendering, sessions
from echodesk_billing.entrypoints.portal.rendering import STYLE
from echodesk_billing.entrypoints.portal.sessions import HOME

_S = SubscriptionState
REACTIVATED = (_S.SUSPENDED, _S.ENDED)
"""States in which a payment reactivates, and does not pay the next period."""
_Handler = Callable[[Request, UseCases], Awaitable[Response]]
_Form = dict[str, str]


class Visit:
    """One request of a customer in a session."""

    def __init__(self, request: Request, uses: UseCases, session: Session, customer: Customer) -> None:
        self.request = request
        self.uses = uses
        self.who = session.who
        self.session = session
        self.customer = customer
        self.language = sessions.language_of(request, customer.profile.language)

    @property
    def terms(self) -> Terms:
        """Payments of the portal lead back to it."""
        return Terms(returning=Returning.PORTAL, language=page_language(self.language))

    def render(self, template: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        """A page in this session."""
        shown = {"key": uuid4(), "said": self.request.query.get("said", ""), **values}
        return rendering.render(
            self.request,
            self.uses,
            template,
            language=self.language,
            session=self.session,
            status=status,
            **shown,
        )

    def to_bank(self, order: Order) -> Response:
        """The page that leads on to the bank's."""
        return rendering.to_bank(self.request, self.uses, order, language=self.language, session=self.session)


_Visitor = Callable[[Visit], Awaitable[Response]]
_Submitted = Callable[[Visit, _Form], Awaitable[Response]]


def pages() -> list[Page]:
    """The pages of the portal and of pay links, for the contract."""
    return [
        *links.pages(),
        Page(path=STYLE, handler=rendering.style),
        Page(path=HOME.rstrip("/"), handler=redirect(HOME)),
        Page(path=HOME, handler=_page(_home)),
        Page(path=f"{HOME}leave", method="POST", handler=_form(_leave)),
        Page(path=f"{HOME}pay", method="POST", handler=_form(_pay)),
        Page(path=f"{HOME}cards/add", method="POST", handler=_form(_add_card)),
        Page(path=f"{HOME}cards/{{card_id}}/default", method="POST", handler=_form(_default_card)),
        Page(path=f"{HOME}cards/{{card_id}}/remove", handler=_page(_ask_to_remove)),
        Page(path=f"{HOME}cards/{{card_id}}/remove", method="POST", handler=_form(_remove_card)),
        Page(path=f"{HOME}plan", handler=_page(_plan)),
        Page(path=f"{HOME}plan/preview", handler=_page(_preview)),
        Page(path=f"{HOME}plan", method="POST", handler=_form(_change)),
        Page(path=f"{HOME}plan/drop", method="POST", handler=_form(_drop_change)),
        Page(path=f"{HOME}cancel", handler=_page(_ask_to_cancel)),
        Page(path=f"{HOME}cancel", method="POST", handler=_form(_cancel)),
        Page(path=f"{HOME}resume", method="POST", handler=_form(_resume)),
        Page(path=f"{HOME}invoices", handler=_page(_invoices)),
        Page(path=f"{HOME}invoices/{{invoice_id}}/pdf", handler=_page(_invoice_pdf)),
        Page(path=f"{HOME}credit-notes/{{credit_note_id}}/pdf", handler=_page(_credit_note_pdf)),
        Page(path=f"{HOME}profile", handler=_page(_profile)),
        Page(path=f"{HOME}profile", method="POST", handler=_form(_change_profile)),
    ]


def _page(handler: _Visitor) -> _Handler:
    """Show a page to a customer in a session; everyone else is told to open a link; errors are messages."""

    async def serve(request: Request, uses: UseCases) -> Response:
        session = await sessions.current(request, uses)
        if session is None:
            language = sessions.language_of(request)
            return rendering.message(
                request, uses, "signed_out", "link_over_why", language=language, status=HTTPStatus.UNAUTHORIZED
            )
        visit = Visit(request, uses, session, await uses.customers.profile(session.who))
        try:
            return await handler(visit)
        except BillingError as error:
            return rendering.failure(request, uses, error, language=visit.language, session=session)
        except Refused as refused:
            return rendering.refusal(request, uses, refused, language=visit.language, session=session)

    return serve


def _form(handler: _Submitted) -> _Handler:
    """The same for changes: only with a valid CSRF token."""

    async def checked(visit: Visit) -> Response:
        form = await fields(visit.request)
        if not visit.session.is_proved(form.get("proof", "")):
            return rendering.message(
                visit.request,
                visit.uses,
                "wrong",
                "other_form",
                language=visit.language,
                status=HTTPStatus.FORBIDDEN,
            )
        return await handler(visit, form)

    return _page(checked)


async def _home(visit: Visit) -> Response:
    view = await visit.uses.views.subscription(visit.who)
    subscription, now = view.subscription, view.now
    upcoming = subscription.upcoming if subscription else None
    plan = subscription.plan_of(subscription.first_unpaid(now)) if subscription and upcoming else None
    state = subscription.state if subscription else None
    return visit.render(
        "home.html",
        subscription=subscription,
        customer=visit.customer,
        plan=view.last_plan,
        upcoming=upcoming,
        next_price=plan.price if plan else None,
        pays="reactivate" if state in REACTIVATED else "pay_now" if upcoming else "",
        is_owed=state in (_S.TRIALING, _S.PAST_DUE, _S.SUSPENDED, _S.ENDED),
        can_cancel=state in (_S.TRIALING, _S.ACTIVE, _S.PAST_DUE, _S.SUSPENDED),
        can_resume=state in (_S.CANCELLED, _S.PAUSED),
        cards=await visit.uses.cards.listed(visit.who),
    )


async def _leave(visit: Visit, _form: _Form) -> Response:
    await visit.uses.portal.leave(visit.session.secret)
    answer = rendering.message(visit.request, visit.uses, "signed_out", "link_over_why", language=visit.language)
    answer.cookies.append(sessions.closing_cookie(visit.uses))
    return answer


async def _pay(visit: Visit, form: _Form) -> Response:
    """The next period, or, where the subscription is suspended or has ended, its reactivation."""
    view = await visit.uses.views.subscription(visit.who)
    is_over = view.subscription is not None and view.subscription.state in REACTIVATED
    start = visit.uses.checkout.reactivate if is_over else visit.uses.checkout.pay_now
    order = await start(visit.who, terms=visit.terms, key=_key(form))
    return visit.to_bank(order)


async def _add_card(visit: Visit, form: _Form) -> Response:
    order = await visit.uses.cards.add(
        visit.who, automatic=True, make_default=True, key=_key(form), returning=Returning.PORTAL
    )
    return visit.to_bank(order)


async def _default_card(visit: Visit, _form: _Form) -> Response:
    await visit.uses.cards.set_default(visit.who, _number(visit, "card_id"))
    return _done(HOME, "saved")


async def _ask_to_remove(visit: Visit) -> Response:
    card_id = _number(visit, "card_id")
    cards = await visit.uses.cards.listed(visit.who)
    card = next((one for one in cards if one.id == card_id), None)
    if card is None:
        raise Refused(HTTPStatus.NOT_FOUND, "Card not found")
    return visit.render("remove_card.html", card=card)


async def _remove_card(visit: Visit, _form: _Form) -> Response:
    await visit.uses.cards.forget(visit.who, _number(visit, "card_id"))
    return _done(HOME, "saved")


async def _plan(visit: Visit) -> Response:
    view = await visit.uses.views.subscription(visit.who)
    return visit.render("plan.html", plan=view.last_plan, packages=view.catalogue.packages, most_seats=MOST_SEATS)


async def _preview(visit: Visit) -> Response:
    wanted, asked = _wanted(visit.request.query)
    changed = await visit.uses.change_plan.preview(visit.who, wanted)
    return visit.render("preview.html", before=changed.before, preview=changed.preview, asked=asked)


async def _change(visit: Visit, form: _Form) -> Response:
    wanted, _ = _wanted(form)
    changed = await visit.uses.change_plan.change(
        visit.who, wanted, When.NOW_IF_MORE_EXPENSIVE, key=_key(form), returning=Returning.PORTAL
    )
    if changed.order is None:
        return _done(HOME, "change_is_planned")
    return visit.to_bank(changed.order)


async def _drop_change(visit: Visit, _form: _Form) -> Response:
    await visit.uses.change_plan.drop_schedule(visit.who)
    return _done(HOME, "saved")


async def _ask_to_cancel(visit: Visit) -> Response:
    view = await visit.uses.views.subscription(visit.who)
    until = view.subscription.paid_until if view.subscription else None
    return visit.render("cancel.html", until=until)


async def _cancel(visit: Visit, _form: _Form) -> Response:
    await visit.uses.cancel.cancel(visit.who)
    return _done(HOME, "saved")


async def _resume(visit: Visit, _form: _Form) -> Response:
    await visit.uses.cancel.resume(visit.who)
    return _done(HOME, "saved")


async def _invoices(visit: Visit) -> Response:
    return visit.render(
        "invoices.html",
        invoices=await visit.uses.views.invoices(visit.who),
        credit_notes=await visit.uses.views.credit_notes(visit.who),
        prints=visit.uses.views.prints_invoices,
    )


async def _invoice_pdf(visit: Visit) -> Response:
    language = page_language(visit.language)
    invoice, pdf = await visit.uses.views.invoice_pdf(visit.who, _number(visit, "invoice_id"), language)
    return _file(invoice.number, pdf)


async def _credit_note_pdf(visit: Visit) -> Response:
    language = page_language(visit.language)
    note, pdf = await visit.uses.views.credit_note_pdf(visit.who, _number(visit, "credit_note_id"), language)
    return _file(note.number, pdf)


async def _profile(visit: Visit) -> Response:
    return visit.render("profile.html", profile=visit.customer.profile)


async def _change_profile(visit: Visit, form: _Form) -> Response:
    changes = {
        "legal_name": form.get("legal_name", "").strip(),
        "identification_code": form.get("identification_code", "").strip(),
        "is_vat_payer": form.get("is_vat_payer") == "yes",
        "address": form.get("address", "").replace("\r\n", "\n").strip(),
        "emails": [one.strip() for one in form.get("emails", "").split(",") if one.strip()],
        "language": form.get("mail_language", visit.language),
    }
    await visit.uses.customers.change_profile(visit.who, changes)
    return _done(f"{HOME}profile", "saved")


def _wanted(form: Mapping[str, str]) -> tuple[Wanted, _Form]:
    """The new selection that a form asks for, and the form's fields."""
    package, seats = form.get("package_id", "").strip(), form.get("seats", "").strip()
    package_id = whole_number(package, "package_id", LARGEST_ID) if package else None
    number = whole_number(seats, "seats", MOST_SEATS) if seats else None

    def wanted(has: Selection) -> Selection:
        return has.changed(package_id=package_id, seats=number or None)

    return wanted, {"package_id": package, "seats": seats}


def _number(visit: Visit, name: str) -> int:
    try:
        return whole_number(visit.request.parameters[name], name)
    except Refused:
        raise Refused(HTTPStatus.NOT_FOUND, "Not found") from None


def _key(form: _Form) -> str | None:
    """The key in the form, so that submitting it twice does its work once."""
    try:
        return str(UUID(form.get("key", "")))
    except ValueError:
        return None


def _done(where: str, said: str) -> Response:
    return html.go(f"{where}?{urlencode({'said': said})}")


def _file(name: str, pdf: bytes) -> Response:
    return Response(
        body=pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{quote(name, safe="")}.pdf"'},
    )
