"""The API against its own schema: no undocumented status, no 5xx, answers of the shape promised."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import schemathesis
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from config.wsgi import application
from products.models import PurchaseTally, Sku
from tests.accounts.programs import Program, new_program
from tests.carts.api.test_store_down import without_store
from tests.carts.shopper import Shopper, addition_of, new_guest, new_user
from tests.factories import SkuFactory

# The application looks at its connection before each request, and would close one in a transaction.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_no_limits"),
]

EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

SCHEMA = schemathesis.openapi.from_wsgi("/api/schema", application)
OPERATIONS: dict[str, Any] = {
    operation.label: operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())  # type: ignore[union-attr]
}

load_all_checks()
NO_FAILURE: Any = CHECKS.get_one("not_a_server_error")
DOCUMENTED: list[Any] = [
    CHECKS.get_one(name)
    for name in (
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]


def call(label: str, shopper: Shopper, **parts: Any) -> int:
    """Make a call and check its answer against the schema; return its status."""
    case = OPERATIONS[label].Case(**parts)
    response = case.call_and_validate(headers=shopper.headers, checks=DOCUMENTED)
    return int(response.status_code)


# These take nothing that could be sent wrongly.
CANNOT_BE_WRONG = {"POST /api/auth/guest", "GET /api/products/{product_id}"}


def _new_shopper(make: Callable[[], Shopper]) -> Shopper:
    shopper = make()
    shopper.add(SkuFactory.create())
    return shopper


def _new_guest() -> Shopper:
    return _new_shopper(new_guest)


# By what a call demands to know of who calls; a guest makes all others.
CALLERS: Mapping[str, Callable[[], Shopper | Program]] = {
    "[{'bearer': []}]": lambda: _new_shopper(new_user),
    "[{'serviceKey': []}]": new_program,
}
WAYS = [
    *((label, GenerationMode.POSITIVE) for label in OPERATIONS),
    *((label, GenerationMode.NEGATIVE) for label in OPERATIONS if label not in CANNOT_BE_WRONG),
]


@pytest.mark.parametrize(("label", "mode"), WAYS)
def test_whatever_is_sent_the_answer_is_documented(label: str, mode: GenerationMode) -> None:
    caller = CALLERS.get(str(OPERATIONS[label].definition.raw.get("security")), _new_guest)()

    @EXAMPLES
    @given(case=OPERATIONS[label].as_strategy(mode))
    def run(case: Any) -> None:
        # Credentials made up by the generator would only ever show one refusal.
        for name in ("X-Guest-ID", "Authorization"):
            case.headers.pop(name, None)
        case.call_and_validate(headers=caller.headers, checks=[NO_FAILURE, *DOCUMENTED])

    run()


@pytest.mark.parametrize("make", [new_guest, new_user], ids=["guest", "user"])
def test_answers_to_reading_and_changing_a_cart_are_as_documented(make: Any) -> None:
    shopper = make()
    sku, other = SkuFactory.create_batch(2, price="5.00", original_price="9.00")
    cart_id = shopper.cart()["id"]
    line = {"item_id": f"{cart_id}_{sku.id}"}
    update = {"itemId": line["item_id"], "selected": False}
    removal = {"itemIds": [f"{cart_id}_{other.id}"]}

    statuses = [
        call("GET /api/cart", shopper),
        call("POST /api/cart", shopper, body=addition_of(sku, 2)),
        call("POST /api/cart/batch", shopper, body={"items": [addition_of(other)]}),
        call("PUT /api/cart/item/{item_id}", shopper, path_parameters=line, body={"quantity": 3}),
        call("PUT /api/cart/batch", shopper, body={"items": [update]}),
        call("PUT /api/cart/selection", shopper, body={"all": True, "selected": True}),
    ]
    Sku.objects.filter(pk=sku.pk).update(price="7.00", purchase_limit=2)
    Sku.objects.filter(pk=other.pk).update(stock=0)
    statuses += [
        call("GET /api/cart", shopper),
        call("GET /api/cart/summary", shopper),
        call("GET /api/cart/validate", shopper),
        call("POST /api/cart/acknowledge", shopper, body={}),
        call("DELETE /api/cart/item/{item_id}", shopper, path_parameters=line),
        call("DELETE /api/cart/batch", shopper, body=removal),
        call("DELETE /api/cart/clear", shopper),
    ]

    assert statuses == [200] * 13


def test_answers_to_refused_calls_are_as_documented() -> None:
    guest, stranger = new_guest(), new_guest()
    sku = SkuFactory.create(stock=2)
    item = {"item_id": stranger.add(sku)["items"][0]["id"]}
    missing = {"item_id": f"{guest.add(sku)['id']}_nothing"}
    batch = {"items": [addition_of(sku), addition_of(sku, 2)]}
    one = {"quantity": 1}
    stale = {"If-Match": '"1-0"'}
    key = {"Idempotency-Key": "once"}

    statuses = [
        call("POST /api/cart", guest, body=addition_of(sku, 2)),
        call("POST /api/cart", guest, body=addition_of(sku), headers=stale),
        call("POST /api/cart", guest, body=addition_of(sku), headers=key),
        call("POST /api/cart", guest, body=addition_of(sku), headers=key),
        call("POST /api/cart", guest, body=addition_of(sku, 2), headers=key),
        call("POST /api/cart/batch", guest, body=batch),
        call("PUT /api/cart/item/{item_id}", guest, path_parameters=item, body=one),
        call("PUT /api/cart/item/{item_id}", guest, path_parameters=missing, body=one),
        call("POST /api/cart/merge", guest, body={"guestSessionId": stranger.owner_id}),
        call("GET /api/cart", Shopper("", {})),
        call("GET /api/cart", Shopper("", {"Authorization": "Bearer dead"})),
        call("GET /api/cart", guest, headers={"If-None-Match": "*"}),
    ]

    assert statuses == [409, 412, 200, 200, 422, 400, 403, 404, 401, 400, 401, 304]


def test_the_answer_to_a_merge_is_as_documented() -> None:
    guest, user = new_guest(), new_user()
    capped, skipped, both = (
        SkuFactory.create(),
        SkuFactory.create(purchase_limit=1),
        SkuFactory.create(),
    )
    for sku in (capped, skipped, both):
        guest.add(sku)
    user.add(both)
    Sku.objects.filter(pk=capped.pk).update(stock=0)
    PurchaseTally.objects.create(sku=skipped, buyer=f"user:{user.owner_id}", units=1)
    Sku.objects.filter(pk=both.pk).update(stock=1)

    status = call("POST /api/cart/merge", user, body={"guestSessionId": guest.owner_id})

    assert status == 200


@override_settings(RATE_LIMIT_CART_WRITES=1)
def test_answers_over_a_limit_and_without_a_store_are_as_documented() -> None:
    guest = new_guest()
    guest.add(SkuFactory.create())

    limited = call("DELETE /api/cart/clear", guest)
    with without_store():
        down = call("GET /api/cart", guest)

    assert (limited, down) == (429, 503)
