"""Entry points: HTTP, the console and the command line."""
