"""A small Twilio of our own: REST, signed webhooks, TwiML, Voice SDK signalling and real audio.

Imports nothing of the product, so that a wrong reading of Twilio's contract on one side is caught
by the other. Start it with ``python -m sandbox --config FILE.json``; see README.md.
"""
