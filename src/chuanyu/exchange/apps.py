"""The Django app that holds what crosses between nodes."""

from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    """Messages, their log, the compact and the front register."""

    name = "chuanyu.exchange"
    label = "exchange"
    default_auto_field = "django.db.models.BigAutoField"
