"""POST /api/orders/webhooks/payment."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils import timezone

from config.notation import MAX_CENTS
from orders.lifecycle import pay_order
from orders.models import Order, OrderEvent, Payment
from tests.carts.shopper import Shopper, read_refusal, summary_of
from tests.factories import SkuFactory
from tests.orders.buying import buy
from tests.products.rows import read_stock, read_tallies

pytestmark = pytest.mark.django_db

PATH = "/api/orders/webhooks/payment"
SECRET = "whsec-Zx81k2"
REFUSED = (401, "invalid_signature", "Invalid signature")
REUSED = (409, "payment_event_reused", "This event id was used for another payment")
GREATEST = Decimal(MAX_CENTS) / 100


@pytest.fixture(autouse=True)
def _secret() -> Iterator[None]:
    with override_settings(PAYMENT_WEBHOOK_SECRET=SECRET):
        yield


@pytest.fixture
def order(user: Shopper) -> Any:
    """A pending order of 2 units, 20.00 in all; 3 units are left."""
    return buy(user, SkuFactory.create(price="10.00", stock=5), 2)


def event_for(order: Any, **fields: Any) -> dict[str, Any]:
    event = {
        "id": "evt-1",
        "type": "payment.succeeded",
        "orderId": order["id"],
        "amount": order["totalAmount"],
        "currency": "CNY",
    }
    return event | fields


def sign(body: bytes, *, secret: str = SECRET, at: int | None = None) -> str:
    """Sign as the documentation says, not as the code does."""
    timestamp = int(time.time()) if at is None else at
    signed = f"{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def post(body: bytes, signature: str | None) -> HttpResponse:
    headers = {} if signature is None else {"X-Payment-Signature": signature}
    response: HttpResponse = Client().generic(  # type: ignore[assignment]
        "POST", PATH, body, content_type="application/json", headers=headers
    )
    return response


def report(event: Any) -> str:
    """Send a signed event that is taken, and return what was made of it."""
    body = json.dumps(event).encode()
    response = post(body, sign(body))
    assert response.status_code == 200, response.content
    outcome: str = json.loads(response.content)["data"]["outcome"]
    return outcome


def refuse(event: Any) -> Any:
    """Send a signed event that is refused, and return the failure's envelope."""
    body = json.dumps(event).encode()
    return read_refusal(post(body, sign(body)))


def test_a_payment_marks_the_order_paid(order: Any, user: Shopper) -> None:
    assert report(event_for(order)) == "paid"

    paid = user.data("GET", f"/orders/{order['id']}")
    payment = Payment.objects.get()
    assert paid == order | {"status": "PAID", "paidAt": paid["paidAt"]}
    assert (payment.order_id, payment.amount, payment.flag) == (order["id"], Decimal("20.00"), "")
    assert OrderEvent.objects.get(to_status="PAID").actor == "payment:evt-1"


def test_an_event_is_taken_once(order: Any) -> None:
    assert [report(event_for(order)) for _ in range(3)] == ["paid"] * 3

    assert Payment.objects.count() == 1
    assert OrderEvent.objects.filter(to_status="PAID").count() == 1


def test_an_event_used_again_for_another_order_is_refused_and_flagged(
    order: Any, user: Shopper
) -> None:
    other = buy(user, SkuFactory.create(price="10.00"), 2)
    report(event_for(order))

    refusals = [refuse(event_for(other)) for _ in range(2)]

    assert [summary_of(refusal) for refusal in refusals] == [REUSED] * 2
    assert Order.objects.get(pk=other["id"]).status == "PENDING"
    kept = Payment.objects.order_by("id").values_list("event_id", "order_id", "flag")
    assert list(kept) == [("evt-1", order["id"], ""), ("evt-1", other["id"], "event_reused")]


@pytest.mark.parametrize("fields", [{"amount": 20.01}, {"currency": "USD"}, {"orderId": "missing"}])
def test_an_event_used_again_for_something_else_is_refused_and_flagged(
    order: Any, fields: Any
) -> None:
    report(event_for(order))

    assert summary_of(refuse(event_for(order, **fields))) == REUSED

    assert Order.objects.get().status == "PAID"
    assert list(Payment.objects.values_list("flag", flat=True)) == ["event_reused", ""]
    assert report(event_for(order)) == "paid"


def test_a_flagged_event_is_not_mended_by_its_reuse(order: Any) -> None:
    report(event_for(order, amount=1))

    assert summary_of(refuse(event_for(order))) == REUSED

    assert Order.objects.get().status == "PENDING"


@pytest.mark.parametrize("amount", [GREATEST, GREATEST - Decimal("0.01")])
def test_whatever_can_be_ordered_can_be_paid(order: Any, amount: Decimal) -> None:
    Order.objects.update(total_amount=amount)

    assert report(event_for(order, amount=float(amount))) == "paid"

    assert Payment.objects.get().amount == amount


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"amount": 19.99}, "wrong_amount"),
        ({"amount": 20.01}, "wrong_amount"),
        ({"amount": 0}, "wrong_amount"),
        ({"currency": "USD"}, "wrong_currency"),
    ],
)
def test_a_payment_of_something_else_is_flagged(order: Any, fields: Any, flag: str) -> None:
    assert report(event_for(order, **fields)) == flag

    assert Order.objects.get().status == "PENDING"
    assert Payment.objects.get().flag == flag
    assert OrderEvent.objects.count() == 1


def test_the_right_payment_counts_after_a_wrong_one(order: Any) -> None:
    report(event_for(order, amount=1))

    assert report(event_for(order, id="evt-2")) == "paid"

    assert Order.objects.get().status == "PAID"


