"""FHIR as JSON: bodies and their bounds, what a stored interaction is made of, FHIRPath, and answers. Pure."""
