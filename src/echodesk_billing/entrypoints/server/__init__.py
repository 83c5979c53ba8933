"""aiohttp as the server of the HTTP contract."""
