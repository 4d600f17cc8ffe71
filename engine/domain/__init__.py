"""The words of the house as values: messages, events, effects, facts, outcomes, and the ports between packages."""
