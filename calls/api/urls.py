"""The API's description, and the answer to whatever else is asked below /api/. Included last."""

from django.urls import re_path

from calls.api import docs

urlpatterns = [
    re_path(r"^api/schema/?$", docs.SchemaView.as_view(), name="api_schema"),
    re_path(r"^api/docs/?$", docs.docs, name="api_docs"),
    re_path(r"^api(/.*)?$", docs.NoSuchEndpoint.as_view(), name="no_such_endpoint"),
]
