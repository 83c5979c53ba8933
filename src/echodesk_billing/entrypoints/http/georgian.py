"""Error messages in Georgian. The English sentence is the key, with its values in braces."""

from __future__ import annotations

import functools
import re
from http import HTTPStatus

_SENTENCES = {
    # Subscriptions and changes of plan.
    "No active subscription found": "აქტიური გამოწერა ვერ მოიძებნა",
    "No scheduled change found": "დაგეგმილი ცვლილება ვერ მოიძებნა",
    "the subscription of {tenant} is {state}: {event} is not possible in this state": (
        "გამოწერის მდგომარეობაა „{state}“: მოთხოვნილი მოქმედება ({event}) ამ დროს შეუძლებელია"
    ),
    "order {order} is {state}: {event} is not possible in this state": (
        "გადახდის ({order}) მდგომარეობაა „{state}“: მოთხოვნილი მოქმედება ({event}) ამ დროს შეუძლებელია"
    ),
    "{subject}: a trial comes before everything else, once": (
        "საცდელი პერიოდი მხოლოდ ერთხელ და სხვა ყველაფერზე ადრე იწყება"
    ),
    "{subject} is {state}: {event} is not possible in this state": (
        "მოთხოვნილი მოქმედება ({event}) შეუძლებელია: მდგომარეობაა „{state}“"
    ),
    "{plan} costs no more than the running plan: change from the next period instead": (
        "„{plan}“ მოქმედ გეგმაზე ძვირი არ არის: ცვლილება შემდეგი პერიოდიდან დაგეგმეთ"
    ),
    "The subscription runs in {currency}: a change keeps the currency": (
        "გამოწერის ვალუტაა {currency}: ცვლილებისას ვალუტა იგივე რჩება"
    ),
    "{plan} with the same seats is already in force": "„{plan}“ იმავე რაოდენობით უკვე მოქმედებს",
    "{plan} with the same seats is already in force or scheduled": (
        "„{plan}“ იმავე რაოდენობით უკვე მოქმედებს ან დაგეგმილია"
    ),
    "{day} is too far off: a change holds within {days} days": (
        "{day} ძალიან შორს არის: ცვლილება უნდა ამოქმედდეს {days} დღის განმავლობაში"
    ),
    "The plan is complimentary: nothing has to be paid": "ეს გეგმა უფასოდ გაქვთ: გადახდა საჭირო არ არის",
    "There is no coupon {code}": "კუპონი „{code}“ არ არსებობს",
    "The coupon {code} has expired": "კუპონს „{code}“ ვადა გაუვიდა",
    "The coupon {code} has been used up": "კუპონი „{code}“ ამოიწურა",
    "The coupon {code} was used before: each customer can use it once": (
        "კუპონი „{code}“ უკვე გამოიყენეთ: მისი გამოყენება მხოლოდ ერთხელ შეიძლება"
    ),
    "The coupon {code} is not for this choice": "კუპონი „{code}“ ამ არჩევანზე არ მოქმედებს",
    "A coupon is redeemed with a payment, and this change begins later: leave the coupon out": (
        "კუპონი გადახდისას მოქმედებს, ეს ცვლილება კი მოგვიანებით იწყება: გაგზავნეთ კუპონის გარეშე"
    ),
    "There are no trials": "საცდელი პერიოდი არ არის",
    "the subscription of {tenant} is {state}: a trial comes before everything else, once": (
        "საცდელი პერიოდი მხოლოდ ერთხელ და სხვა ყველაფერზე ადრე იწყება; გამოწერის მდგომარეობაა „{state}“"
    ),
    "This subscription is paid in {currency} until {day}. Pay in {same}, or wait until then to switch currency": (
        "გამოწერა {day}-მდე გადახდილია ვალუტაში {currency}. გადაიხადეთ იმავე ვალუტაში, ან ვალუტა მერე შეცვალეთ"
    ),
    # What is chosen.
    "Choose a package, one or more features, or both": "აირჩიეთ პაკეტი, ერთი ან მეტი ფუნქცია, ან ორივე",
    "Choose from {fewest} to {most} seats, not {seats}": "აირჩიეთ {fewest}-დან {most}-მდე აგენტი და არა {seats}",
    "Choose from {fewest} to {most} months, not {months}": "აირჩიეთ {fewest}-დან {most}-მდე თვე და არა {months}",
    "{name} has at least {fewest} seats, not {seats}": "„{name}“: სულ ცოტა {fewest} აგენტი და არა {seats}",
    "A set of features has at least {fewest} seats, not {seats}": "აირჩიეთ სულ ცოტა {fewest} აგენტი და არა {seats}",
    "{name} has at most {most} seats, not {seats}": "„{name}“: არა უმეტეს {most} აგენტისა; მოთხოვნილია {seats}",
    "A set of features has at most {most} seats, not {seats}": "აირჩიეთ არა უმეტეს {most} აგენტისა და არა {seats}",
    "{name} is sold in steps of {step} seats, so {seats} is not possible": (
        "„{name}“: აგენტების რაოდენობა {step}-ის ჯერადი უნდა იყოს; {seats} შეუძლებელია"
    ),
    "A set of features is sold in steps of {step} seats, so {seats} is not possible": (
        "აგენტების რაოდენობა {step}-ის ჯერადი უნდა იყოს; {seats} შეუძლებელია"
    ),
    "{feature} is already part of the subscription": "„{feature}“ უკვე შედის გამოწერაში",
    "{feature} is already part of the package {package}": "„{feature}“ უკვე შედის პაკეტში „{package}“",
    "{feature} is not part of the subscription": "„{feature}“ გამოწერაში არ შედის",
    "{feature} is the last feature. A subscription has at least one: cancel it instead": (
        "„{feature}“ ბოლო ფუნქციაა. გამოწერაში ერთი მაინც უნდა დარჩეს: სანაცვლოდ გააუქმეთ გამოწერა"
    ),
    "{feature} is part of every subscription and cannot be removed": (
        "„{feature}“ ყველა გამოწერის ნაწილია და ვერ მოიხსნება"
    ),
    "This selection costs nothing: choose at least one feature with a price": (
        "არჩეული უფასოა: აირჩიეთ ერთი მაინც ფასიანი ფუნქცია"
    ),
    "{what} is not sold for {months} months at a time in {currency}": (
        "{what} არ იყიდება {months} თვით, ვალუტაში {currency}"
    ),
    "{what} has no price in {currency}; currencies: {currencies}": (
        "{what} არ იყიდება ვალუტაში {currency}; ვალუტები: {currencies}"
    ),
    "There is no package {package}; packages: {packages}": "პაკეტი {package} არ არსებობს; პაკეტები: {packages}",
    "There is no feature {feature}; features: {features}": "ფუნქცია {feature} არ არსებობს; ფუნქციები: {features}",
    "There is no feature {feature}": "ფუნქცია {feature} არ არსებობს",
    "{text} is not a date: give YYYY-MM-DD": "{text} თარიღი არ არის: მიუთითეთ YYYY-MM-DD",
    # Payments, cards, invoices.
    "Payment not found": "გადახდა ვერ მოიძებნა",
    "Saved card not found": "შენახული ბარათი ვერ მოიძებნა",
    "Invoice not found": "ინვოისი ვერ მოიძებნა",
    "This link has expired: open the list of invoices again and use the new link there": (
        "ბმულს ვადა გაუვიდა: ხელახლა გახსენით ინვოისების სია და გამოიყენეთ ახალი ბმული"
    ),
    "order {order} has {left} {what}, not {asked}": "მოთხოვნილია {asked}, დარჩენილია კი მხოლოდ {left} ({order})",
    "the amount {purpose} is {amount}: it must be more than zero": "თანხა ნულზე მეტი უნდა იყოს, არა {amount}",
    "{amount} has more than two decimals": "თანხას ({amount}) ორზე მეტი ათწილადი აქვს",
    "{amount} is out of range for money": "თანხა ({amount}) დაშვებულ ფარგლებს სცდება",
    "{amount} is not an amount of money": "{amount} თანხა არ არის",
    "{amount} is not a decimal number": "{amount} რიცხვი არ არის",
    "{currency} is not one of {currencies}": "{currency} არ არის ერთ-ერთი: {currencies}",
    "This refund was asked for {known}, not {amount}": "ეს დაბრუნება {known}-ზე მოითხოვეს და არა {amount}-ზე",
    "This key was used for order {order}, which is for another plan": (
        "ეს გასაღები სხვა გეგმის გადახდისთვის ({order}) გამოიყენეს"
    ),
    "Describe what you found and did": "აღწერეთ, რა აღმოაჩინეთ და რა გააკეთეთ",
    "A pre-authorisation cannot save a card that is charged automatically, because the bank would only hold the money "
    "of each charge: save it as recurrent, or not at all": (
        "პრეავტორიზაციისას ავტომატურად ჩამოსაჭრელი ბარათის შენახვა არ შეიძლება: ბანკი ყოველ თანხას მხოლოდ დააკავებდა"
    ),
    # Registration and billing profile.
    "The name {name} is taken: choose another": "სახელი {name} დაკავებულია: აირჩიეთ სხვა",
    "{name} is not a tenant's id: give {rule}": (
        "{name} არ გამოდგება: 1-დან 63-მდე პატარა ლათინური ასო, ციფრი, _ ან -; პირველი ასო ან ციფრი უნდა იყოს"
    ),
    "{name} is a reserved name, not a tenant's id": "სახელი {name} დაკავებულია: აირჩიეთ სხვა",
    "{name} is not a subdomain: give {rule}": (
        "{name} არ გამოდგება სუბდომენად: 1-დან 63-მდე პატარა ლათინური ასო, ციფრი ან შიგნით დეფისი"
    ),
    "{name} is a reserved name, not a subdomain": "სახელი {name} დაკავებულია: აირჩიეთ სხვა",
    "{text} is not an e-mail address": "{text} ელფოსტის მისამართი არ არის",
    "{text} is not a language here: give {languages}": "{text} ენა არ არის: აირჩიეთ {languages}",
    "{field}: give at most {longest} printable characters": "{field}: არა უმეტეს {longest} ნიშნისა",
    "{code} is not an identification code: {rule}": (
        "{code} საიდენტიფიკაციო კოდი არ არის: კომპანიისთვის 9 ციფრი, პირისთვის 11"
    ),
    "Invoices go to at most {most} addresses": "ინვოისი არა უმეტეს {most} მისამართზე იგზავნება",
    "Only {provider} is possible here": "აქ მხოლოდ {provider} გამოიყენება",
    "Give the company's name, as company_name or name": "მიუთითეთ კომპანიის სახელი (company_name ან name)",
    "Give a subdomain as domain, or an id as schema_name": "მიუთითეთ სუბდომენი (domain) ან ID (schema_name)",
    "Customer not found: a tenant becomes one with its first payment": (
        "მომხმარებელი ვერ მოიძებნა: ის პირველი გადახდის შემდეგ ჩნდება"
    ),
    # The request.
    "A valid token is needed: send {how}": "საჭიროა მოქმედი ტოკენი: გაგზავნეთ {how}",
    "This token does not allow that: it needs the scope {scope}": "ამ ტოკენს ამის უფლება არ აქვს: საჭიროა {scope}",
    # Webhooks and links.
    "Give an address of at most {most} characters": "მისამართში არა უმეტეს {most} სიმბოლო უნდა იყოს",
    "There are {most} endpoints already: disable one": "უკვე არის {most} მისამართი: ერთი გამორთეთ",
    "Another test is running: wait until it ends": "სხვა შემოწმება მიმდინარეობს: დაელოდეთ მის დასრულებას",
    "There are more than {most} events: give a later moment": "მოვლენა {most}-ზე მეტია: მიუთითეთ უფრო გვიანი დრო",
    "{endpoint} is disabled: enable it first": "{endpoint} გამორთულია: ჯერ ჩართეთ",
    "There is no event {name}: see the list of events in the docs": "მოვლენა {name} არ არსებობს",
    "{url} is not an address such as https://crm.example.ge/billing": "{url} მისამართი არ არის",
    "{url}: webhooks go to https:// only": "{url}: მისამართი https://-ით უნდა იწყებოდეს",
    "{url} is in a private network, which webhooks do not reach": "{url} შიდა ქსელშია: იქ არაფერი იგზავნება",
    "Webhook endpoint not found": "მისამართი ვერ მოიძებნა",
    "This link is not valid any more": "ბმული აღარ მოქმედებს",
    "Nothing is at this address": "ამ მისამართზე არაფერია",
    "This address does not take this method": "ამ მისამართზე ეს მეთოდი არ გამოიყენება",
    "Send the body as application/json": "მონაცემები გაგზავნეთ როგორც application/json",
    "The body is not JSON: {problem}": "მონაცემები JSON არ არის: {problem}",
    "The body is larger than 64 KiB": "მონაცემები 64 KiB-ს აჭარბებს",
    "{name}: give a whole number from {least} to {most}": "{name}: მიუთითეთ მთელი რიცხვი {least}-დან {most}-მდე",
    "{field}: Expected {expected}, got {given}": "{field}: საჭიროა {expected} და არა {given}",
    "{field}: Expected {expected}": "{field}: საჭიროა {expected}",
    "{field}: Invalid enum value {value}": "{field}: მნიშვნელობა {value} დაუშვებელია",
    "{field}: Object missing required field {missing}": "აკლია ველი {missing}",
    "Idempotency-Key must be 1 to {longest} printable characters": "Idempotency-Key: 1-დან {longest}-მდე ნიშანი",
    "This Idempotency-Key was used for another request": "ეს Idempotency-Key სხვა მოთხოვნისთვის გამოიყენეს",
    "A request with this Idempotency-Key is in progress": "მოთხოვნა ამ Idempotency-Key-ით უკვე მუშავდება",
    "Too many calls: at most {limit}. Try again in {seconds} s": "ძალიან ბევრი მოთხოვნა. სცადეთ {seconds} წამში",
    "Overloaded: {count} requests are in progress. Try again in a second": "სისტემა დატვირთულია. სცადეთ ერთ წამში",
}

