"""Orders over HTTP: read identity and input, call one service, present what it returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.errors import TokenNotValid
from accounts.services import read_living_user
from carts.api.presentation import present_validation
from carts.api.views import identify_owner
from carts.domain.cart import CartOwner
from carts.operations import ChangeContext
from config.errors import ServiceError
from config.http.envelope import answer
from config.http.errors import refuse_service_error
from config.http.idempotency import Answer, KeyedCall, Made, answer_once, read_call
from config.http.pagination import page_data, read_page
from config.http.parsing import read_object
from config.http.ratelimit import (
    Charge,
    RateLimit,
    active_charges,
    client_network,
    enforce_limits_if_counted,
)
from config.http.recording import current_request_id
from orders.api import documentation
from orders.api.inputs import read_draft, read_notice, read_restore_cart, read_status
from orders.api.serializers import OrderSerializer
from orders.checkout import place_order
from orders.errors import LinesRefused, OrderError
from orders.lifecycle import cancel_order, cancel_order_for_return
from orders.listing import find_orders, get_order
from orders.models import Order
from orders.payments import check_signature, record_payment
from orders.replies import Replies
from orders.settlement import return_lines


class OrderViewSet(ViewSet):
    """Every call on orders. Each acts on the caller's own, and on no others."""

    @documentation.CREATE
    def create(self, request: Request) -> HttpResponse:
        owner, now, network = identify_owner(request), timezone.now(), client_network(request)
        draft = read_draft(read_object(request), owner, address=network)
        call = read_call(request, owner.key, "order")
        charges = active_charges(_list_charges(owner, network)) + (call.charges if call else ())
        # A repeat is answered before the cart is read, and so is not charged.
        context = ChangeContext("order", request_id=current_request_id(), charges=charges)
        replies = Replies(owner.key, now)

        def perform() -> Made:
            guard = None
            if call is not None:
                replies.require_first(call)
                guard = _ReplyGuard(replies, call)
            order = place_order(owner=owner, draft=draft, context=context, now=now, guard=guard)
            return Made(guard.response if guard else _answer_order(order), details=None)

        return answer_once(call, replies, perform=perform, refuse=_refuse_order)

    @documentation.LIST
    def list(self, request: Request) -> HttpResponse:
        owner = _identify_reader(request)
        status, page = read_status(request), read_page(request)
        orders, total = find_orders(owner=owner, status=status, rows=page.rows)
        items = list(OrderSerializer(orders, many=True).data)
        return answer(page_data(items, total, page))

    @documentation.RETRIEVE
    def retrieve(self, request: Request, order_id: str) -> HttpResponse:
        return _answer_order(get_order(owner=_identify_reader(request), order_id=order_id))

    @documentation.CANCEL
    def cancel(self, request: Request, order_id: str) -> HttpResponse:
        owner, now = _identify_buyer(request), timezone.now()
        restores_cart = read_restore_cart(request)
        enforce_limits_if_counted(_list_charges(owner, client_network(request)))
        order = get_order(owner=owner, order_id=order_id)
        cancel = cancel_order_for_return if restores_cart else cancel_order
        # A merge may give the order to a user at any moment.
        order = cancel(order_id=order.pk, buyer=owner.key, actor=order.actor, now=now)
        if restores_cart:
            return_lines(order)
        return _answer_order(order)

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        if isinstance(exc, OrderError):
            return _refuse_order(exc)
        return super().handle_exception(exc)

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        final = super().finalize_response(request, response, *args, **kwargs)
        final["Cache-Control"] = "no-store"
        patch_vary_headers(final, ("Authorization", "X-Guest-ID"))
        return final


class PaymentWebhookView(APIView):
    """Where the payment provider tells of payments; the signature is the whole authentication."""

    authentication_classes = ()

    @documentation.PAYMENT_WEBHOOK
    def post(self, request: Request) -> HttpResponse:
        now, header = timezone.now(), request.META.get("HTTP_X_PAYMENT_SIGNATURE", "")
        check_signature(header=header, body=request.body, now=now)
        notice = read_notice(request.body)
        if notice is None:
            return answer({"outcome": "ignored"})
        payment = record_payment(notice=notice, now=now)
        return answer({"outcome": payment.flag or "paid"})


def _identify_buyer(request: Request) -> CartOwner:
    """Return whose orders are meant. As no cart is read here, ended tokens are looked up."""
    owner = identify_owner(request)
    if not owner.is_guest and read_living_user(owner.id, owner.access) is None:
        raise TokenNotValid
    return owner


def _identify_reader(request: Request) -> CartOwner:
    """Return whose orders are meant; limit how often an address may guess the ids of guests."""
    owner = _identify_buyer(request)
    if owner.is_guest:
        limit = RateLimit("order-reads-address", settings.RATE_LIMIT_ORDER_READS_PER_ADDRESS)
        enforce_limits_if_counted([Charge(limit, client_network(request))])
    return owner


def _list_charges(owner: CartOwner, network: str) -> Sequence[Charge]:
    return [
        Charge(RateLimit("order", settings.RATE_LIMIT_ORDERS), owner.key),
        Charge(RateLimit("order-address", settings.RATE_LIMIT_ORDERS_PER_ADDRESS), network),
    ]


def _answer_order(order: Order) -> HttpResponse:
    """Return one order."""
    return answer(OrderSerializer(order).data)


def _refuse_order(refusal: ServiceError) -> HttpResponse:
    """Return a refusal. If it is about the lines, its data is what validate says of them."""
    data = present_validation(refusal.view) if isinstance(refusal, LinesRefused) else None
    return refuse_service_error(refusal, data=data)


@dataclass
class _ReplyGuard:
    """Let one request with a key order at a time, and keep its answer (a `RepeatGuard`)."""

    replies: Replies
    call: KeyedCall
    response: HttpResponse = field(init=False)

    def enter(self) -> None:
        """Raise RequestInProgress or CallRepeatedError unless this request is the first."""
        self.replies.claim(self.call)

    def leave(self, order: Order) -> None:
        """Keep the answer to the order."""
        self.response = _answer_order(order)
        self.replies.keep(self.call, Answer.of(self.response))
