"""Pages around a person's sign-in: password, code, setting up a second factor, the account."""

from typing import Any

import django_otp
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, redirect_to_login
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp.plugins.otp_static.models import StaticDevice

from tenants.bricks.http import TenantRequest, see_other
from tenants.models import User
from tenants.signing_in import resetting, second_factor, session_pages, sessions, throttle
from tenants.signing_in.forms import (
    CodeForm,
    NameForm,
    NewPasswordForm,
    ProofForm,
    SignInForm,
)
from tenants.signing_in.known import known
from tenants.signing_in.second_factor import Step, WrongCode
from tenants.trail import audit
from tenants.trail.audit import Action


class SignInView(LoginView):
    """By e-mail and password. Whoever has a step to do still is sent there."""

    template_name = "sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        pending = known(request).pending
        if pending is not None:
            wanted = self.get_redirect_url() or resolve_url("calls")
            return redirect_to_login(wanted, reverse(pending.step))
        return super().dispatch(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        return throttle.told(super().form_invalid(form), form.wait)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The step after the password: a code of the app, or a backup code."""
    pending = known(request).pending
    if pending is None or pending.step is not Step.CODE:
        return HttpResponseRedirect(reverse("sign_in"))
    form = CodeForm(request.POST if request.method == "POST" else None)
    wait = 0
    if form.is_bound and form.is_valid():
        device, wait = _checked(request, pending.user, form)
        if device is not None:
            request.user = pending.user
            request.session.cycle_key()
            django_otp.login(request, device)
            audit.note_of(Action.SIGNED_IN, request, pending.user)
            if isinstance(device, StaticDevice):
                left = second_factor.backup_codes_left(pending.user)
                messages.warning(request, f"That backup code is used now. You have {left} left.")
            return HttpResponseRedirect(_next(request))
    context = {"form": form, "next": request.POST.get("next", request.GET.get("next", ""))}
    return throttle.told(render(request, "sign_in_code.html", context), wait)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """A QR code for the app, then a code from it; at the end the backup codes, once."""
    pending = known(request).pending
    if pending is not None and pending.step is Step.SET_UP:
        user = pending.user
    elif request.user.is_authenticated:
        user = request.user
        if second_factor.has(user):
            return HttpResponseRedirect(reverse("account"))
    else:
        return redirect_to_login(request.path)
    data = request.POST if request.method == "POST" else None
    # Whoever just came by the password need not say it again; a session alone is not enough, and
    # an old one is sent here, too, when a second factor begins to be asked of its owner.
    needs_password = not (pending and sessions.is_fresh(request))
    form = ProofForm(request, user, data) if needs_password else CodeForm(data)
    if form.is_bound and form.is_valid():
        try:
            codes = second_factor.add(request, user, form.cleaned_data["code"])
        except WrongCode as wrong:
            form.add_error("code", str(wrong))
        else:
            audit.note_of(Action.SECOND_FACTOR_ON, request, user)
            if pending:
                audit.note_of(Action.SIGNED_IN, request, user)
            return _show_codes(request, codes, _next(request) if pending else reverse("account"))
    device = second_factor.new_device(request, user)
    context = {
        "parent": _parent(request),
        "form": form,
        "picture": second_factor.picture(device),
        "secret": second_factor.readable_secret(device),
        "is_required": pending is not None,
        "needs_password": needs_password,
        "next": request.POST.get("next", request.GET.get("next", "")),
    }
    response = render(request, "second_factor.html", context, status=422 if form.errors else 200)
    return throttle.told(response, getattr(form, "wait", 0))


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def account(request: TenantRequest) -> HttpResponse:
    """Who one is, one's second factor, and where one is signed in. `do`: change one's `name`, turn
    the second factor `off`, or make new backup `codes`.
    """
    user: User = request.user  # type: ignore[assignment]  # who is signed in
    is_on = second_factor.has(user)
    do = request.POST.get("do", "")
    if request.method == "POST" and do not in ("name", "off", "codes"):
        return HttpResponseBadRequest("Unknown change.")
    # On a copy: what is refused is nobody's name yet.
    name_form = NameForm(
        request.POST if do == "name" else None, instance=User.objects.get(pk=user.pk)
    )
    if name_form.is_bound and name_form.is_valid():
        was, now = user.name, name_form.cleaned_data["name"]
        if was != now:
            user.name = now
            user.save(update_fields=["name"])
            audit.note_of(Action.NAME_CHANGED, request, user, was=was, now=now)
        return see_other(request, request.path, "Your name is saved.")
    do = "" if do == "name" else do
    form = ProofForm(request, user, request.POST if do and is_on else None)
    wait = 0
    if form.is_bound and form.is_valid():
        device, wait = _checked(request, user, form)
        if device is not None and do == "codes":
            codes = second_factor.renew_backup_codes(user)
            audit.note_of(Action.BACKUP_CODES_MADE, request, user)
            return _show_codes(request, codes, request.path)
        if device is not None:
            second_factor.remove(user)
            audit.note_of(Action.SECOND_FACTOR_OFF, request, user)
            second_factor.keep_session(request, user)
            return see_other(request, request.path, "Two-factor sign-in is off.")
    context = {
        "parent": _parent(request),
        "person": user,
        "form": form,
        "name_form": name_form,
        "is_on": is_on,
        "is_required": second_factor.is_required(user, request.tenant),
        "codes_left": second_factor.backup_codes_left(user) if is_on else 0,
        "signed_in": session_pages.context(request, user, by_code=is_on),
    }
    is_wrong = form.errors or name_form.errors
    response = render(request, "account.html", context, status=422 if is_wrong else 200)
    return throttle.told(response, wait or form.wait)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def change_password(request: TenantRequest) -> HttpResponse:
    """A new password: every other session of this person ends, and the links that set one."""
    user: User = request.user  # type: ignore[assignment]  # who is signed in
    if not user.has_usable_password():  # who signs in elsewhere has none
        return HttpResponseRedirect(reverse("account"))
    form = NewPasswordForm(request, user, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        user.set_password(form.cleaned_data["new_password1"])
        user.save(update_fields=["password"])
        update_session_auth_hash(request, user)
        audit.note_of(Action.PASSWORD_SET, request, user)
        resetting.tell_changed(user)
        said = "Your password is changed. You’re signed out everywhere else."
        return see_other(request, reverse("account"), said)
    context = {"parent": _parent(request), "person": user, "form": form}
    response = render(request, "change_password.html", context, status=422 if form.errors else 200)
    return throttle.told(response, form.wait)


def _checked(request: HttpRequest, user: User, form: Any) -> tuple[Any, int]:
    """(the device that took the form's code, 0), or (None, seconds to wait); the form says why."""
    wait = throttle.seconds_to_wait(request, user.email)
    try:
        if wait:
            raise WrongCode("", wait)
        device = second_factor.check(user, form.cleaned_data["code"])
    except WrongCode as wrong:
        if not wrong.seconds:
            throttle.note_failure(request, user)
            wrong.seconds = throttle.seconds_to_wait(request, user.email)
        form.add_error("code", throttle.sentence(wrong.seconds) if wrong.seconds else str(wrong))
        return None, wrong.seconds
    throttle.forget_failures(request, user)
    return device, 0


def _show_codes(request: HttpRequest, codes: list[str], next_page: str) -> HttpResponse:
    context = {"parent": _parent(request), "codes": codes, "next": next_page}
    return render(request, "backup_codes.html", context)


def _parent(request: HttpRequest) -> str:
    """The shell keeps a call; without a workspace there is none to show."""
    return "base.html" if known(request).tenant else "layout.html"


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, if it is a page of ours."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return resolve_url("calls")
