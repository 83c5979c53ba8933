"""Mails: templates and SMTP."""
