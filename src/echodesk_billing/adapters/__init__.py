"""Where the core meets the world: the bank, SQL, time. Adapters know the core and never each other."""
