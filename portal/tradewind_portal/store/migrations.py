"""Schema changes: numbered SQL files, each applied once, in one transaction, before any traffic.

Forward only. A file that changed after it was applied, and a database that knows a migration we do not, are refused. DDL only
here, each migration ends with a checkpoint: replaying DDL from the log is where DuckDB has had its bugs.
"""

import hashlib
from dataclasses import dataclass
from importlib import resources
from time import time

from tradewind_portal.store.connection import Connection
from tradewind_portal.store.errors import SchemaMismatchError
from tradewind_portal.store.rows import all_rows

LEDGER = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name VARCHAR, checksum VARCHAR, applied_ms BIGINT)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file, named like 0001_initial.sql."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Return the sha256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """Return the migrations of this version in order."""
    files = [file for file in resources.files(__package__).joinpath("sql").iterdir() if file.name.endswith(".sql")]
    return [
        Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    ]


def migrate(connection: Connection, migrations: list[Migration]) -> int:
    """Bring the schema up to date and return how many migrations that took.

    Raises:
        SchemaMismatchError: If the file was migrated by other code than this.
    """
    cursor = connection.cursor()
    cursor.execute(LEDGER)
    done = {row["number"]: row for row in all_rows(cursor, "SELECT number, name, checksum FROM migrations")}
    known = {migration.number: migration for migration in migrations}
    for number, row in sorted(done.items()):
        if number not in known:
            raise SchemaMismatchError(
                f"the database has migration {row['name']}, which this version does not know: it is newer"
            )
        if row["checksum"] != known[number].checksum:
            raise SchemaMismatchError(f"migration {row['name']} was changed after it was applied")
    missing = [migration for migration in migrations if migration.number not in done]
    for migration in missing:
        cursor.execute("BEGIN TRANSACTION")
        cursor.execute(migration.sql)
        cursor.execute(
            "INSERT INTO migrations VALUES (?, ?, ?, ?)",
            [migration.number, migration.name, migration.checksum, int(time() * 1000)],
        )
        cursor.execute("COMMIT")
        cursor.execute("CHECKPOINT")
    cursor.close()
    return len(missing)
