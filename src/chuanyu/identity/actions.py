"""Where identity writes: agencies on record, sign-ins of residents and of staff."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from chuanyu.identity import drafts, vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.identity.models import Agency, Staff, User
from chuanyu.identity.queries import declared_agencies


def load_agencies() -> int:
    """Put agencies.yaml on record; names and codes follow the file, nothing is removed. Returns how many there are."""
    rows = [
        Agency(node=view.node, code=view.code, name_zh=view.name.zh, name_en=view.name.en, uscc=view.uscc)
        for view in declared_agencies()
    ]
    Agency.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["node", "code"],
        update_fields=["name_zh", "name_en", "uscc"],
    )
    return len(rows)


LONGEST_NAME = 100  # of a sign-in; with its node and a delegation it must fit the audit rows


@sensitive_variables("password")
def create_resident(*, username: str, password: str, person: UUID, display: str = "") -> User:
    """A resident's sign-in, tied to their person. `password` is the plain password. ValueError for too long a name."""
    if len(username) > LONGEST_NAME:
        raise ValueError(f"a sign-in name has at most {LONGEST_NAME} characters")
    return User.objects.create(
        username=username, password=make_password(password), kind=User.Kind.RESIDENT, person_id=person, display=display
    )


@sensitive_variables("password")
def create_staff(*, username: str, password: str, agency: str, role: str, display: str = "") -> User:
    """A staff sign-in at an agency of this node. It reaches nothing until its second factor is set up.

    Raises `Agency.DoesNotExist`, and ValueError for a role that is none of clerk, officer, office.
    """
    if role not in Staff.Role.values:
        raise ValueError(f"no such role: {role!r}")
    with transaction.atomic():
        user = User.objects.create(
            username=username, password=make_password(password), kind=User.Kind.STAFF, display=display
        )
        Staff.objects.create(user=user, agency=Agency.objects.get(node=here(), code=agency), role=role)
    return user


def see_messages(who: Actor) -> None:
    """Remember that this resident has looked at their messages now."""
    User.objects.filter(username=who.user).update(messages_seen=timezone.now())


@sensitive_variables()
def set_totp(user: User, secret: str) -> None:
    """Give a user the TOTP `secret` (base32) as their second factor, in place of any other; for set-up and samples."""
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        Authenticator.objects.create(
            user=user, type=Authenticator.Type.TOTP, data={"secret": vault.seal_secret(secret)}
        )


@sensitive_variables()
def reseal() -> int:
    """Seal everything that an older vault key sealed under the newest one: people, drafts, second factors. Returns how many."""
    count = vault.reseal() + drafts.reseal()
    for pk in Authenticator.objects.values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().get(pk=pk)
            for name in ("secret", "seed"):
                if name in row.data and vault.is_old(row.data[name]):
                    row.data[name] = vault.seal_secret(vault.open_secret(row.data[name]))
                    row.save(update_fields=["data"])
                    count += 1
    return count
