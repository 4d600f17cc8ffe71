"""Where each field of a posting came from: the step is run again with a tracer, nothing of it is stored. Pure."""
