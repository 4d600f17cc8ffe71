"""De-identifies HL7 messages, so that they may stand in version control: fails closed, and says places, never values.

    rules        what each field of each segment is: `PID-5` a name, `FT1-7` a code
    kinds        what becomes of each component of such a field
    reads        what a channel's read map adds to that: which local fields are codes, and which tell of a patient
    leaves       every value of a message with its place
    surrogates   the same letters-for-letters, digits-for-digits stand-in for the same value, by a key that nobody keeps
    shifting     dates, moved by whole weeks, by as many for all of one patient
    gate         what was taken out and shows again
    dataset      all of it, over messages that belong together

A field that neither a rule nor the read map names is replaced. Pure: values in, values out.
"""
