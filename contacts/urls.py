from django.urls import path

from contacts.pages import contacts, imports

urlpatterns = [
    path("contacts", contacts.contacts, name="contacts"),
    path("contacts/suggest", contacts.suggest, name="contact_suggest"),
    path("contacts/export", contacts.export_contacts, name="contacts_export"),
    path("contacts/import", imports.choose, name="contacts_import"),
    path("contacts/import/sample", imports.sample, name="contacts_sample"),
    path("contacts/imports/<uuid:import_id>", imports.show, name="contact_import"),
    path("contacts/imports/<uuid:import_id>/change", imports.change, name="contact_import_change"),
    path(
        "contacts/imports/<uuid:import_id>/skipped", imports.skipped, name="contact_import_skipped"
    ),
    path("contacts/alike", contacts.alike, name="contact_alike"),
    path("contacts/new", contacts.new_contact, name="contact_new"),
    path("contacts/<uuid:contact_id>/edit", contacts.edit_contact, name="contact_edit"),
    path("contacts/<uuid:contact_id>/archive", contacts.archive_contact, name="contact_archive"),
]
