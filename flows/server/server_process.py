"""``python -m flows.server.server_process PORT PARENT FOLDER [SOCKET]``: moodlog's own Prefect server."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path

from flows.server.find_server import HOST
from flows.server.guard import guarded
from flows.server.health_route import FILE, with_health
from flows.server.log_privacy import hide_addresses
from flows.server.new_history import create_history


def main() -> None:
    """Serve Prefect's API and UI on PORT for as long as the process PARENT lives."""
    port, parent, home = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    os.umask(0o077)  # the database names people
    hide_addresses()
    create_history(home)
    import uvicorn
    from prefect.server.api.server import create_app

    app = with_health(create_app(final=True), home / FILE)
    app = guarded(app, os.environ["PREFECT_SERVER_API_AUTH_STRING"], port)
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="warning", timeout_keep_alive=30))
    server.run(sockets=[socket.socket(fileno=int(sys.argv[4]))] if len(sys.argv) > 4 else None)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