_BY_STATUS = {
    HTTPStatus.BAD_REQUEST: "მოთხოვნა არასწორია",
    HTTPStatus.UNAUTHORIZED: "საჭიროა მოქმედი ტოკენი",
    HTTPStatus.FORBIDDEN: "ამის უფლება არ გაქვთ",
    HTTPStatus.NOT_FOUND: "ვერ მოიძებნა",
    HTTPStatus.METHOD_NOT_ALLOWED: "ეს მეთოდი არ გამოიყენება",
    HTTPStatus.REQUEST_TIMEOUT: "მონაცემები დროულად არ მოვიდა",
    HTTPStatus.CONFLICT: "ამ მდგომარეობაში ეს შეუძლებელია",
    HTTPStatus.GONE: "ვადა გავიდა",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "მონაცემები ძალიან დიდია",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "მონაცემების ტიპი არასწორია",
    HTTPStatus.UNPROCESSABLE_ENTITY: "მოთხოვნის შესრულება შეუძლებელია",
    HTTPStatus.TOO_MANY_REQUESTS: "ძალიან ბევრი მოთხოვნა. სცადეთ მოგვიანებით",
    HTTPStatus.INTERNAL_SERVER_ERROR: "შიდა შეცდომა. სცადეთ მოგვიანებით",
    HTTPStatus.BAD_GATEWAY: "ბანკმა გადახდის გვერდი ვერ მოგვცა. სცადეთ მოგვიანებით",
    HTTPStatus.SERVICE_UNAVAILABLE: "ბანკთან დაკავშირება ვერ ხერხდება. სცადეთ მოგვიანებით",
    HTTPStatus.GATEWAY_TIMEOUT: "ბანკმა დროულად არ გვიპასუხა. გადახდის შედეგს ვარკვევთ",
}


def title(status: HTTPStatus) -> str:
    """The title of a problem with this status."""
    return _BY_STATUS.get(status, status.phrase)


def sentence(english: str) -> str | None:
    """An English error message in Georgian; None where it has no translation."""
    for pattern, georgian in _patterns():
        if found := pattern.fullmatch(english):
            return georgian.format(**found.groupdict())
    return None


def translated(english: str, status: HTTPStatus) -> str:
    """An English error message in Georgian; where it has no translation, what its status means."""
    return sentence(english) or title(status)


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Longer keys first, so that the more specific one wins."""
    ordered = sorted(_SENTENCES, key=len, reverse=True)
    return tuple((_pattern(english), _SENTENCES[english]) for english in ordered)


def _pattern(english: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", english)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if number % 2 else re.escape(part) for number, part in enumerate(parts)), re.DOTALL
    )
