"""What PostgreSQL knows of the contacts' tables while they are being filled."""

from django.db import connection


def learn_sizes() -> None:
    """Let the planner look at the tables, unless they are large. It checks keys at commit, for each
    row, by plans that it keeps: of a table that it takes for empty any index is as good as another,
    and that by e-mail walks over all of a workspace, once for each token.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT contacts_learn_sizes()")
