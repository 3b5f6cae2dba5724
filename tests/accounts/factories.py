"""Users for tests; the password of each is PASSWORD."""

import factory
from django.contrib.auth.hashers import make_password
from factory.django import DjangoModelFactory

from accounts.models import User

PASSWORD = "correct horse battery"


class UserFactory(DjangoModelFactory[User]):
    """An active buyer."""

    class Meta:
        model = User

    username = factory.Sequence(lambda number: f"buyer{number}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.LazyFunction(lambda: make_password(PASSWORD))


class StaffFactory(UserFactory):
    """A superuser who may enter the admin."""

    username = factory.Sequence(lambda number: f"staff{number}")
    is_staff = True
    is_superuser = True
