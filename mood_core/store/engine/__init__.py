"""The database itself: connections, migrations, SQL files, fencing numbers, snapshots."""
