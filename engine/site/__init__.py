"""A site: a folder of YAML and CSV, checked whole and compiled whole into a release. Runs nothing.

`load_site` reads the files once, `check` says every fault with its place, `compile_release` makes the frozen
`Release` that the pipeline steps with, `compile_environment` the ports, addresses and secrets of one
environment.
"""
