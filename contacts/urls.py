from django.urls import path

from contacts import views

urlpatterns = [
    path("contacts", views.contacts, name="contacts"),
    path("contacts/suggest", views.suggest, name="contact_suggest"),
]
