"""What customers, systems and operators are told: mails, webhooks, heartbeats."""
