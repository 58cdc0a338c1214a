"""Surfaces that SDKs already import: `heartwire.compat.websockets` and `heartwire.compat.websocket_client`. It loads none of them."""
