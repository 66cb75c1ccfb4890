"""What goes over the wire: callbacks and their signature, the log, and faults to order."""
