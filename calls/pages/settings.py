"""The part of a workspace's settings that is about calls, for its admins."""

import logging
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from calls import gateway
from calls.gateway.accounts import TwilioNotConfigured
from calls.models import CallingPolicy, OwnAccount, PhoneNumber
from calls.pages.forms import (
    AccountForm,
    CallerIdForm,
    CallingLimitsForm,
    TokenForm,
    caller_id_facts,
    limit_facts,
    posted_limits,
)
from calls.selectors import limits
from calls.services import guarding
from calls.services.caller_ids import usable
from calls.services.setup import numbers, own_accounts
from contacts.numbers import display
from tenants.bricks import merging
from tenants.bricks.access import admin_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.fence.context import tenant_transaction
from tenants.middleware import short_transactions
from tenants.trail import audit
from tenants.trail.audit import Action

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def caller_ids(request: TenantRequest) -> HttpResponse:
    """What our numbers are called, and which of them calls are made from."""
    in_use = usable(request.tenant)
    is_sent = request.method == "POST"
    if is_sent:  # in one order, whichever is the default
        list(in_use.order_by("pk").select_for_update(no_key=True))
    ours = list(in_use)
    theirs = caller_id_facts(ours)
    made_of = request.POST.get("made_of", "") or merging.written(theirs)
    form = CallerIdForm(request.POST if is_sent else None, numbers=ours)
    if form.is_bound and form.is_valid():
        merge = merging.merge(merging.read(made_of, theirs), theirs, form.facts())
        form = CallerIdForm(merging.posted(merge.values), numbers=ours)
        merging.ask(form, merge, theirs)
        if form.is_valid():
            _save_caller_ids(ours, form)
            return see_other(request, reverse("caller_ids"), "The caller IDs are saved.")
        made_of = merging.written(theirs)
    rows = [
        {
            "id": number.pk,
            "display": display(number.number, request.tenant.country),
            "label": form[f"label-{number.pk}"],
            "is_chosen": form["default"].value() == str(number.pk),
        }
        for number in sorted(ours, key=lambda each: each.number)
    ]
    context = {"form": form, "rows": rows, "made_of": made_of}
    return render(request, "caller_ids.html", context, status=422 if form.is_bound else 200)


def _save_caller_ids(ours: list[PhoneNumber], form: CallerIdForm) -> None:
    for number in ours:
        before, number.label = number.label, form.cleaned_data[f"label-{number.pk}"]
        number.save(update_fields=["label"])
        if before != number.label:
            audit.record(Action.CALLER_ID_CHANGED, on=number, label_text=[before, number.label])
        if number.pk == form.cleaned_data["default"]:
            numbers.make_default(number)


@short_transactions
@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def telephone_account(request: TenantRequest) -> HttpResponse:
    """The Twilio account that the workspace calls by: connect an own one, rotate its token, go
    back to the shared one. What is entered is tried at Twilio before it is kept.
    """
    wanted = request.POST.get("do", "")
    connecting = AccountForm(request.POST if wanted == "connect" else None)
    rotating = TokenForm(request.POST if wanted == "token" else None, auto_id="new_%s")
    done = ""
    if wanted == "connect" and _tried(connecting, own_accounts.connect, request):
        done = "Calls go through your own account from now on."
    elif wanted == "token" and _tried(rotating, own_accounts.rotate_token, request):
        done = "The new token is saved. The old one works for one more day."
    elif wanted == "disconnect":
        own_accounts.disconnect(request.tenant)
        done = "Your account is disconnected."
    if done:
        return see_other(request, reverse("telephone_account"), done)
    with tenant_transaction(request.tenant.pk):
        own = OwnAccount.objects.filter(retired_at=None).first()
        in_use = usable(request.tenant).count()
    is_rotating = own is not None and own.previous_until and own.previous_until > timezone.now()
    context = {
        "own": own,
        "numbers": in_use,
        "until": own.previous_until if own and is_rotating else None,
        "connecting": connecting,
        "rotating": rotating,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "telephone_account.html", context, status=status)


def _tried(form: forms.Form, change: Callable[..., object], request: TenantRequest) -> bool:
    """Whether the form was right and Twilio took it; else the form says what is wrong."""
    if not form.is_valid():
        return False
    try:
        change(request.tenant, **form.cleaned_data)
    except own_accounts.NotAccepted as error:
        form.add_error(error.field, error.message)
    except OwnAccount.DoesNotExist:
        form.add_error(None, "Your account is no longer connected.")
    except TwilioNotConfigured:
        form.add_error(None, "The account's secrets cannot be read here: connect it again.")
    except gateway.TwilioError:
        logger.warning("An account could not be tried", exc_info=True)
        form.add_error(None, "We couldn’t check this with Twilio. Try again in a moment.")
    return not form.errors


@require_http_methods(["GET", "POST"])
@login_required
@admin_required
def calling_limits(request: TenantRequest) -> HttpResponse:
    """Where, how often, how long and for how much the workspace calls, and who was stopped."""
    now, tenant = timezone.now(), request.tenant
    chosen, ceiling = limits.chosen(), limits.ceiling()
    data = request.POST if request.method == "POST" else None
    form = CallingLimitsForm(data, chosen=chosen, ceiling=ceiling)
    made_of = request.POST.get("made_of", "") or merging.written(limit_facts(form.initial))
    if form.is_bound and form.is_valid():
        chosen = limits.chosen(lock=True)
        theirs = limit_facts(CallingLimitsForm(None, chosen=chosen, ceiling=ceiling).initial)
        merge = merging.merge(merging.read(made_of, theirs), theirs, form.facts())
        form = CallingLimitsForm(posted_limits(merge.values), chosen=chosen, ceiling=ceiling)
        merging.ask(form, merge, theirs)
        if form.is_valid():
            _save_limits(chosen, form.cleaned_data)
            return see_other(request, reverse("calling_limits"), "The calling limits are saved.")
        made_of = merging.written(theirs)
    allowed = set(form["countries"].value() or ())
    offered = form.fields["countries"].choices  # type: ignore[attr-defined]
    others = [(code, name) for code, name in offered if code != tenant.country]
    context = {
        "form": form,
        "made_of": made_of,
        "ceiling": ceiling,
        "home": dict(offered).get(tenant.country, ""),
        "allowed": [each for each in others if each[0] in allowed],
        "others": [each for each in others if each[0] not in allowed],
        "spent": limits.usage(tenant, request.member.user_id, now=now).spent,
        "stopped": limits.stopped_calls(tenant, now=now),
    }
    return render(request, "calling_limits.html", context, status=422 if form.is_bound else 200)


def _save_limits(chosen: CallingPolicy, values: dict[str, Any]) -> None:
    before = {name: getattr(chosen, name) for name in values}
    policy = guarding.save_policy(values)
    changed: dict[str, Any] = {
        name: [_short(before[name]), _short(value)]
        for name, value in values.items()
        if value != before[name]
    }
    audit.record(Action.LIMITS_CHANGED, on=policy, **changed)


def _short(value: object) -> str:
    """As an audit entry's detail."""
    return " ".join(sorted(value)) if isinstance(value, list) else str(value)
