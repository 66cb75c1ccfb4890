from django.urls import path

from contacts import views

urlpatterns = [
    path("contacts", views.contacts, name="contacts"),
    path("contacts/suggest", views.suggest, name="contact_suggest"),
    path("contacts/export", views.export_contacts, name="contacts_export"),
    path("contacts/import", views.import_file, name="contacts_import"),
    path("contacts/imports/<uuid:import_id>", views.imported, name="contact_import"),
    path("contacts/new", views.new_contact, name="contact_new"),
    path("contacts/<uuid:contact_id>/edit", views.edit_contact, name="contact_edit"),
    path("contacts/<uuid:contact_id>/archive", views.archive_contact, name="contact_archive"),
]
