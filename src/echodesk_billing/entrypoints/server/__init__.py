"""aiohttp around the HTTP contract."""
