"""The console: pages for operators, without scripts."""
