from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "chuanyu.cases"
    label = "cases"
    verbose_name = "办件 Cases"

    def ready(self) -> None:
        from chuanyu.cases import messages  # noqa: F401  registers what we take from the other node
