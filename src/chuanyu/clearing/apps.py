from django.apps import AppConfig


class ClearingConfig(AppConfig):
    name = "chuanyu.clearing"
    label = "clearing"
    verbose_name = "清算 Clearing"
