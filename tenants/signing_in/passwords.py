"""Pages that set a password by a link: an invitation's, or that of *Forgot password?*."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenants.models import User, is_above_workspaces
from tenants.signing_in import resetting, throttle
from tenants.signing_in.forms import EmailForm
from tenants.trail import audit
from tenants.trail.audit import Action


class SetPasswordView(PasswordResetConfirmView):
    """Where an invitation's link leads. Who has set a password is signed in."""

    template_name = "set_password.html"
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"
    success_url = reverse_lazy("calls")

    @transaction.atomic
    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(*args, **kwargs)

    def get_user(self, uidb64: str) -> Any:
        found = super().get_user(uidb64)
        # Locked, so that the link is not made void between being judged and the password being set.
        user = User.objects.select_for_update().get(pk=found.pk) if found else None
        return user if user and self.may_use(user) else None

    def may_use(self, user: User) -> bool:
        """A link that a workspace's admin made before the person was given the admin is void."""
        return not is_above_workspaces(user)

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        audit.note_of(Action.PASSWORD_SET, self.request, form.user)
        messages.success(self.request, "Your password is set. Welcome.")
        return response


@never_cache
@require_http_methods(["GET", "POST"])
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Ask for a link to set a new password. Whether the address has an account is not told."""
    is_sent = request.method == "POST" and settings.SENDS_MAIL
    form, wait = EmailForm(request.POST if is_sent else None), 0
    if form.is_bound and form.is_valid():
        wait = resetting.ask(request, form.cleaned_data["email"])
        if wait:
            when = f"Try again in {wait // 60} minutes, or use the latest link we sent."
            form.add_error("email", f"That’s a lot of requests. {when}")
        else:
            # Loaded again, the page sends nothing.
            return HttpResponseRedirect(reverse("forgot_password") + "?sent=1", status=303)
    context = {
        "form": form,
        "sends_mail": settings.SENDS_MAIL,
        "is_sent": "sent" in request.GET,
        "minutes": resetting.MINUTES,
    }
    status = 422 if form.errors else 200
    response = render(request, "forgot_password.html", context, status=status)
    return throttle.told(response, wait)


class ResetPasswordView(SetPasswordView):
    """Where the link of *Forgot password?* leads. It came by mail, so it is whose account it is."""

    token_generator = resetting.links

    def may_use(self, user: User) -> bool:
        return user.is_active

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        return super().get_context_data(is_reset=True, **more)

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        resetting.tell_changed(form.user)
        return response
