"""Mails from templates: one text file for each kind and language, and one HTML layout around all of them.

A template begins with `Subject: …`. Paragraphs are divided by empty lines; a paragraph `[label](address)` is a button,
and is left out where it has no address. A folder of the operator's own comes before the templates of the package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import jinja2
from attrs import frozen

from echodesk_billing.domain.customers.wording import day, moment_in
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.notifications.mail import MailKind
from echodesk_billing.domain.orders.response_codes import response_code
from echodesk_billing.ports.mailer import WrittenMail

PACKAGED = Path(__file__).parent.parent.parent / "data" / "mails"
_BUTTON = re.compile(r"\[([^\]]+)\]\((\S*)\)")


class TemplateBroken(BillingError):
    """A template cannot be used; the message names its file."""


@frozen
class Part:
    """A paragraph, or a button where it has an address."""

    text: str
    url: str = ""


class MailTemplates:
    """Writes mails.

    Args:
        folder: of templates that replace those of the package, as `<language>/<kind>.txt` or `layout.html`.
        time_zone: of the days in mails.
    """

    def __init__(self, folder: str = "", time_zone: str = "Asia/Tbilisi") -> None:
        folders = [*([folder] if folder else []), str(PACKAGED)]
        self._time_zone = time_zone
        self._texts = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folders),
            autoescape=False,  # noqa: S701 - plain text; the layout escapes
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folders), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )

    def write(self, kind: MailKind, language: str, facts: Mapping[str, str]) -> WrittenMail:
        """The subject, text and HTML of a mail.

        Raises:
            TemplateBroken: a template of the folder is not usable.
        """
        name = f"{'en' if kind.is_for_operators else language}/{kind}.txt"
        first, _, rest = self._rendered(name, language, facts).partition("\n")
        subject = " ".join(first.removeprefix("Subject:").split())
        if not first.startswith("Subject:") or not subject:
            raise TemplateBroken(f"The mail template {name} must begin with a line Subject: …")
        body, footer = _parts(rest), []
        if not kind.is_for_operators:
            footer = _parts(self._rendered(f"{language}/footer.txt", language, facts))
        text = "\n\n".join(_plain(part) for part in [*body, Part("--"), *footer])
        try:
            html = self._pages.get_template("layout.html").render(
                subject=subject, language=language, body=body, footer=footer
            )
        except jinja2.TemplateError as error:
            raise TemplateBroken(f"The mail template layout.html cannot be used: {error}") from error
        return WrittenMail(subject=subject, text=text + "\n", html=html)

    def _rendered(self, name: str, language: str, facts: Mapping[str, str]) -> str:
        filters = {
            "day": lambda text: day(datetime.fromisoformat(text), language, self._time_zone) if text else "",
            "moment": lambda text: moment_in(datetime.fromisoformat(text), language, self._time_zone) if text else "",
            "advice": lambda code: response_code(code).message(language) if code else "",
        }
        texts = self._texts.overlay()
        texts.filters = {**self._texts.filters, **filters}
        try:
            return texts.get_template(name).render(**facts).strip()
        except jinja2.TemplateError as error:
            raise TemplateBroken(f"The mail template {name} cannot be used: {error}") from error
        except ValueError as error:
            raise TemplateBroken(f"The mail template {name} cannot be used: {error}") from error


def _parts(text: str) -> list[Part]:
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())
    found = []
    for paragraph in paragraphs:
        button = _BUTTON.fullmatch(paragraph)
        if button is None:
            found.append(Part(paragraph))
        elif button[2]:
            found.append(Part(button[1], button[2]))
    return found


def _plain(part: Part) -> str:
    return f"{part.text}: {part.url}" if part.url else part.text
