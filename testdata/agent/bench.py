"""contrib/bench agent [--deployments N] [--every S] [--passes N] - what many deployments cost one agent.

An agent with N deployments, each with a group of users that is in sync, against the sandbox; among
them one whose run crashes, one that hangs and heeds no TERM, and one that leaks.
Printed: the agent's memory at rest and at most, its own CPU time and wake-ups for
a pass over all deployments, and how late runs began (behind the time that their
schedule named, which is when the agent itself says that they are due).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

# What is measured has no sanitizers in it.
os.environ.setdefault("TRUEUP", str(Path(__file__).resolve().parents[2] / ".build/agent/trueup"))
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "e2e")]

from agent import Agent  # noqa: E402: it needs the path
from harness import ACCOUNT, REGION, Program, Sandbox, creators, username  # noqa: E402

SHARE = 50  # deployments that have a group in common
TROUBLE = ("crashes", "hangs", "leaks")


def make_trouble(directory: Path) -> str:
    """The library that makes it."""
    library = directory / "trouble.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-O0", "-o", str(library),
                    str(Path(__file__).with_name("trouble.c"))], check=True)
    return str(library)


def specify_all(program: Program, sandbox: Sandbox, count: int) -> list[str]:
    """Their names, those in trouble among them."""
    names = [*TROUBLE, *(f"chat-{number:04}" for number in range(count - len(TROUBLE)))]
    (program.directory / "specs").mkdir()
    who, cognito, pool = creators(sandbox, 1)[0], sandbox.client("cognito-idp"), sandbox.summary["pool"]
    for number in range(-(-count // SHARE)):  # a user can be in no more than 100 groups
        cognito.create_group(UserPoolId=pool, GroupName=f"group-{number}")
        cognito.admin_add_user_to_group(UserPoolId=pool, GroupName=f"group-{number}", Username=username(sandbox, who))
    for index, name in enumerate(names):
        program.write(f"specs/{name}.yaml", f"apiVersion: trueup/v1\nkind: BedrockChat\nmetadata: {{name: {name}}}\n"
                      f"spec:\n  aws: {{region: {REGION}, account: \"{ACCOUNT}\"}}\n  users:\n"
                      f"    pool: {pool}\n    groups: {{group-{index // SHARE}: {{members: [{who}]}}}}\n")
    return names


def read_status(pid: int) -> dict[str, int]:
    lines = (line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {key: int(value.split()[0]) for key, value in lines if value.split()[:1] and value.split()[0].isdigit()}


def read_cpu(pid: int) -> float:
    """Seconds of its own, not of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def begins(agent: Agent) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in list(agent.lines):
        if ": a run begins (" in line["message"]:
            when = datetime.fromisoformat(line["time"]).timestamp()
            found.setdefault(line["message"].partition(":")[0], []).append(when)
    return found


def measure(agent: Agent, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    pid, healthy = agent.process.pid, set(names) - set(TROUBLE)
    at_rest = read_status(pid)["VmRSS"]
    before, clock = read_cpu(pid), time.monotonic()
    while not healthy <= {name for name, when in begins(agent).items() if len(when) > options.passes}:
        time.sleep(1)
        assert agent.process.poll() is None, "the agent has ended"
        assert time.monotonic() - clock < (options.passes + 2) * options.every, "it does not keep up"
    cpu, status, runs = read_cpu(pid) - before, read_status(pid), begins(agent)
    # From start to start it is the schedule's time; what it is more has been waited for room, or for the clock.
    late = [second - first - options.every for name in healthy for first, second in zip(runs[name], runs[name][1:])]
    total = sum(map(len, runs.values()))
    return {
        "deployments": len(names), "runs": total, "seconds": round(time.monotonic() - clock),
        "RSS at start, kB": at_rest, "RSS at most, kB": status["VmHWM"], "RSS now, kB": status["VmRSS"],
        "CPU of the agent for a pass, s": round(cpu / total * len(names), 2),
        "CPU of the agent for a run, ms": round(cpu / total * 1000, 2),
        "behind schedule at most, s": max(late), "behind schedule, median, s": statistics.median(late),
        "failed": sorted({line["message"].partition(":")[0] for line in agent.lines if ": failed: " in line["message"]}),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["agent"])
    parser.add_argument("--deployments", type=int, default=1000)
    parser.add_argument("--every", type=int, default=300, help="seconds from run to run of each")
    parser.add_argument("--passes", type=int, default=1, help="behind the first one")
    parser.add_argument("--concurrency", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-agent-") as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        sandbox = Sandbox(scratch / "sandbox", "--quota", "0")
        sandbox.seed(bots=1, rows=10, users=12)
        program = Program(scratch / "work", sandbox)
        names = specify_all(program, sandbox, options.deployments)
        program.environment["LD_PRELOAD"] = make_trouble(scratch)
        agent = Agent(program, {"schedule": {"every": f"{options.every}s"}, "splay": f"{options.every}s",
                                "concurrency": options.concurrency, "timeout": "1m"})
        agent.wait_for("are in force")
        try:
            found = measure(agent, names, options)
        finally:
            agent.finish()
            sandbox.stop()
    print("\n".join(f"{key:32} {value}" for key, value in found.items()))
    return 0 if found["failed"] == sorted(TROUBLE) else 1


if __name__ == "__main__":
    sys.exit(main())
