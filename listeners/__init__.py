"""Passive sockets: bytes in, acknowledgments out. Nothing here knows the pipeline, the store or YAML.

`framing` cuts MLLP streams without a socket; `mllp` and `http` speak on one, over what `base` gives both and
`wire` says of Twisted. `credentials` is what an HTTP sender shows, `refusals` what it is told. Arrivals go to the
`engine.domain.ports.Intake` that a listener is given.
"""
