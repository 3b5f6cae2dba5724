"""Periodic work on orders. Each finishes what the last run left, and may run twice at once."""

from celery import shared_task
from django.utils import timezone

from carts.jobs import leave_to_next_run
from orders.lifecycle import cancel_expired_orders
from orders.replies import forget_replies
from orders.settlement import return_due_lines, settle_orders


@shared_task
def cancel_unpaid() -> None:
    """Cancel orders that were not paid in time."""
    with leave_to_next_run():
        cancel_expired_orders(now=timezone.now())


@shared_task
def settle() -> None:
    """Take bought units out of carts, and put cancelled ones back, where a crash left it undone."""
    now = timezone.now()
    with leave_to_next_run():
        settle_orders(now=now)
        return_due_lines(now=now)


@shared_task
def forget_old_replies() -> None:
    """Delete answers to Idempotency-Keys that may be used again."""
    with leave_to_next_run():
        forget_replies(now=timezone.now())
