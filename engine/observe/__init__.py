"""What the engine says of itself: one log line for each message's end and each fault, never content."""
