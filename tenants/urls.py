from django.contrib.auth.views import LogoutView
from django.urls import path

from tenants.people import closing
from tenants.people import pages as people
from tenants.signing_in import forgery, passwords, session_pages
from tenants.signing_in import pages as signing_in
from tenants.trail import pages as trail

urlpatterns = [
    path("sign-in", signing_in.SignInView.as_view(), name="sign_in"),
    path("sign-in/code", signing_in.code, name="sign_in_code"),
    path("sign-in/second-factor", signing_in.set_up, name="second_factor"),
    path("csrf-token", forgery.token, name="csrf_token"),
    path("sign-out", LogoutView.as_view(), name="sign_out"),
    path("set-password/<uidb64>/<token>", passwords.SetPasswordView.as_view(), name="set_password"),
    path("forgot-password", passwords.forgot_password, name="forgot_password"),
    path(
        "reset-password/<uidb64>/<token>",
        passwords.ResetPasswordView.as_view(),
        name="reset_password",
    ),
    path("account", signing_in.account, name="account"),
    path("account/password", signing_in.change_password, name="change_password"),
    path("notice/close", closing.notice, name="close_notice"),
    path("first-steps/close", closing.first_steps, name="close_first_steps"),
    path("account/sessions", session_pages.end_other_sessions, name="end_other_sessions"),
    path("account/sessions/<str:session>", session_pages.end_session, name="end_session"),
    path("settings/audit-trail", trail.trail, name="audit_trail"),
    path("settings/audit-trail/export", trail.export, name="audit_export"),
    path("settings", people.workspace, name="settings"),
    path("settings/members", people.members, name="members"),
    path("settings/members/invite", people.invite, name="invite"),
    path("settings/members/<int:member_id>", people.change_member, name="change_member"),
]
