"""All access to SQL: SQLite or PostgreSQL through SQLAlchemy."""

from mood_core.store.engine.database import Database, open_database

__all__ = ["Database", "open_database"]
