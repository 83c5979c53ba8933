"""Attempts to move money: orders, what the bank reports about them, and refunds."""
