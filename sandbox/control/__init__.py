"""The doors under ``/sandbox/…``: not Twilio's, loopback only."""