def test_a_payment_after_cancellation_is_flagged_and_moves_no_stock(
    order: Any, user: Shopper
) -> None:
    user.data("POST", f"/orders/{order['id']}/cancel")

    assert report(event_for(order)) == "order_cancelled"

    cancelled = Order.objects.get()
    assert (cancelled.status, cancelled.paid_at) == ("CANCELLED", None)
    assert Payment.objects.get().flag == "order_cancelled"
    assert list(read_tallies().values()) == [0]
    assert user.refusal("POST", f"/orders/{order['id']}/cancel")["code"] == 409
    sku = cancelled.items.get().sku
    assert read_stock(sku) == [5]


def test_a_second_payment_is_flagged(order: Any) -> None:
    pay_order(order_id=order["id"], actor="staff:x", now=timezone.now())

    assert report(event_for(order)) == "already_paid"

    assert Order.objects.get().status == "PAID"


def test_a_payment_of_an_order_over_nothing_is_flagged(user: Shopper) -> None:
    order = buy(user, SkuFactory.create(price="0.00"))

    assert report(event_for(order)) == "already_paid"

    assert Order.objects.get().status == "PAID"


def test_a_payment_for_an_unknown_order_is_kept_for_the_staff() -> None:
    event = event_for({"id": "missing", "totalAmount": 5})

    assert [report(event), report(event)] == ["unknown_order", "unknown_order"]

    payment = Payment.objects.get()
    assert (payment.order_id, payment.order_reference) == (None, "missing")


def test_events_of_other_types_are_ignored(order: Any) -> None:
    assert report(event_for(order, type="payment.failed")) == "ignored"
    assert report({"type": "customer.created"}) == "ignored"

    assert Payment.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", ""),
        ("id", 5),
        ("id", "x" * 129),
        ("type", None),
        ("orderId", ["x"]),
        ("orderId", "x" * 65),
        ("amount", "20.00"),
        ("amount", None),
        ("amount", True),
        ("amount", 20.001),
        ("amount", -20),
        ("amount", float(GREATEST) + 0.01),
        ("currency", "YUAN"),
    ],
)
def test_a_malformed_event_is_refused(order: Any, field: str, value: Any) -> None:
    body = json.dumps(event_for(order, **{field: value})).encode()

    refusal = read_refusal(post(body, sign(body)))

    assert (refusal["code"], refusal["error"]["type"]) == (400, "invalid_field")
    assert refusal["error"]["field"] == field
    assert Payment.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "slug"),
    [(b"[]", "invalid_body"), (b"", "malformed_json"), (b"{", "malformed_json")],
)
def test_a_signed_body_must_be_a_json_object(body: bytes, slug: str) -> None:
    refusal = read_refusal(post(body, sign(body)))

    assert (refusal["code"], refusal["error"]["type"]) == (400, slug)


def test_a_body_over_the_limit_is_refused() -> None:
    body = b" " * (64 * 1024 + 1)

    assert read_refusal(post(body, sign(body)))["code"] == 413


def test_a_compressed_body_is_refused() -> None:
    headers = {"Content-Encoding": "gzip", "X-Payment-Signature": sign(b"{}")}

    response = Client().post(PATH, b"{}", "application/json", headers=headers)

    assert read_refusal(response)["code"] == 415


def unsigned(body: bytes) -> str | None:
    return None


def signed_with_another_secret(body: bytes) -> str:
    return sign(body, secret="other")


def signed_over_another_body(body: bytes) -> str:
    return sign(body + b" ")


def signed_too_long_ago(body: bytes) -> str:
    return sign(body, at=int(time.time()) - 302)


def signed_in_the_future(body: bytes) -> str:
    return sign(body, at=int(time.time()) + 302)


def with_a_newer_timestamp(body: bytes) -> str:
    now = int(time.time())
    return sign(body, at=now - 400).replace(f"t={now - 400}", f"t={now}")


def with_two_timestamps(body: bytes) -> str:
    return f"{sign(body)},t=1"


def without_a_timestamp(body: bytes) -> str:
    return sign(body).partition(",")[2]


def without_a_signature(body: bytes) -> str:
    return sign(body).partition(",")[0]


def upper_case(body: bytes) -> str:
    return sign(body).upper()


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        signed_with_another_secret,
        signed_over_another_body,
        signed_too_long_ago,
        signed_in_the_future,
        with_a_newer_timestamp,
        with_two_timestamps,
        without_a_timestamp,
        without_a_signature,
        upper_case,
        lambda body: "",
        lambda body: "t=,v1=",
        lambda body: f"t={'9' * 400},v1={'0' * 64}",
        lambda body: f"t={int(time.time())},v1={'ü' * 64}",
    ],
)
def test_a_wrong_signature_is_refused(order: Any, forge: Any) -> None:
    body = json.dumps(event_for(order)).encode()

    refusal = read_refusal(post(body, forge(body)))

    assert summary_of(refusal) == REFUSED
    assert Order.objects.get().status == "PENDING"
    assert Payment.objects.count() == 0


def test_any_of_several_signatures_may_be_right(order: Any) -> None:
    body = json.dumps(event_for(order)).encode()
    old, new = sign(body, secret="old"), sign(body)

    response = post(body, f"{old},{new.partition(',')[2]}")

    assert response.status_code == 200


@override_settings(PAYMENT_WEBHOOK_SECRET="")
def test_without_a_secret_there_is_no_webhook(order: Any) -> None:
    body = json.dumps(event_for(order)).encode()

    refusal = read_refusal(post(body, sign(body, secret="")))

    assert summary_of(refusal) == (404, "not_found", "Not found")
    assert Payment.objects.count() == 0
