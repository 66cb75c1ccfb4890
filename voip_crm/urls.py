from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from voip_crm import health, mailbox, well_known

handler400 = "voip_crm.answers.bad_request"
handler500 = "voip_crm.answers.server_error"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="calls"), name="home"),
    path("", include("calls.urls")),  # first those that are asked for most
    path("", include("contacts.urls")),
    path("", include("tenants.urls")),
    path("admin/", admin.site.urls),
    path("robots.txt", well_known.robots, name="robots"),
    path(".well-known/change-password", well_known.change_password, name="well_known_password"),
    path("mails", mailbox.mailbox, name="mailbox"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("calls.api.urls")),
]
