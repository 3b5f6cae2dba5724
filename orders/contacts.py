"""How a buyer can be reached: checked, kept as typed, and counted alike in every spelling."""

from collections.abc import Callable, Mapping
from typing import Any

import phonenumbers
from django.conf import settings
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

from config.errors import InvalidField
from config.hashing import hash_secret

MAX_EMAIL_LENGTH = 254
# A number with its extension, as people write it.
MAX_PHONE_LENGTH = 40
CONTACT_MARK = "contact:"


def read_contact(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contact with its email and phone trimmed; raises InvalidField for wrong ones.

    An address may have a mailbox or a domain of any script. A number without a country code is one
    of ORDER_PHONE_REGION, and may have an extension. Nobody checks that it exists.
    """
    contact = dict(details)
    for name, check in _CHECKS.items():
        value = contact.get(name)
        if isinstance(value, str):
            value = contact[name] = value.strip()
        if value not in (None, ""):
            check(value)
    return contact


def can_be_reached(contact: Mapping[str, Any] | None) -> bool:
    """Tell whether there is an address or a number."""
    return contact is not None and bool(contact.get("email") or contact.get("phone"))


def list_contact_marks(contact: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the hashes that a checked contact is counted by, the same for every spelling.

    An extension, or what follows a "+" in a mailbox, does not make it another contact.
    """
    marks = []
    if contact is not None and contact.get("email"):
        parsed = _parse_email(contact["email"])
        mailbox = parsed.local_part.partition("+")[0].casefold()
        marks.append(_mark(f"email:{mailbox}@{parsed.domain}"))
    if contact is not None and contact.get("phone"):
        number = phonenumbers.format_number(_parse_phone(contact["phone"]), PhoneNumberFormat.E164)
        marks.append(_mark(f"phone:{number}"))
    return tuple(marks)


def _mark(text: str) -> str:
    return f"{CONTACT_MARK}{hash_secret(text)}"


def _parse_email(value: Any) -> ValidatedEmail:
    try:
        if not isinstance(value, str) or len(value) > MAX_EMAIL_LENGTH:
            raise EmailNotValidError("not an address")
        return validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        raise InvalidField(field="contact.email", reason="must be an email address") from error


def _parse_phone(value: Any) -> PhoneNumber:
    refusal = InvalidField(field="contact.phone", reason="must be a phone number")
    if not isinstance(value, str) or len(value) > MAX_PHONE_LENGTH:
        raise refusal
    try:
        number = phonenumbers.parse(value, settings.ORDER_PHONE_REGION)
    except NumberParseException as error:
        raise refusal from error
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise refusal
    return number


_CHECKS: dict[str, Callable[[Any], object]] = {"email": _parse_email, "phone": _parse_phone}
