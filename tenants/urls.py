from django.contrib.auth.views import LogoutView
from django.urls import path

from tenants import audit_pages, sign_in, views

urlpatterns = [
    path("sign-in", sign_in.SignInView.as_view(), name="sign_in"),
    path("sign-in/code", sign_in.code, name="sign_in_code"),
    path("sign-in/second-factor", sign_in.set_up, name="second_factor"),
    path("sign-out", LogoutView.as_view(), name="sign_out"),
    path("set-password/<uidb64>/<token>", sign_in.SetPasswordView.as_view(), name="set_password"),
    path("account", sign_in.account, name="account"),
    path("settings/audit-trail", audit_pages.trail, name="audit_trail"),
    path("settings/audit-trail/export", audit_pages.export, name="audit_export"),
    path("settings", views.workspace, name="settings"),
    path("settings/members", views.members, name="members"),
    path("settings/members/invite", views.invite, name="invite"),
    path("settings/members/<int:member_id>", views.change_member, name="change_member"),
]
