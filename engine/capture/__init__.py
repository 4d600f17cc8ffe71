"""Channel tests made of messages that came in: de-identified, tried, and told where they do otherwise than it did.

    desk        the site, the channel that gets the tests, the messages
    capturing   the whole way, up to the files that are to be written
    comparing   what a captured message does otherwise
    testing     the test of one message with its files, and what must hold before they are written
    writing     tests added to a channel's file as text

Reads no store and writes no file: that is the command's.
"""
