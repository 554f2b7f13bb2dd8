"""The database itself: connections, migrations, SQL files, snapshots."""
