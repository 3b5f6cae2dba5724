"""Bodies of the account endpoints: read strictly, and described for the schema."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from accounts.models import User
from config.notation import GUEST_ID_PATTERN

USERNAME_MAX_LENGTH = 150
EMAIL_MAX_LENGTH = 254
PASSWORD_MAX_LENGTH = 256
TOKEN_MAX_LENGTH = 4096


class StringField(serializers.CharField):
    """A JSON string of one character or more; a number that reads like one is refused."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class UsernameField(StringField):
    """A user's name, spelled one way however its characters were composed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=USERNAME_MAX_LENGTH, **options)

    def to_internal_value(self, data: Any) -> str:
        return User.normalize_username(super().to_internal_value(data))


class PasswordField(StringField):
    """A password as typed, spaces at its ends included; never sent back."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=PASSWORD_MAX_LENGTH,
            trim_whitespace=False,
            write_only=True,
            style={"input_type": "password"},
            **options,
        )


class EmailField(serializers.EmailField, StringField):
    """An e-mail address."""


class RegisterBody(serializers.Serializer[Any]):
    """A new account."""

    username = UsernameField(
        validators=[UnicodeUsernameValidator()],
        help_text="Letters, digits and @ . + - _ only; unique whatever its case.",
    )
    email = EmailField(max_length=EMAIL_MAX_LENGTH, help_text="Unique whatever its case.")
    password = PasswordField(
        help_text="8 characters or more; not common, not all digits, not like the name or email."
    )

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        user = User(username=attrs["username"], email=attrs["email"])
        try:
            validate_password(attrs["password"], user)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        return attrs


class LoginBody(serializers.Serializer[Any]):
    """A password, and the name or the address of the account it belongs to."""

    username = UsernameField(required=False, help_text="This or `email`, not both.")
    email = StringField(
        required=False,
        max_length=EMAIL_MAX_LENGTH,
        help_text="This or `username`, not both. A username with an @ is found by this, too, "
        "unless it is somebody's address.",
    )
    password = PasswordField()

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        if ("username" in attrs) == ("email" in attrs):
            raise serializers.ValidationError({"username": ["Send either username or email."]})
        return attrs


class RefreshBody(serializers.Serializer[Any]):
    """A refresh token."""

    refresh = StringField(max_length=TOKEN_MAX_LENGTH)


class UserData(serializers.Serializer[Any]):
    """A user, as that user sees it."""

    id = serializers.CharField()
    username = serializers.CharField()
    email = serializers.EmailField()


class TokensData(serializers.Serializer[Any]):
    """A new pair of tokens; the refresh token is exchanged once."""

    access = serializers.CharField(help_text="For `Authorization: Bearer`; 15 minutes by default.")
    refresh = serializers.CharField(
        help_text="Exchange it at /api/auth/refresh; 30 days by default."
    )


class SignInData(TokensData):
    """Who has signed in, and the cart that is theirs now."""

    user = UserData()
    cart = serializers.JSONField(allow_null=True, help_text="CartResponse.")
    merge = serializers.JSONField(
        allow_null=True,
        help_text="What the merge did; `skippedReason` tells why nothing was merged.",
    )


class GuestData(serializers.Serializer[Any]):
    """A guest's id, to be sent as X-Guest-ID."""

    guestId = serializers.RegexField(f"^{GUEST_ID_PATTERN}$")  # noqa: N815
