from django.apps import AppConfig


class ClearingConfig(AppConfig):
    name = "chuanyu.clearing"
    label = "clearing"
    verbose_name = "清算 Clearing"

    def ready(self) -> None:
        from chuanyu.clearing import messages  # noqa: F401  registers what we take from the other node
