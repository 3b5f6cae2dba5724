"""The answers of the order calls."""

from collections.abc import Iterable

from django.http import HttpResponse

from carts.api.presentation import present_validation
from config.errors import ServiceError
from config.http.envelope import answer
from config.http.errors import refuse_service_error
from orders.api.presentation import present_order
from orders.errors import CartInvalid, PriceChanged
from orders.models import Order, OrderItem


def answer_order(order: Order, items: Iterable[OrderItem]) -> HttpResponse:
    """Return one order."""
    return answer(present_order(order, items))


def refuse_order(refusal: ServiceError) -> HttpResponse:
    """Return a refusal; one that is about the lines carries what validate says of them."""
    if isinstance(refusal, CartInvalid | PriceChanged):
        return refuse_service_error(refusal, data=present_validation(refusal.view))
    return refuse_service_error(refusal)
