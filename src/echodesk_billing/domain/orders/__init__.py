"""Orders, the bank's reports about them, and refunds."""
