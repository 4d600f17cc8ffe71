"""What operators ask of an engine, running or stopped: one set of verbs, a local socket, and its client."""
