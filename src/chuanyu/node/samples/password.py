"""The samples' one password, as stored."""

from django.contrib.auth.hashers import make_password

from chuanyu.identity.models import User
from chuanyu.node.samples import PASSWORD


def shared_password() -> str:
    """Hashed once per node and shared by all samples: hashing it for each of hundreds would take minutes."""
    kept = User.objects.filter(username="office").values_list("password", flat=True).first()
    return kept or make_password(PASSWORD)
