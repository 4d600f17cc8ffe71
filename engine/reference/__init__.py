"""Code tables with effective dates: what a clinical code means in the ledger, on a day. Pure; reads no file.

`sheet` reads CSV as spreadsheets write it, `table` compiles it against its declaration and finds rows.
"""
