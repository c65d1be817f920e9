from django.apps import AppConfig


class ClearingConfig(AppConfig):
    name = "chuanyu.clearing"
    label = "clearing"
    verbose_name = "清算 Clearing"

    def ready(self) -> None:
        # they register what we take from the other node
        from chuanyu.clearing import messages  # noqa: F401
        from chuanyu.clearing.files import pages, paying, reconcile  # noqa: F401
