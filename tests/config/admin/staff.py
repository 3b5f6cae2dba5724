"""Members of staff at their browsers."""

from django.contrib.auth.models import Permission
from django.test import Client

from tests.accounts.factories import StaffFactory


def sign_in(*permissions: str) -> Client:
    """Return a client of a member of staff who may do just this: "app.codename", ..."""
    staff = StaffFactory.create(is_superuser=False, password="!")
    for permission in permissions:
        app, codename = permission.split(".")
        staff.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return _open(staff)


def sign_in_superuser() -> Client:
    """Return a client of somebody who may do everything."""
    return _open(StaffFactory.create(password="!"))


def _open(staff: StaffFactory) -> Client:
    client = Client()
    client.force_login(staff)
    return client
