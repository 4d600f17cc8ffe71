"""The durable inbox and outbox behind the `Store` port. SQLite here; each home passes the same conformance suite."""
