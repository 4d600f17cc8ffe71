"""MLLP servers of other libraries that only answer: what a door costs without an engine behind it.

python bench/floors.py hl7|hl7apy PORT
"""

from __future__ import annotations

import asyncio
import sys


async def python_hl7(port: int) -> None:
    from hl7.mllp import start_hl7_server

    async def answer(reader, writer) -> None:  # type: ignore[no-untyped-def]
        try:
            while True:
                message = await reader.readmessage()
                writer.writemessage(message.create_ack())
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async with await start_hl7_server(answer, host="127.0.0.1", port=port) as server:
        await server.serve_forever()


def hl7apy(port: int) -> None:
    from hl7apy.mllp import AbstractHandler, MLLPServer
    from hl7apy.parser import parse_message

    class Answer(AbstractHandler):
        def reply(self) -> str:
            control_id = parse_message(self.incoming_message).msh.msh_10.value
            return f"\x0bMSH|^~\\&|A|B|C|D|20261120101500||ACK|1|P|2.5.1\rMSA|AA|{control_id}\r\x1c\r"

    MLLPServer("127.0.0.1", port, {"DFT^P03^DFT_P03": (Answer,)}).serve_forever()


if __name__ == "__main__":
    which, port = sys.argv[1], int(sys.argv[2])
    if which == "hl7":
        asyncio.run(python_hl7(port))
    else:
        hl7apy(port)
