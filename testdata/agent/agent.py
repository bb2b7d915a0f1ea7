"""An agent that runs beside a test: its log is what it says, /proc what it does."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from harness import TRUEUP, Program

PATIENCE = 60  # seconds for anything


def wait_until(holds: Callable[[], Any], what: Callable[[], str] = lambda: "it never came about") -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)
    return found


def is_running(pid: int) -> bool:
    """Not so a zombie, which waits for whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def specify(program: Program, name: str, **sections: object) -> Path:
    (program.directory / "specs/baselines").mkdir(parents=True, exist_ok=True)
    return program.specify(f"specs/{name}.yaml", name=name, **sections)


class Agent:
    """`trueup agent` with its log read as it comes."""

    def __init__(self, program: Program, configuration: dict[str, Any], words: tuple[str, ...] = ("-v",)) -> None:
        self.file = program.directory / "agent.yaml"
        self.lines: list[dict[str, str]] = []
        self.raw: list[str] = []
        self.configure(**configuration)
        self.process = subprocess.Popen(
            [str(TRUEUP), "agent", *words, "--log-format", "json", str(self.file)], cwd=program.directory,
            env=program.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def configure(self, **configuration: Any) -> None:
        document = {"apiVersion": "trueup/v1", "kind": "Agent", "specs": {"path": "specs"}, "splay": "0s",
                    **configuration}
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.raw.append(line)
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                pass

    def messages(self, text: str) -> list[str]:
        return [line["message"] for line in list(self.lines) if text in line["message"]]

    def wait_for(self, text: str, count: int = 1) -> str:
        """The count-th line that has this text."""
        found: list[str] = wait_until(lambda: (self.messages(text) + [""] * count)[count - 1] and self.messages(text),
                                      lambda: f"the agent never said {text!r}\n" + "".join(self.raw))
        return found[count - 1]

    def children(self) -> list[int]:
        try:
            text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except OSError:
            return []
        return [int(pid) for pid in text.split()]

    def child(self) -> int:
        """Of the run that is under way: once it is trueup, and no longer a copy of the agent."""
        def find() -> int:
            for pid in self.children():
                try:
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if words[1:2] in ([b"apply"], [b"plan"]):
                    return pid
            return 0
        return int(wait_until(find, lambda: "no run ever began"))

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, times: int = 1) -> int:
        """Told to stop, the agent does, and none of its children is left."""
        children = self.children()
        self.send(number)
        if times > 1:
            self.wait_for("stopping:")
            self.send(number)
        code = self.process.wait(PATIENCE)
        self._reader.join()
        wait_until(lambda: not any(map(is_running, children)), lambda: f"{children} are left")
        return code

    def finish(self) -> None:
        if self.process.poll() is None:
            self.end(times=2)
        log = "".join(self.raw)
        assert "Sanitizer" not in log and "runtime error" not in log, log
        assert self.process.returncode in (0, -signal.SIGKILL), log
