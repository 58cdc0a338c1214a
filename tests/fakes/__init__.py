"""Fakes of the services that the example bots talk to, on aiohttp. Each keeps to the public rules of its service and kicks who breaks them."""
