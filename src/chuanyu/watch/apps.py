"""The Django app."""

from django.apps import AppConfig


class WatchConfig(AppConfig):
    """Figures over what the other capabilities hold."""

    name = "chuanyu.watch"
    label = "watch"
    verbose_name = "监测 Watch"
