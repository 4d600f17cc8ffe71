"""Codecs: bytes of a standard → values, and back. Pure: no I/O, no clock, no site, no meaning.

`hl7v2` reads and answers HL7 version 2 in its bar-and-hat form (ER7). What a message means is decided by read
maps in `engine.mapping`.
"""
