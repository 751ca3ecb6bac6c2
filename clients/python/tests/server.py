"""The real server with users and tokens, and a relay to it that can be cut."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("CHATTRIX", str(ROOT / "target" / "debug" / "chattrix"))
SECRET = "a secret of these tests, longer than thirty-two bytes"
# Longest wait in seconds, on a loaded machine.
PATIENCE = 30


def sign(user: str, session: str | None = None, seconds: float = 3600) -> str:
    """Returns a token of `user` for a session, which lasts for so many seconds."""

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    now = int(time.time())
    claims = {"sub": user, "sid": session or str(uuid.uuid4()), "iat": now, "exp": now + int(seconds), "jti": str(uuid.uuid4())}
    text = ".".join(part(json.dumps(one).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{text}.{part(hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256))}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Server:
    """The program, on a port that is free, with the users alice and bob; `settings` are variables."""

    def __init__(self, **settings: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="chattrix-python-")
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "CHATTRIX_DATABASE": str(Path(self._folder) / "calls.db"),
            "CHATTRIX_JWT_SECRET": SECRET,
            "CHATTRIX_INITIATE_RATE": "off",
            "CHATTRIX_REQUEST_RATE": "off",
            "CHATTRIX_AUTH_FAILURE_RATE": "off",
            "ROCKET_ADDRESS": "127.0.0.1",
            "ROCKET_PORT": str(self.port),
            **settings,
        }

    async def _spawn(self, *arguments: str) -> asyncio.subprocess.Process:
        nothing = asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(
            PROGRAM, *arguments, cwd=self._folder, env=self._environment, stdout=nothing, stderr=nothing
        )

    async def create(self) -> None:
        for user, name in (("alice", "Alice"), ("bob", "Bob")):
            added = await self._spawn("user", "add", user, "--name", name)
            assert await added.wait() == 0, f"user add {user} failed"
        await self.start()

    async def output(self, *arguments: str) -> str:
        """Returns what a command prints."""
        run = await asyncio.create_subprocess_exec(
            PROGRAM, *arguments, cwd=self._folder, env=self._environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )
        printed, _ = await run.communicate()
        assert run.returncode == 0, f"{arguments} failed"
        return printed.decode().strip()

    async def start(self) -> None:
        self._process = await self._spawn("serve")

        async def is_ready() -> bool:
            async with httpx.AsyncClient() as http:
                return (await http.get(f"{self.url}/readyz")).is_success

        await until(is_ready, "the server to be ready")

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process:
            self._process.send_signal(how)
            await self._process.wait()
            self._process = None

    async def remove(self) -> None:
        await self.stop()
        shutil.rmtree(self._folder)


class Relay:
    """Relay to a port that can drop all bytes, as a network does that disappears without notice."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # Whether it drops everything, what clients send, or what the server sends.
        self.is_dead = self.is_deaf = self.is_mute = False
        # What it has passed on to clients.
        self.sent: list[bytes] = []
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, far_writer}
        for source, sink, is_up in ((reader, far_writer, True), (far_reader, writer, False)):
            task = asyncio.create_task(self._pass(source, sink, is_up))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_up: bool) -> None:
        try:
            while data := await source.read(65536):
                if self.is_dead or (self.is_deaf and is_up) or (self.is_mute and not is_up):
                    continue
                if not is_up:
                    self.sent.append(data)
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    def close(self) -> None:
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()


async def until(done: Callable[[], object | Awaitable[bool]], what: str) -> None:
    """Waits until `done` returns a true value. Without a response from the server, it tries again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            result = done()
            if await result if isinstance(result, Awaitable) else result:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
        await asyncio.sleep(0.02)
