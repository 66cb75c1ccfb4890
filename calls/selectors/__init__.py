"""Reads of calls, formatted for the page. All of them run inside the current tenant."""

from calls.selectors.call import CallPage, call_page, stored_recording
from calls.selectors.history import (
    PAGE_SIZE,
    Filters,
    History,
    agents,
    calls_after,
    history,
)
from calls.selectors.lines import HistoryRow
from calls.selectors.panel import ActiveCall, active_call, live_call

__all__ = [
    "PAGE_SIZE",
    "ActiveCall",
    "CallPage",
    "Filters",
    "History",
    "HistoryRow",
    "active_call",
    "agents",
    "call_page",
    "calls_after",
    "history",
    "live_call",
    "stored_recording",
]
