"""Columns of the catalogue that hold JSON or ids: how they are kept, and what they may hold."""

import json
import re
from functools import partial
from itertools import chain
from typing import Any, TypeGuard

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _
from psycopg.types.json import Json

from products.bounds import NAME_LENGTH, is_id

_HALVES = re.compile("[\ud800-\udfff]")
# BCP 47, as far as shops use it: "en", "zh-Hant", "pt-BR".
LANGUAGE_TAG = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


class JSONType(models.Func):
    """The type of a JSON value by name: "array", "object", ..."""

    template = "jsonb_typeof((%(expressions)s)::jsonb)"
    output_field = models.TextField()


class HasOtherThanTexts(models.Func):
    """Whether `members`, a strict JSON path, finds anything but texts in a JSON value."""

    template = (
        "jsonb_path_exists((%(expressions)s)::jsonb,"
        """ 'strict %(members)s ? (@.type() != "string")', '{}', true)"""
    )
    output_field = models.BooleanField()


class HasOtherThanObjects(HasOtherThanTexts):
    """Whether `members` finds anything but objects."""

    template = HasOtherThanTexts.template.replace("string", "object")


class OrderedJSONField(models.JSONField):
    """JSON kept as it was written, where the base class sorts the members of objects."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "json"

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        adapted = super().get_db_prep_value(value, connection, prepared)
        # Kept as written, so written as short as can be.
        return Json(adapted.obj, dumps=partial(json.dumps, ensure_ascii=False))

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        # The driver has read this type already.
        return value


def validate_id(value: str) -> None:
    """Refuse an id that the API would not accept."""
    if not is_id(value):
        raise ValidationError(_("An id has letters a to z, digits and hyphens alone."))


def validate_image_urls(value: Any) -> None:
    """Refuse what is not a list of http(s) URLs or absolute paths."""
    if not isinstance(value, list):
        raise ValidationError(_("Enter a JSON list of image URLs."))
    for url in value:
        if not is_image(url):
            raise ValidationError(_("Every image must be an http(s) URL or a path like /static/…"))


def validate_attributes(value: Any) -> None:
    """Refuse what is not an object of texts, such as {"颜色": "白"}."""
    if not isinstance(value, dict) or not all(map(is_text, chain(*value.items()))):
        raise ValidationError(_('Enter a JSON object of texts, such as {"颜色": "白"}.'))


def validate_translations(value: Any) -> None:
    """Refuse what is not {"en": {"name": …, "description": …, "attributes": {…}}}, all texts."""
    if not isinstance(value, dict) or not all(
        map(_is_translation, *zip(*value.items(), strict=True))
    ):
        raise ValidationError(
            _('Enter a JSON object by language, such as {"en": {"name": "Cup"}}.')
        )


def validate_code(value: str) -> None:
    """Refuse a SKU's code that has control characters, or spaces around it."""
    if not value.isprintable() or value != value.strip():
        raise ValidationError(_("A code has no control characters, and no spaces around it."))


def _is_translation(language: Any, texts: Any) -> bool:
    if not isinstance(texts, dict) or not LANGUAGE_TAG.fullmatch(language):
        return False
    attributes = texts.get("attributes", {})
    plain = [texts[name] for name in ("name", "description") if name in texts]
    return (
        texts.keys() <= {"name", "description", "attributes"}
        and isinstance(attributes, dict)
        and all(map(is_text, [*plain, *chain(*attributes.items())]))
        and 0 < len(texts.get("name", "-")) <= NAME_LENGTH
    )


def is_image(value: Any) -> TypeGuard[str]:
    """Tell whether a JSON value is an http(s) URL or an absolute path."""
    return is_text(value) and value.startswith(("https://", "http://", "/"))


def is_text(value: Any) -> TypeGuard[str]:
    """Tell whether a JSON value is text that can be kept: no NUL, and no half of a character."""
    return isinstance(value, str) and "\0" not in value and not _HALVES.search(value)
