"""TwiML: what a document may hold, the walk through it, and what each verb does."""
