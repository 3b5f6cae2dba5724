"""The form by which the staff change a SKU's stock."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from products.errors import StockMoved, StockTooHigh, StockTooLow
from products.models import Sku, StockChange, StockReason
from products.stock import Cause, adjust, recount

_ADJUST = "adjust"
_RECOUNT = "recount"
_MOST = 1_000_000


class StockForm(forms.Form):
    """Units more or fewer, or what was counted, and why.

    A count refers to the stock that was shown, `expected`, and is refused if the stock has moved.
    """

    how = forms.ChoiceField(
        label=_("What to do"),
        choices=(
            (_ADJUST, _("Add units, or take out with a minus")),
            (_RECOUNT, _("Set to a count")),
        ),
        initial=_ADJUST,
        widget=UnfoldAdminRadioSelectWidget,
    )
    units = forms.IntegerField(
        label=_("Units"),
        min_value=-_MOST,
        max_value=_MOST,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"autofocus": True}),
    )
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[("", _("Choose a reason")), *StockReason.choices],
        widget=UnfoldAdminSelectWidget,
    )
    note = forms.CharField(
        label=_("Note"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget
    )
    expected = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, sku: Sku) -> None:
        super().__init__(data, initial={"expected": sku.stock})
        self.sku = sku

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        how, units = values.get("how"), values.get("units")
        if how == _ADJUST and units == 0:
            self.add_error("units", ValidationError(_("Nothing would change.")))
        if how == _RECOUNT and units is not None and units < 0:
            self.add_error("units", ValidationError(_("A count is 0 or more.")))
        if values.get("reason") == StockReason.OTHER and not values.get("note"):
            self.add_error("note", ValidationError(_("Say what the reason is.")))
        return values

    def change_stock(self, *, actor: str, now: datetime) -> StockChange | None:
        """Do what a valid form says. If it cannot be done, return None; the form then says why."""
        try:
            return self._change(actor, now)
        except StockTooLow as refusal:
            left = _("There are only %(count)d units left.") % {"count": refusal.available}
            self.add_error("units", ValidationError(left))
        except StockTooHigh as refusal:
            most = _("The stock would be above %(most)d.") % {"most": refusal.most}
            self.add_error("units", ValidationError(most))
        except StockMoved as refusal:
            moved = _("The stock was %(expected)d when you opened this page, and is %(now)d now.")
            figures = {"expected": refusal.expected, "now": refusal.available}
            self.add_error("units", ValidationError(moved % figures))
            self._expect(refusal.available)
        return None

    def _expect(self, stock: int) -> None:
        """Make the form name this as the stock when it is shown again."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        data["expected"] = str(stock)
        self.data = data

    def _change(self, actor: str, now: datetime) -> StockChange:
        values = self.cleaned_data
        units = values["units"]
        cause = Cause(StockReason(values["reason"]), values["note"], actor)
        if values["how"] == _RECOUNT:
            return recount(
                sku_id=self.sku.pk, counted=units, expected=values["expected"], cause=cause, now=now
            )
        return adjust(sku_id=self.sku.pk, units=units, cause=cause, now=now)
