"""Moving in: what the old tables of EchoDesk become here. A pure plan; nothing is read or written."""
