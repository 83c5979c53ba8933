"""The whole system on virtual time, with a bank, a network and processes that fail, all from one seed."""
