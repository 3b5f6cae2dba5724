"""The answers of the order calls."""

from dataclasses import dataclass, field

from django.http import HttpResponse

from carts.api.presentation import present_validation
from config.errors import ServiceError
from config.http.envelope import answer
from config.http.errors import refuse_service_error
from config.http.idempotency import Answer, KeyedCall
from orders.api.serializers import OrderSerializer
from orders.errors import LinesRefused
from orders.models import Order
from orders.replies import Replies


def answer_order(order: Order) -> HttpResponse:
    """Return one order."""
    return answer(OrderSerializer(order).data)


def refuse_order(refusal: ServiceError) -> HttpResponse:
    """Return a refusal. If it is about the lines, its data is what validate says of them."""
    data = present_validation(refusal.view) if isinstance(refusal, LinesRefused) else None
    return refuse_service_error(refusal, data=data)


@dataclass
class ReplyGuard:
    """Let one request with a key order at a time, and keep its answer (a `RepeatGuard`)."""

    replies: Replies
    call: KeyedCall
    response: HttpResponse = field(init=False)

    def enter(self) -> None:
        """Raise RequestInProgress or CallRepeatedError unless this request is the first."""
        self.replies.claim(self.call)

    def leave(self, order: Order) -> None:
        """Keep the answer to the order."""
        self.response = answer_order(order)
        self.replies.keep(self.call, Answer.of(self.response))
