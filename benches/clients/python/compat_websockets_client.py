"""heartwire.compat.websockets: the program of websockets, with the surface in its place."""

from heartwire.compat import websockets

websockets.install()

import websockets_client  # noqa: E402, F401 - it plays the job
