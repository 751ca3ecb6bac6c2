"""Runs the programs of docs/integrate.md, as a reader does: in a folder, with the server and a backend beside them."""

import asyncio
import os
import re
import signal
from pathlib import Path

from server import PROGRAM, ROOT, free_port, until

GUIDE = ROOT / "docs" / "integrate.md"


def blocks(language: str) -> list[str]:
    """Returns the blocks of the guide in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class Reader:
    """Folder with the files of the guide, and its running programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = {"8000": str(free_port()), "3000": str(free_port())}
        self._running: list[asyncio.subprocess.Process] = []

    def write(self, name: str, text: str) -> None:
        """Writes a file, with free ports in place of those of the guide."""
        for example, port in self._ports.items():
            text = text.replace(example, port)
        (self.folder / name).write_text(text, encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports['8000']}"

    @property
    def backend(self) -> str:
        return f"http://127.0.0.1:{self._ports['3000']}"

    async def start(self, *command: str) -> Path:
        """Starts a program; returns the file with its output."""
        output = self.folder / f"output-{len(self._running)}"
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        with output.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.folder,
                env={"PATH": path, "HOME": str(self.folder), "ROCKET_PORT": self._ports["8000"]},
                stdout=file,
                stderr=file,
                # The shell of the guide starts the server as its child.
                start_new_session=True,
            )
        self._running.append(process)
        return output

    async def start_server(self) -> None:
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "chattrix").symlink_to(PROGRAM)
        script, *_ = blocks("sh")
        said = await self.start("bash", "-euo", "pipefail", "-c", script)
        await says(said, "listening on")

    async def stop(self) -> None:
        for process in self._running:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGTERM)
            await process.wait()


async def says(output: Path, words: str) -> None:
    """Waits until a program has printed `words`."""
    try:
        await until(lambda: words in output.read_text(encoding="utf-8"), words)
    except AssertionError as error:
        raise AssertionError(f"{error}; printed: {output.read_text(encoding='utf-8')}") from None
