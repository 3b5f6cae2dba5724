"""What the staff fill in on a cart's page."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from carts.models import Cart, CartItem
from products.models import Sku

_NUMBER = {"class": "cart-input cart-input-number", "min": "1", "inputmode": "numeric"}


class CartForm(forms.Form):
    """For actions that need only the cart. `version` is the one that was shown, 0 for none."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)


class LineForm(CartForm):
    """For a line, by its id."""

    item = forms.CharField(max_length=200, widget=forms.HiddenInput)


class QuantityForm(LineForm):
    """For a line's units."""

    quantity = forms.IntegerField(label=_("Units"), min_value=1)


class SelectionForm(CartForm):
    """For selecting a line, or all lines where none is named."""

    item = forms.CharField(max_length=200, required=False, widget=forms.HiddenInput)
    selected = forms.ChoiceField(choices=(("yes", _("Yes")), ("no", _("No"))))


class AddForm(CartForm):
    """For units of a SKU."""

    sku = forms.ModelChoiceField(Sku.objects.all(), label=_("SKU"))
    quantity = forms.IntegerField(label=_("Units"), min_value=1, initial=1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _search_in(self.fields["sku"], CartItem, "sku")
        self.fields["quantity"].widget.attrs |= _NUMBER


class MergeForm(CartForm):
    """For merging a guest's cart into a user's; `user_version` is the user's that was shown."""

    user = forms.ModelChoiceField(get_user_model()._default_manager.all(), label=_("User"))
    strategy = forms.ChoiceField(
        label=_("Units of a SKU in both"),
        choices=(
            ("sum", _("Both together")),
            ("max", _("The larger")),
            ("guest_wins", _("The guest's")),
            ("user_wins", _("The user's")),
        ),
    )
    user_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _search_in(self.fields["user"], Cart, "user")
        self.fields["strategy"].initial = settings.CART_MERGE_STRATEGY
        self.fields["strategy"].widget.attrs["class"] = "cart-input"


def _search_in(field: Any, model: Any, name: str) -> None:
    """Make a field a box that searches while one types: there may be 100,000 choices."""
    widget = AutocompleteSelect(model._meta.get_field(name), admin.site)
    widget.choices = field.choices
    field.widget = widget
