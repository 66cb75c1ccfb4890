"""What rooms above this one want to hear of contacts."""

from django.dispatch import Signal

# A contact was made or changed by hand: `contact`, whose numbers are stored; in its transaction.
contact_saved = Signal()
