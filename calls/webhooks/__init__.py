"""What Twilio tells us: verified, routed to its tenant, stored. Never a 500, no network, no broker
needed. Contract: docs/architecture.md, “Webhooks”. One module per callback; in `voice` is all
that is answered with TwiML.
"""
