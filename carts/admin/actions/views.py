"""The view behind every button of a cart's page."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.utils.translation import gettext as _

from carts.admin.actions.intents import ActionRefused, Intent
from carts.admin.actions.menu import ACTIONS, Action
from carts.admin.actions.previews import Preview
from carts.admin.naming import find_owner, is_owner_name, page_url
from carts.admin.page.contents import describe_owner
from carts.admin.refusals import tell_refusal, tell_store_down
from carts.domain.errors import CartError, CartStoreUnavailable
from carts.live.store import ChangeContext
from carts.models import Cart
from carts.permanent.inspecting import inspect_cart
from config.http.recording import current_request_id
from config.staff import name_actor

ACTION_URL = "carts_cart_do"


class CartActions:
    """Does to a cart what was asked for on its page. Part of the admin's class of carts."""

    log_change: Any
    message_user: Any
    has_view_permission: Any
    render_page: Callable[..., HttpResponse]

    def act_view(self, request: HttpRequest, name: str, action: str) -> HttpResponse:
        """Do an action to a cart. One that destroys something is done only after confirmation.

        The permission is checked first, so staff without it cannot learn whether the cart exists.
        """
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        known = ACTIONS.get(action)
        if known is None:
            raise Http404
        if not self.has_view_permission(request) or not known.may_be_taken(request):
            raise PermissionDenied
        try:
            return self._act(request, name, known)
        except ActionRefused as refusal:
            sentence = str(refusal)
        except CartError as refusal:
            sentence = tell_refusal(refusal)
        except (OperationalError, InterfaceError):
            sentence = _("The database did not answer. Look at the cart again before you retry.")
        self.message_user(request, sentence, messages.ERROR)
        return HttpResponseRedirect(page_url(name))

    def _act(self, request: HttpRequest, name: str, action: Action) -> HttpResponse:
        try:
            intent = _read_intent(request, name, action)
        except CartStoreUnavailable as error:
            # Only here is it certain that nothing has been done yet.
            raise ActionRefused(tell_store_down()) from error
        if action.preview is not None and "confirmed" not in request.POST:
            return self._ask(request, name, action, intent, action.preview(intent))
        done = action.run(intent)
        self.log_change(request, Cart(pk=intent.cart_id or name), f"{action.label}: {done}")
        self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(page_url(name))

    def _ask(
        self, request: HttpRequest, name: str, action: Action, intent: Intent, preview: Preview
    ) -> HttpResponse:
        """Show what will happen. A confirmation holds for this version of the cart only."""
        sent = {key: request.POST[key] for key in intent.values if key in request.POST}
        return self.render_page(
            request,
            "confirm",
            title=preview.title or str(action.label),
            name=name,
            action=action,
            owner=describe_owner(intent.owner),
            preview=preview,
            values={**sent, "version": intent.version, **preview.values},
        )


def _read_intent(request: HttpRequest, name: str, action: Action) -> Intent:
    """Return what is asked for, and the cart as it is; raises Http404, ActionRefused."""
    owner = find_owner(name)
    if owner is None:
        raise Http404(_("There is no such cart."))
    form = action.form(request.POST)
    if not form.is_valid():
        raise ActionRefused(_tell_faults(form))
    intent = Intent(owner, inspect_cart(owner), form.cleaned_data, _describe_staff(request))
    if not is_owner_name(name) and name not in intent.cart_ids:
        raise ActionRefused(_("This cart has ended, and its owner has begun another."))
    return intent


def _describe_staff(request: HttpRequest) -> ChangeContext:
    """Return what the change log is told about who acts."""
    return ChangeContext("admin", name_actor(request), current_request_id())


def _tell_faults(form: forms.Form) -> str:
    faults = [str(fault) for faults in form.errors.values() for fault in faults]
    return " ".join(faults)
