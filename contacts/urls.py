from django.urls import path

from contacts import views

urlpatterns = [
    path("contacts", views.contacts, name="contacts"),
    path("contacts/suggest", views.suggest, name="contact_suggest"),
    path("contacts/new", views.new_contact, name="contact_new"),
    path("contacts/<uuid:contact_id>/edit", views.edit_contact, name="contact_edit"),
    path("contacts/<uuid:contact_id>/archive", views.archive_contact, name="contact_archive"),
]
