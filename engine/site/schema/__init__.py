"""The shape of every file of a site, as pydantic models: one schema that parses, lints, documents, completes.

Each field has a description, an example and, where it measures something, a unit; the reference pages and the
JSON Schemas are made from them. Rules across fields of different files are not here: see
`engine.site.channels`.
"""

from engine.site.schema.base import Model
from engine.site.schema.channel import ChannelFile
from engine.site.schema.environment import EnvironmentFile
from engine.site.schema.mapping import ReadFile, TableFile, WriteFile
from engine.site.schema.site import SiteFile

FILES: dict[str, type[Model]] = {
    "site": SiteFile,
    "environment": EnvironmentFile,
    "channel": ChannelFile,
    "read-map": ReadFile,
    "write-map": WriteFile,
    "table": TableFile,
}
"""Every kind of file by the name of its reference page and JSON Schema."""
