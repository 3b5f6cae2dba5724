"""Periodic work on accounts."""

from celery import shared_task

from accounts.revocation import apply_recent_changes


@shared_task
def revoke_deactivated_users() -> None:
    """See to it that deactivated users' tokens are refused, and reactivated users' are not."""
    apply_recent_changes()
