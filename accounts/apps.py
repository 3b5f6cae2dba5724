from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from accounts.roles import grant_roles


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        # Its models can be imported only now.
        from accounts import people, revocation

        # Tokens end before the cart goes: a living one could begin the cart anew.
        revocation.connect_signals()
        people.connect_signals()
        # The last app's turn: by then the permissions of all that have roles are there.
        last = [app for app in apps.get_app_configs() if app.models_module][-1]
        post_migrate.connect(grant_roles, sender=last)
