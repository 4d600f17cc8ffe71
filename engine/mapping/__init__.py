"""How a message is read, translated and written. Pure: no I/O, no clock, no Python reachable from a site's
text.

grammar      the text of an expression → its tree
operators    what + < and their kin do with values; functions: what upper() and its kin do
emitter      a tree → one Python expression
expression   the small language as its users have it: compile once, call often
reader       read maps: a feed's messages → events
translation  one look-up in a code table, as of a day
writer       write maps: lines → a payload
spec         how faults in maps are told to whoever holds the files
"""
