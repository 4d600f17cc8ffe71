"""How a message is read, translated and written. Pure; a site's text never becomes Python.

grammar      the text of an expression → its tree
operators    what `+`, `<` and their kin do with values
functions    what upper() and its kin do
emitter      a tree → Python source
expression   the small language as its users have it: compiled once, called often
faults       what can go wrong with it
sources      where the fields of a read map come from, checked and in order
fields       what was read → a value of the field's type
reading      the functions that a read map is compiled to
reader       read maps: a feed's messages → events
translation  one look-up in a code table, as of a day
writer       write maps: lines → a payload
spec         how faults in maps are told to whoever holds the files

Other packages use `expression`, `reader`, `translation`, `writer` and `spec`.
"""
