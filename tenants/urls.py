from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from tenants import audit_pages, views
from tenants.forms import SignInForm

urlpatterns = [
    path(
        "sign-in",
        LoginView.as_view(
            template_name="sign_in.html",
            authentication_form=SignInForm,
            redirect_authenticated_user=True,
        ),
        name="sign_in",
    ),
    path("sign-out", LogoutView.as_view(), name="sign_out"),
    path("set-password/<uidb64>/<token>", views.SetPasswordView.as_view(), name="set_password"),
    path("settings/audit-trail", audit_pages.trail, name="audit_trail"),
    path("settings/audit-trail/export", audit_pages.export, name="audit_export"),
    path("settings", views.workspace, name="settings"),
    path("settings/members", views.members, name="members"),
    path("settings/members/invite", views.invite, name="invite"),
    path("settings/members/<int:member_id>", views.change_member, name="change_member"),
]
