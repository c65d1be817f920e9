"""The pages of the lock. Sign-in and second factor are allauth's."""

from allauth.account.forms import ReauthenticateForm
from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from chuanyu.identity import locking
from chuanyu.identity.models import User


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def lock(request: HttpRequest) -> HttpResponse:
    """Lock the screen (`do`: "lock" by hand, "idle" by the page itself), or open it again with the password."""
    assert isinstance(request.user, User)  # the access table lets nobody else in
    back = request.POST.get("next") or request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = "/"
    if request.POST.get("do") in ("lock", "idle"):
        locking.lock(request, by_hand=request.POST["do"] == "lock")
        return HttpResponseRedirect(f"{reverse('account_lock')}?{urlencode({'next': back})}")
    if not locking.is_locked(request):
        return HttpResponseRedirect(back)
    form = ReauthenticateForm(request.POST if request.method == "POST" else None, user=request.user)
    if request.method == "POST":
        if refused := ratelimit.consume_or_429(request, action="reauthenticate", user=request.user):
            return refused
        if form.is_valid():
            locking.unlock(request)
            return HttpResponseRedirect(back)
        locking.failed(request)
        if not request.user.is_authenticated:
            return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': back})}")
    return render(request, "account/lock.html", {"form": form, "next": back}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def alive(request: HttpRequest) -> JsonResponse:
    """How many seconds the screen stays open. Posted, it also says that somebody is there."""
    return JsonResponse({"left": locking.left(request)})
