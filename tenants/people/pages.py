"""Settings of a workspace, for its admins."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenants.bricks import mails, merging
from tenants.bricks.access import admin_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.bricks.places import countries, time_zones
from tenants.models import Membership, Role, Tenant
from tenants.people import links, occupation, services
from tenants.people.forms import InviteForm, RoleForm, WorkspaceForm
from tenants.signing_in import second_factor, throttle
from tenants.trail import audit
from tenants.trail.audit import Action

_LAST_ADMIN = "A workspace needs an admin. Make someone else an admin first."

_NOT_YOURS = "Ask your system administrator: this account also gives access elsewhere."


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def workspace(request: TenantRequest) -> HttpResponse:
    """Name, country, time zone, and whether calls are recorded."""
    # The form writes to its instance before it judges: the page around it shows the old one.
    rows = Tenant.objects.filter(pk=request.tenant.pk)
    is_sent = request.method == "POST"
    tenant = (rows.select_for_update(no_key=True) if is_sent else rows).get()
    theirs = {name: getattr(tenant, name) for name in WorkspaceForm.Meta.fields}
    made_of = request.POST.get("made_of", "") or merging.written(theirs)
    form = WorkspaceForm(request.POST if is_sent else None, instance=tenant)
    if form.is_bound and form.is_valid():
        merge = merging.merge(merging.read(made_of, theirs), theirs, form.cleaned_data)
        form = WorkspaceForm(merging.posted(merge.values), instance=tenant)
        merging.ask(form, merge, theirs)
        if form.is_valid():
            _save_settings(tenant, theirs, form.cleaned_data)
            return see_other(request, reverse("settings"), "The settings are saved.")
        made_of = merging.written(theirs)
    context = {
        "form": form,
        "countries": countries(),
        "time_zones": time_zones(),
        "made_of": made_of,
    }
    return render(request, "settings.html", context, status=422 if form.is_bound else 200)


def _save_settings(tenant: Tenant, before: merging.Facts, after: merging.Facts) -> None:
    changes: dict[str, Any] = {
        name: [before[name], after[name]] for name in before if before[name] != after[name]
    }
    tenant.save(update_fields=list(after))
    if changes:
        audit.record(Action.SETTINGS_CHANGED, on=tenant, **changes)


@require_GET
@login_required
@admin_required
def members(request: TenantRequest) -> HttpResponse:
    return _members(request)


@require_POST
@login_required
@admin_required
def invite(request: TenantRequest) -> HttpResponse:
    """Create a person and show, once, the link with which they set their password."""
    form, wait = InviteForm(request.POST), 0
    if form.is_valid():
        try:
            member = services.invite(request.tenant, **form.cleaned_data)
        except services.AlreadyMember:
            form.add_error("email", "This person is already a member.")
        except services.AddressTaken:
            form.add_error(
                "email",
                "This email already has an account elsewhere. "
                "Ask your system administrator to add it to your workspace.",
            )
        except services.TooManyRefused as refused:
            wait = refused.seconds
            form.add_error("email", throttle.sentence(wait))
        else:
            return _invited(request, member)
    return throttle.told(_members(request, form=form, status=422), wait)


@require_POST
@login_required
@admin_required
def change_member(request: TenantRequest, member_id: int) -> HttpResponse:
    """`do`: give a role, deactivate, reactivate, take away the second factor, or show a new link
    for who has no password; `ask` asks whether to deactivate. Who is to be deactivated in the
    middle of something: `occupation` says whether to `end` or to `keep` it, else that is asked.
    """
    member = Membership.objects.select_related("user").filter(pk=member_id).first()
    if member is None:
        raise Http404
    if request.POST.get("do") == "link":
        if not links.may_have_link(member):
            return _members(request, wrong=(member.pk, "They already have a password."), status=422)
        return _invited(request, member)
    if request.POST.get("do") == "ask":
        return _members(request, asked=(member.pk, occupation.of(member.user_id)))
    if request.POST.get("do") == "deactivate" and (busy := _asks_first(request, member)):
        return _members(request, asked=(member.pk, busy), status=422)
    change = _CHANGES.get(request.POST.get("do", ""))
    if change is None:
        return HttpResponseBadRequest("Unknown change.")
    try:
        done = change(request, member)
    except services.LastAdmin:
        return _members(request, wrong=(member.pk, _LAST_ADMIN), status=422)
    except services.RoleChanged as changed:
        text = f"Someone made this member {changed.role} in the meantime. Choose again."
        return _members(request, wrong=(member.pk, text), status=422)
    except services.NotYoursToReset:
        return _members(request, wrong=(member.pk, _NOT_YOURS), status=422)
    if done is None:
        return _members(request, wrong=(member.pk, "Choose a role from the list."), status=422)
    # Who is no longer an admin may not see the page that they would return to.
    is_admin = Membership.objects.filter(
        pk=request.member.pk, role=Role.ADMIN, is_active=True
    ).exists()
    undo = (request.path, {"do": done.undo}) if is_admin and done.undo else None
    page = reverse("members") if is_admin else reverse("calls")
    return see_other(request, page, done.said, undo=undo)


class _Done(NamedTuple):
    said: str
    undo: str = ""  # the change that takes it back


def _give_role(request: TenantRequest, member: Membership) -> _Done | None:
    form = RoleForm(request.POST)
    if not form.is_valid():
        return None
    services.set_role(member, form.cleaned_data["role"], shown=form.cleaned_data["was"])
    return _Done(f"{member.user}: {member.get_role_display()}.")


def _asks_first(request: TenantRequest, member: Membership) -> str:
    """What the member is in the middle of, as long as nothing is decided about it."""
    is_decided = request.POST.get("occupation") in ("end", "keep")
    return "" if is_decided or not member.is_active else occupation.of(member.user_id)


def _deactivate(request: TenantRequest, member: Membership) -> _Done:
    is_changed = services.set_active(member, False)
    if request.POST.get("occupation") == "end":
        occupation.end(member.user_id)
    return _Done(f"{member.user} is deactivated.", undo="reactivate" if is_changed else "")


def _reactivate(request: TenantRequest, member: Membership) -> _Done:
    services.set_active(member, True)
    return _Done(f"{member.user} is reactivated.")


def _reset_second_factor(request: TenantRequest, member: Membership) -> _Done:
    services.reset_second_factor(member, by=request.member)
    return _Done(f"{member.user} now signs in with just a password.")


_CHANGES: dict[str, Callable[[TenantRequest, Membership], _Done | None]] = {
    "role": _give_role,
    "deactivate": _deactivate,
    "reactivate": _reactivate,
    "reset_second_factor": _reset_second_factor,
}


def _members(
    request: TenantRequest,
    *,
    form: InviteForm | None = None,
    invited: Membership | None = None,
    is_mailed: bool = False,
    wrong: tuple[int, str] | None = None,
    asked: tuple[int, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page; `invited` is whose link it shows (and, if it `is_mailed`, they get), `wrong` what
    could not be done to whom, `asked` who may be deactivated and what they are in the middle of.
    """
    everyone = Membership.objects.select_related("user").order_by("-is_active", "user__name", "id")
    with_second_factor = second_factor.of_them(member.user_id for member in everyone)
    presences = occupation.presences()
    context = {
        "members": [
            {
                "id": each.pk,
                "user_id": each.user_id,
                "presence": presences.get(each.user_id),
                "name": str(each.user),
                "email": each.user.email,
                "role": each.role,
                "role_label": each.get_role_display(),
                "is_active": each.is_active,
                "is_me": each.pk == request.member.pk,
                "has_password": each.user.has_usable_password(),
                "has_second_factor": each.user_id in with_second_factor,
                "wrong": wrong[1] if wrong and wrong[0] == each.pk else "",
                "is_asked": bool(asked and asked[0] == each.pk and each.is_active),
                "busy": asked[1] if asked and asked[0] == each.pk else "",
            }
            for each in everyone
        ],
        "roles": Role.choices,
        "form": form or InviteForm(),
        "invited": invited,
        "link": links.link(invited.user) if invited else "",
        "link_days": links.days(),
        "sends_mail": settings.SENDS_MAIL,
        "is_mailed": is_mailed,
    }
    return render(request, "members.html", context, status=status)


def _invited(request: TenantRequest, member: Membership) -> HttpResponse:
    audit.record(Action.LINK_MADE, on=member)
    is_mailed = settings.SENDS_MAIL and links.may_mail(member)
    if is_mailed:
        send = partial(links.mail, member.tenant_id, member.pk, by=str(request.user))
        transaction.on_commit(lambda: mails.soon(("invitation", member.pk), send))
    return _members(request, invited=member, is_mailed=is_mailed)
