"""The shape of every file of a site, as pydantic models: one schema that parses, lints, documents and
completes.

Each field has a description, an example and, where it measures something, a unit; the reference pages and the
JSON Schemas are made from them. Rules across fields of different files are not here: see
`engine.site.channels`.
"""
