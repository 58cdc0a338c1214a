"""Fakes of the services that the example bots talk to, on aiohttp. Each keeps to the public rules of its service and kicks a bot that breaks them."""
