from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # Its models can be imported only now.
        from accounts.revocation import connect_signals

        connect_signals()
