"""The shapes in the documentation: their limits are the settings', their fields the answers'."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.test import override_settings
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers

from carts.api import examples
from carts.api import serializers as shapes


def name_fields(shape: Any) -> Any:
    """Return the names of a shape's fields, with those within them; None where nothing is."""
    if isinstance(shape, serializers.ListSerializer):
        return [name_fields(shape.child)]
    if isinstance(shape, serializers.Serializer):
        return {name: name_fields(field) for name, field in shape.fields.items()}
    return None


def name_members(value: Any, shape: Any) -> Any:
    """Return the names of an answer's members as deep as the shape names them.

    What is empty is taken for what the shape names.
    """
    if value is None:
        return shape
    if isinstance(shape, list):
        return [name_members(value[0], shape[0])] if value else shape
    if isinstance(shape, Mapping):
        return {name: name_members(each, shape.get(name)) for name, each in value.items()}
    return None


@pytest.mark.parametrize(
    ("shape", "example"),
    [
        (shapes.CartResponse(), examples.CART),
        (shapes.ListedCartResponse(), examples.ADDED_CART),
        (shapes.MergedCartResponse(), examples.MERGED_CART),
        (shapes.CartSummary(), examples.SUMMARY),
        (shapes.CartValidation(), examples.VALIDATION),
    ],
)
def test_a_shape_names_every_field_of_its_example_and_no_other(shape: Any, example: Any) -> None:
    """The examples are what is answered, as the tests of the documentation show."""
    fields = name_fields(shape)

    assert name_members(example, fields) == fields


@override_settings(CART_MAX_UNITS_PER_LINE=7, CART_MAX_BATCH=5)
def test_the_limits_of_bodies_are_those_of_the_settings() -> None:
    schema: Any = SchemaGenerator
    bodies = schema().get_schema(request=None, public=True)["components"]["schemas"]

    assert bodies["AdditionBody"]["properties"]["quantity"]["maximum"] == 7
    assert bodies["ItemIdsBody"]["properties"]["itemIds"]["maxItems"] == 5


@override_settings(IDEMPOTENCY_HOURS=11)
def test_the_life_of_a_key_is_that_of_the_settings() -> None:
    schema: Any = SchemaGenerator
    parameters = schema().get_schema(request=None, public=True)["paths"]["/api/cart"]["post"]
    [key] = [each for each in parameters["parameters"] if each.get("name") == "Idempotency-Key"]

    assert "safe for 11 hours" in key["description"]
