"""A Django project that embeds the app, for the HTTP suite."""
