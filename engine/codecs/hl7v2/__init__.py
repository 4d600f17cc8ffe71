"""HL7 v2 in ER7 form: tolerant to read, exact to keep, strict to write.

    delimiters  MSH-1 and MSH-2 of this very message
    charset     MSH-18 → Python codecs; bytes → text
    header      the MSH segment alone, in microseconds (`peek`)
    lexer       a whole message as lazily split segments (`Message`)
    group       what belongs to one FT1, one ORC…
    path        `FT1-7.1`, compiled once, read often
    escape      what stands between escape characters
    timestamp   dates and times with the precision they were sent with
    batch       files with many messages
    ack         what is answered, and what an answer says

Faults are `MessageError`s with codes `HL7001`…; none carries content. Source: HL7 v2.3 to v2.8.2, chapter 2.
"""
