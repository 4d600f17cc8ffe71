"""Passive sockets: bytes in, acknowledgments out. Nothing here knows the pipeline, the store or YAML.

`framing` cuts MLLP streams without a socket, `mllp` and `http` speak on one, `base` is what both share,
`credentials` is what an HTTP sender shows. Arrivals go to the `engine.domain.ports.Intake` they are given.
"""
