"""docs/integrate.md in Python: its server, its backend and its phones make a call."""

import asyncio
import sys
import tempfile
import unittest
from pathlib import Path

import httpx

from guide import Reader, blocks, says
from server import until


class GuideTest(unittest.IsolatedAsyncioTestCase):
    async def test_programs_of_the_guide_make_a_call(self) -> None:
        asyncio.get_running_loop().set_debug(False)
        folder = tempfile.TemporaryDirectory(prefix="chattrix-guide-")
        self.addCleanup(folder.cleanup)
        reader = Reader(Path(folder.name))
        self.addAsyncCleanup(reader.stop)
        backend, phone = blocks("python")
        reader.write("backend.py", backend)
        reader.write("phone.py", phone)
        await reader.start_server()
        await reader.start(sys.executable, "backend.py")

        async def has_token() -> bool:
            async with httpx.AsyncClient() as http:
                return (await http.get(f"{reader.backend}/token?user=bob&device=test")).is_success

        await until(has_token, "a token")
        bob = await reader.start(sys.executable, "phone.py", "bob")
        await says(bob, "bob is connected")
        alice = await reader.start(sys.executable, "phone.py", "alice", "bob")
        await says(alice, "over: ENDED")
        await says(bob, "over: ENDED")
        printed = [path.read_text().splitlines() for path in (alice, bob)]
        self.assertEqual(printed[0], ["alice is connected", "bob accepted: join my-first-call", "over: ENDED"])
        self.assertEqual(printed[1], ["bob is connected", "alice calls", "accepted: join my-first-call", "over: ENDED"])


if __name__ == "__main__":
    unittest.main()
