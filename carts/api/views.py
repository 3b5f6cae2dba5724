"""The cart over HTTP: read identity and input, call one service, present what it returns."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from carts.api import inputs
from carts.api.batches import (
    Failure,
    answer_batch,
    answer_removed_batch,
    describe_failures,
    keep_failures,
    name_additions,
    restore_failures,
    sort_entries,
)
from carts.api.presentation import (
    answer_cart,
    answer_document,
    answer_listed,
    answer_unmodified,
    matches_etag,
    parse_etag_versions,
    present_cart,
    present_merge,
    present_summary,
    present_validation,
)
from carts.api.schema import document_calls
from carts.domain.cart import Access, CartOwner, parse_guest_id
from carts.domain.errors import CartChanged, GuestIdRequired, InvalidGuestId
from carts.live.records import LiveRecords
from carts.live.store import ChangeContext
from carts.operations import lines
from carts.operations.merging import merge_carts
from carts.operations.reading import CartView, get_cart
from config.http.envelope import answer
from config.http.errors import refuse_service_error
from config.http.idempotency import Details, KeyedCall, Made, answer_once, read_call
from config.http.parsing import read_object
from config.http.ratelimit import Charge, RateLimit, active_charges, client_network
from config.http.recording import current_request_id


@document_calls
class CartViewSet(ViewSet):
    """Every call on a cart. Each acts on the caller's own cart, and on no other."""

    def retrieve(self, request: Request) -> HttpResponse:
        document = present_cart(get_cart(owner=identify_owner(request)))
        known = request.META.get("HTTP_IF_NONE_MATCH")
        if known is not None and matches_etag(known, document.etag):
            return answer_unmodified(document)
        return answer_document(document)

    def add(self, request: Request) -> HttpResponse:
        owner = identify_owner(request)
        addition = inputs.read_addition(read_object(request))
        call = read_call(request, owner.key, "add")
        context = describe_change(request, owner, call)

        def perform() -> Made:
            result = lines.add_lines(owner=owner, additions=[addition], context=context)
            return Made(_answer_added(result.require_done()))

        return _answer_call(owner, call, perform, lambda _: _answer_added(get_cart(owner=owner)))

    def add_batch(self, request: Request) -> HttpResponse:
        owner = identify_owner(request)
        body = read_object(request)
        batch = sort_entries(inputs.read_additions(body))
        call = read_call(request, owner.key, "batch")
        context = describe_change(request, owner, call)
        names = name_additions(body)

        def present(view: CartView, failures: Mapping[int, Failure]) -> HttpResponse:
            return answer_batch(view, verb="add", names=names, failures=failures)

        def perform() -> Made:
            result = lines.add_lines(owner=owner, additions=batch.entries, context=context)
            failures = batch.failures(result.failures)
            return Made(present(result.view, failures), keep_failures(failures))

        def replay(details: Details | None) -> HttpResponse:
            return present(get_cart(owner=owner), restore_failures(details or {}, names))

        return _answer_call(owner, call, perform, replay)

    def update_item(self, request: Request, item_id: str) -> HttpResponse:
        owner = identify_owner(request)
        update = inputs.read_update(item_id, read_object(request))
        context = describe_change(request, owner)
        result = lines.update_lines(owner=owner, updates=[update], context=context)
        return answer_cart(result.require_done(), message="Cart item updated successfully")

    def update_batch(self, request: Request) -> HttpResponse:
        owner = identify_owner(request)
        body = read_object(request)
        batch = sort_entries(inputs.read_updates(body))
        context = describe_change(request, owner)
        result = lines.update_lines(owner=owner, updates=batch.entries, context=context)
        return answer_batch(
            result.view,
            verb="update",
            names=[{"itemId": entry["itemId"]} for entry in inputs.find_updates(body)],
            failures=batch.failures(result.failures),
        )

    def remove_item(self, request: Request, item_id: str) -> HttpResponse:
        owner = identify_owner(request)
        context = describe_change(request, owner)
        result = lines.remove_lines(owner=owner, item_ids=[item_id], context=context)
        return answer_cart(result.require_done(), message="Product removed from cart successfully")

    def remove_batch(self, request: Request) -> HttpResponse:
        owner = identify_owner(request)
        item_ids = inputs.read_item_ids(read_object(request))
        context = describe_change(request, owner)
        result = lines.remove_lines(owner=owner, item_ids=item_ids, context=context)
        failures = describe_failures(result.failures)
        return answer_removed_batch(result.view, item_ids=item_ids, failures=failures)

    def clear(self, request: Request) -> HttpResponse:
        owner = identify_owner(request)
        result = lines.clear_cart(owner=owner, context=describe_change(request, owner))
        return answer_cart(result.require_done(), message="Cart cleared successfully")

    def select(self, request: Request) -> HttpResponse:
        owner = identify_owner(request)
        selection = inputs.read_selection(read_object(request))
        context = describe_change(request, owner)
        item_ids, merchant_id = selection.item_ids, selection.merchant_id
        if item_ids is not None:
            updates = [selection.update_of(item_id) for item_id in item_ids]
            result = lines.update_lines(owner=owner, updates=updates, context=context)
        elif merchant_id is not None:
            result = lines.select_merchant(
                owner=owner,
                merchant_id=merchant_id,
                selected=selection.selected,
                context=context,
            )
        else:
            result = lines.select_all(owner=owner, selected=selection.selected, context=context)
        names = [{"itemId": item_id} for item_id in item_ids or ()]
        failures = describe_failures(result.failures)
        return answer_batch(result.view, verb="update", names=names, failures=failures)

    def summarize(self, request: Request) -> HttpResponse:
        return answer(present_summary(get_cart(owner=identify_owner(request))))

    def validate(self, request: Request) -> HttpResponse:
        return answer(present_validation(get_cart(owner=identify_owner(request))))

    def acknowledge(self, request: Request) -> HttpResponse:
        owner = identify_owner(request)
        item_ids = inputs.read_optional_item_ids(read_object(request))
        context = describe_change(request, owner)
        result = lines.acknowledge_prices(owner=owner, item_ids=item_ids, context=context)
        return answer_cart(result.require_done())

    def merge(self, request: Request) -> HttpResponse:
        user = _identify_bearer(request)
        if user is None:
            raise NotAuthenticated
        body = read_object(request)
        guest_id = body.get("guestSessionId")
        if not isinstance(guest_id, str):
            raise InvalidGuestId
        guest = CartOwner.for_guest(parse_guest_id(guest_id))
        strategy = inputs.read_strategy(body)
        call = read_call(request, user.key, "merge")
        limit = RateLimit("merge", settings.RATE_LIMIT_MERGE)
        context = describe_change(request, user, call, limit=limit)

        def merge_as(context: ChangeContext) -> Made:
            result = merge_carts(guest=guest, user=user, strategy=strategy, context=context)
            report = present_merge(result)
            return Made(_answer_merged(result.view, report), report)

        def replay(report: Details | None) -> HttpResponse:
            if report is not None:
                return _answer_merged(get_cart(owner=user), report)
            # The first request died, perhaps before it merged anything.
            context = ChangeContext(source="api", request_id=current_request_id())
            return merge_as(context).response

        return _answer_call(user, call, lambda: merge_as(context), replay)

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        if isinstance(exc, CartChanged):
            document = present_cart(get_cart(owner=identify_owner(self.request)))
            return refuse_service_error(exc, data=document.data, headers={"ETag": document.etag})
        return super().handle_exception(exc)

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        final = super().finalize_response(request, response, *args, **kwargs)
        final["Cache-Control"] = "no-store"
        final["Vary"] = "Authorization, X-Guest-ID"
        return final


