"""Periodic work on accounts."""

from celery import shared_task
from django.utils import timezone

from accounts.models import RefreshFamily
from accounts.revocation import apply_recent_changes
from carts.jobs import leave_to_next_run


@shared_task
def revoke_deactivated_users() -> None:
    """See to it that tokens which were ended are refused, however they were ended."""
    with leave_to_next_run():
        apply_recent_changes()


@shared_task
def forget_expired_sign_ins() -> None:
    """Delete the sign-ins whose last refresh token has expired."""
    with leave_to_next_run():
        RefreshFamily.objects.filter(expires_at__lt=timezone.now()).delete()
