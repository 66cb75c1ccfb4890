"""Twilio is asked while a page is made: what went wrong is a sentence."""

import logging
from collections.abc import Callable
from typing import TypeVar

from calls import gateway
from calls.facts.numbers import refusal
from calls.gateway.accounts import AccountGone, TwilioNotConfigured
from tenants.bricks.gates import Crowded, Gate

logger = logging.getLogger(__name__)
T = TypeVar("T")

AWAY = "We couldn’t reach Twilio. Try again in a moment."
_NOT_SET_UP = "No telephone account is set up. Connect one under Telephone account."
_places = Gate(3)  # of a process, for those who wait here for Twilio


class Trouble(Exception):
    """A sentence about why Twilio could not be asked, or refused."""


def asking(ask: Callable[[], T]) -> T:
    """Ask Twilio; raises `Trouble`, and `OutcomeUnknown` when it may have been done."""
    try:
        with _places.passing():
            return ask()
    except AccountGone:
        raise Trouble("This number’s telephone account is no longer connected.") from None
    except TwilioNotConfigured:
        raise Trouble(_NOT_SET_UP) from None
    except gateway.TwilioRefused as refused:
        raise Trouble(refusal(refused.code, refused.message)) from refused
    except gateway.OutcomeUnknown:
        raise
    except (gateway.TwilioError, Crowded) as error:
        logger.warning("Twilio was not asked about numbers: %s", error)
        raise Trouble(AWAY) from error
