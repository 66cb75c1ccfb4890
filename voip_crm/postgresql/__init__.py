"""Django's PostgreSQL backend, which waits no longer than whoever asks may be kept waiting."""
