"""heartwire.compat.websocket_client: the program of websocket-client, with the surface in its place."""

from heartwire.compat import websocket_client

websocket_client.install()

import websocket_client_client  # noqa: E402, F401 - it plays the job
