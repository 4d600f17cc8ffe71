"""Far ends: how a document is sent, asked about and understood. The lane adds marks, timing and the breaker."""
