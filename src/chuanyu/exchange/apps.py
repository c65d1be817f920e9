"""The Django app that holds what crosses between nodes."""

from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    """Messages, their log, the compact and the front register."""

    name = "chuanyu.exchange"
    label = "exchange"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what exchange itself handles: returned messages, questions about one's own data and for known facts."""
        from chuanyu.exchange import inbox, known_facts, own_data  # noqa: F401
