"""How the world comes in: HTTP and the command line."""
