"""What people do, one module per thing: each use case loads, asks the domain, saves."""
