"""The durable inbox and outbox behind the `Store` port. SQLite here; each home passes the same conformance suite.

`sqlite` opens and closes it. `writer` groups changes into commits; `apply` and its neighbours say what each change
writes; `reads`, `facts`, `search` and `books` answer what is asked. SQL stands in `sql/`, by name.
"""
