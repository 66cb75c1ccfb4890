"""An index that is made while others read and write."""

from typing import Any

from django.db import migrations

IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


class AddIndexMeanwhile(migrations.AddIndex):
    """While others read and write; what was left of a build that was broken off goes first."""

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        with schema_editor.connection.cursor() as cursor:
            # A build waits for whoever is at work, and nobody waits for it.
            cursor.execute("SET lock_timeout = 0")
            try:
                cursor.execute(IS_VALID, [self.index.name])
                is_valid = (cursor.fetchone() or [None])[0]
                if is_valid is False:
                    cursor.execute(f"DROP INDEX CONCURRENTLY {self.index.name}")
                if not is_valid:
                    made = self.index.create_sql(model, schema_editor, concurrently=True)
                    cursor.execute(str(made))
            finally:
                cursor.execute("RESET lock_timeout")
