"""The API's description, and the answer to whatever else is asked below /api/. Included last."""

from django.urls import re_path

from calls import api_docs

urlpatterns = [
    re_path(r"^api/schema/?$", api_docs.SchemaView.as_view(), name="api_schema"),
    re_path(r"^api/docs/?$", api_docs.docs, name="api_docs"),
    re_path(r"^api(/.*)?$", api_docs.NoSuchEndpoint.as_view(), name="no_such_endpoint"),
]
