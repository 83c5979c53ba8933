"""The Bank of Georgia: its calls, its JSON, its signatures."""