class _Bearer(Protocol):
    """The user of a valid token; authentication is a setting, so the real class is not known."""

    id: str
    access: Access


def identify_owner(request: Request) -> CartOwner:
    """Return the user of a valid token, else the guest of X-Guest-ID.

    Raises AuthenticationFailed for a bad token, guest id or not; GuestIdRequired; InvalidGuestId.
    """
    user = _identify_bearer(request)
    if user is not None:
        return user
    guest_id = request.META.get("HTTP_X_GUEST_ID")
    if not guest_id:
        raise GuestIdRequired
    return CartOwner.for_guest(parse_guest_id(guest_id))


def describe_change(
    request: Request,
    owner: CartOwner,
    call: KeyedCall | None = None,
    *,
    limit: RateLimit | None = None,
) -> ChangeContext:
    """Return the terms the request puts on a change to this owner's cart.

    `limit` is how often the owner may make this change, None for the limit of cart writes.
    """
    expected = request.META.get("HTTP_IF_MATCH")
    charges = [
        Charge(limit or RateLimit("cart", settings.RATE_LIMIT_CART_WRITES), owner.key),
        Charge(
            RateLimit("cart-address", settings.RATE_LIMIT_CART_WRITES_PER_ADDRESS),
            client_network(request),
        ),
    ]
    return ChangeContext(
        source="api",
        request_id=current_request_id(),
        charges=active_charges(charges),
        expected_versions=None if expected is None else parse_etag_versions(expected),
        call=call,
    )


def _answer_added(view: CartView) -> HttpResponse:
    return answer_listed(view, message="Product added to cart successfully")


def _answer_merged(view: CartView, report: Details) -> HttpResponse:
    return answer_listed(view, message="Cart merged successfully", merge=report)


def _answer_call(
    owner: CartOwner,
    call: KeyedCall | None,
    perform: Callable[[], Made],
    replay: Callable[[Details | None], HttpResponse],
) -> HttpResponse:
    """Answer a change to this owner's cart; a keyed call is made once."""
    if call is None:
        return perform().response
    return answer_once(call, LiveRecords(owner), perform=perform, replay=replay)


def _identify_bearer(request: Request) -> CartOwner | None:
    bearer = cast("_Bearer | None", request.user)
    return None if bearer is None else CartOwner.for_user(bearer.id, bearer.access)
