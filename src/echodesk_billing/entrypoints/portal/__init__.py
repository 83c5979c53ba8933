"""The customer portal and pay links: pages for customers, without scripts."""
