"""What lives in the exchange: calls, conferences, recordings and pretend phones."""
