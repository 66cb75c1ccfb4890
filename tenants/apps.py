from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Workspaces and people"
    default = True

    def ready(self) -> None:
        from tenants.signing_in import sessions, throttle  # noqa: F401  (their receivers)


class WorkspaceAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "tenants.people.admin_site.WorkspaceAdminSite"
