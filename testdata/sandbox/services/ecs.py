"""ECS on Fargate: clusters, task definitions, and tasks that run the application's embedding program.

A task goes through its states in time; while it is RUNNING, the program (embedding.py) does its work on the
application's table and database. What can go wrong with a task is ordered by control_trouble.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from embedding import ARGUMENT, Program
from pipe import Pipe
from service import AwsError, Call, Service, World, now, token_page

PAGE = 100
STARTED_BY_MAX, TOKEN_MAX, OVERRIDES_MAX, COUNT_MAX = 128, 64, 8192, 10
STOPPED = "STOPPED"
NO_CAPACITY = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
_PULL = ("CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref "
         "registry/bedrock-chat-embedding:latest: not found")
_NO_WAY_OUT = ("ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry "
               "auth from Amazon ECR: There is a connection issue between the task and Amazon ECR.")
_EXITED = "Essential container in task exited"
TROUBLES = {
    "fail": "the program ends FAILED with `reason`, and exit code 0, as it does",
    "crash": "the program ends with exit code 1 in the middle, and says nothing",
    "die": "the container is killed for its memory in the middle",
    "stall": "the program goes on for ever, until `release` or StopTask",
    "pull": "the image cannot be pulled: the task never starts",
    "lost": "the pipe loses the record",
    "capacity": "RunTask answers with a failure in place of a task",
}


@dataclass
class TaskDefinition:
    arn: str
    family: str
    revision: int
    environment: dict[str, str]
    form: str                           # how the program in its image is told its bot
    cpu: str = "2048"
    memory: str = "4096"
    registered: datetime = field(default_factory=now)


@dataclass
class Trouble:
    mode: str
    bot: str                            # an id, or * for any
    count: int
    reason: str


@dataclass
class Task:
    task_id: str
    arn: str
    cluster: str
    definition: TaskDefinition
    request: dict[str, Any]
    program: Program
    started_by: str | None
    principal: str
    created: datetime = field(default_factory=now)
    status: str = "PROVISIONING"
    desired: str = "RUNNING"
    started: datetime | None = None
    stopping: datetime | None = None
    stopped: datetime | None = None
    stop_code: str | None = None
    stopped_reason: str | None = None
    exit_code: int | None = None
    container_reason: str | None = None
    version: int = 1
    killed: threading.Event = field(default_factory=threading.Event)

    @property
    def bot(self) -> str | None:
        return self.program.bot()


class Ecs(Service):
    name = "ecs"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._clusters: dict[str, str] = {}
        self._definitions: dict[str, TaskDefinition] = {}
        self._tasks: dict[str, Task] = {}
        self._tokens: dict[str, tuple[dict[str, Any], list[str]]] = {}
        self._subnets: dict[str, bool] = {}
        self._groups: set[str] = set()
        self._troubles: list[Trouble] = []
        self._overlaps: list[dict[str, Any]] = []
        self._most = 0
        self._pipe: Pipe | None = None
        self._released = threading.Event()
        self._stopping = threading.Event()
        # How many rows each bot's knowledge gives; an estimate is made for others.
        self.chunks: dict[str, int] = {}

    def stop(self) -> None:
        self._stopping.set()
        if self._pipe is not None:
            self._pipe.stop()

    def seed_cluster(self, name: str) -> str:
        """Makes a cluster; returns its ARN."""
        self._clusters[name] = self.arn(f"cluster/{name}")
        return self._clusters[name]

    def seed_network(self, private: list[str], public: list[str], groups: list[str]) -> None:
        """The subnets and security groups that there are."""
        self._subnets |= {name: False for name in private} | {name: True for name in public}
        self._groups |= set(groups)

    def seed_task_definition(self, family: str, environment: dict[str, str], form: str = ARGUMENT) -> str:
        """Registers a revision whose image has the program of that form; returns its ARN."""
        with self.lock:
            revision = 1 + sum(known.family == family for known in self._definitions.values())
            arn = self.arn(f"task-definition/{family}:{revision}")
            self._definitions[arn] = TaskDefinition(arn, family, revision, dict(environment), form)
        return arn

    def seed_pipe(self, table: str, request: dict[str, Any], form: str) -> None:
        """Connects the table's stream to RunTask with these parameters; replaces the pipe that there was."""
        if self._pipe is not None:
            self._pipe.stop()
        self._pipe = Pipe(request, form, self._start_by_pipe, lambda: self.world.settings.seconds / 4, self._is_lost)
        self.world.service("dynamodb").watch(table, self._pipe.take)

    def RunTask(self, call: Call) -> dict[str, Any]:
        params = dict(call.params)
        token = params.pop("clientToken", None)
        self._check(params, token)
        if token in self._tokens:
            before, arns = self._tokens[token]
            if before != params:
                raise AwsError("ConflictException", "The client token was used with other parameters",
                               fields={"resourceIds": arns})
            return {"tasks": [_shown(self._tasks[arn]) for arn in arns if arn in self._tasks], "failures": []}
        answer = self._run(params, call.principal)
        if token is not None and not answer["failures"]:
            self._tokens[token] = (params, [task["taskArn"] for task in answer["tasks"]])
        return answer

    def DescribeTasks(self, call: Call) -> dict[str, Any]:
        cluster = self._cluster(call.get("cluster"))
        if len(call.params["tasks"]) > PAGE:
            raise AwsError("InvalidParameterException", "Tasks cannot have more than 100 elements")
        tasks, failures = [], []
        for name in call.params["tasks"]:
            arn = name if name.startswith("arn:") else self.arn(f"task/{cluster}/{name}")
            task = self._tasks.get(arn)
            if task is None or task.cluster != cluster:
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                tasks.append(_shown(task))
        return {"tasks": tasks, "failures": failures}

    def ListTasks(self, call: Call) -> dict[str, Any]:
        cluster = self._cluster(call.get("cluster"))
        filters = set(call.params) - {"cluster", "nextToken", "maxResults", "desiredStatus"}
        if "startedBy" in filters and len(filters) > 1:
            raise AwsError("InvalidParameterException", "startedBy must be the only filter")
        if filters - {"startedBy", "family", "launchType"}:
            raise AwsError("UnsupportedFeatureException", f"no such filter here: {', '.join(sorted(filters))}")
        limit = call.get("maxResults", PAGE)
        if not 1 <= limit <= PAGE:
            raise AwsError("InvalidParameterException", "maxResults must be between 1 and 100")
        chosen = [task for task in self._tasks.values() if task.cluster == cluster
                  and task.desired == call.get("desiredStatus", "RUNNING")
                  and call.get("startedBy") in (None, task.started_by)
                  and call.get("family") in (None, task.definition.family)]
        tasks, token = token_page(chosen, lambda task: task.arn, limit, call.get("nextToken"),
                                  AwsError("InvalidParameterException", "Invalid token"))
        return {"taskArns": [task.arn for task in tasks], "nextToken": token}

    def DescribeTaskDefinition(self, call: Call) -> dict[str, Any]:
        found = self._definition(call.params["taskDefinition"])
        container = {"name": "Container", "image": "registry/bedrock-chat-embedding:latest", "cpu": 0,
                     "essential": True, "environment": [{"name": name, "value": value}
                                                        for name, value in found.environment.items()]}
        role = f"arn:aws:iam::{self.world.settings.account}:role/{found.family}"
        return {"taskDefinition": {
            "taskDefinitionArn": found.arn, "family": found.family, "revision": found.revision, "status": "ACTIVE",
            "containerDefinitions": [container], "cpu": found.cpu, "memory": found.memory, "networkMode": "awsvpc",
            "taskRoleArn": f"{role}-TaskRole", "executionRoleArn": f"{role}-ExecutionRole",
            "requiresCompatibilities": ["FARGATE"], "compatibilities": ["EC2", "FARGATE"],
            "registeredAt": found.registered}}

    def StopTask(self, call: Call) -> dict[str, Any]:
        cluster, name = self._cluster(call.get("cluster")), call.params["task"]
        task = self._tasks.get(name if name.startswith("arn:") else self.arn(f"task/{cluster}/{name}"))
        if task is None:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        if task.desired != STOPPED:
            task.desired, task.stop_code = STOPPED, "UserInitiated"
            task.stopped_reason = call.get("reason", "Task stopped by user")
            task.killed.set()
        return {"task": _shown(task)}

    def control_trouble(self, args: dict[str, Any]) -> dict[str, Any]:
        """What the next `count` tasks of a bot meet: {"mode": one of TROUBLES, "bot": ID | "*", "count", "reason"}."""
        trouble = Trouble(args["mode"], args.get("bot", "*"), int(args.get("count", 1)),
                          args.get("reason", "An error occurred (ThrottlingException) when calling InvokeModel"))
        if trouble.mode not in TROUBLES:
            raise ValueError(f"mode must be one of {', '.join(TROUBLES)}")
        self._troubles.append(trouble)
        return {"troubles": len(self._troubles)}

    def control_release(self, args: dict[str, Any]) -> dict[str, Any]:
        """Takes back all troubles, and lets stalled programs go on."""
        self._troubles.clear()
        self._released.set()
        self._released = threading.Event()
        return {}

    def control_overlaps(self, args: dict[str, Any]) -> dict[str, Any]:
        """Each time that a task of a bot was started before its last one had stopped; and the most tasks at once."""
        return {"overlaps": self._overlaps, "most": self._most}

    def control_tasks(self, args: dict[str, Any]) -> dict[str, Any]:
        """All tasks, in the order in which they were started."""
        return {"tasks": [{"arn": task.arn, "bot": task.bot, "status": task.status, "startedBy": task.started_by,
                           "principal": task.principal, "exitCode": task.exit_code, "reason": task.stopped_reason}
                          for task in self._tasks.values()]}

    def control_forget(self, args: dict[str, Any]) -> dict[str, Any]:
        """Forgets stopped tasks, as ECS does after an hour or more."""
        self._tasks = {arn: task for arn, task in self._tasks.items() if task.status != STOPPED}
        self._tokens = {token: known for token, known in self._tokens.items() if set(known[1]) <= set(self._tasks)}
        return {"tasks": len(self._tasks)}

    def control_chunks(self, args: dict[str, Any]) -> dict[str, Any]:
        """How many rows bots' knowledge gives from now on: {"bots": {ID: N}}; the answer is all of them."""
        self.chunks |= {bot: int(number) for bot, number in args.get("bots", {}).items()}
        return {"bots": self.chunks}

    # Starting

    def _check(self, params: dict[str, Any], token: str | None) -> None:
        if token is not None and not re.fullmatch(f"[!-~]{{1,{TOKEN_MAX}}}", token):
            raise AwsError("InvalidParameterException", f"clientToken must be 1 to {TOKEN_MAX} printable characters")
        if not re.fullmatch(f"[A-Za-z0-9_/-]{{0,{STARTED_BY_MAX}}}", params.get("startedBy", "")):
            raise AwsError("InvalidParameterException", "startedBy is too long or has invalid characters")
        if not 1 <= params.get("count", 1) <= COUNT_MAX:
            raise AwsError("InvalidParameterException", f"count must be between 1 and {COUNT_MAX}")
        overrides = params.get("overrides", {})
        if len(json.dumps(overrides)) > OVERRIDES_MAX:
            raise AwsError("InvalidParameterException", f"Container Overrides length must be at most {OVERRIDES_MAX}")
        for override in overrides.get("containerOverrides", []):
            if override.get("name") != "Container":
                raise AwsError("InvalidParameterException", f"Override for container named {override.get('name')} is "
                                                            f"not a container in the TaskDefinition.")
        if params.get("launchType") != "FARGATE":
            raise AwsError("InvalidParameterException", "No Container Instances were found in your cluster.")
        self._check_network(params.get("networkConfiguration", {}).get("awsvpcConfiguration"))

    def _check_network(self, network: dict[str, Any] | None) -> None:
        if network is None:
            raise AwsError("InvalidParameterException", "Network Configuration must be provided when networkMode "
                                                        "'awsvpc' is specified.")
        if not network["subnets"]:
            raise AwsError("InvalidParameterException", "subnets can not be empty.")
        unknown = [name for name in network["subnets"] if name not in self._subnets]
        if unknown:
            raise AwsError("InvalidParameterException", f"The subnet ID '{unknown[0]}' does not exist")
        unknown = [name for name in network.get("securityGroups", []) if name not in self._groups]
        if unknown:
            raise AwsError("InvalidParameterException", f"The security group '{unknown[0]}' does not exist")

    def _run(self, params: dict[str, Any], principal: str) -> dict[str, Any]:
        cluster, definition = self._cluster(params.get("cluster")), self._definition(params["taskDefinition"])
        tasks: list[Task] = []
        failures = []
        for _ in range(params.get("count", 1)):
            task = self._make(cluster, definition, params, principal)
            if self._take_trouble("capacity", task.bot) is not None:
                failures.append({"reason": NO_CAPACITY})
                continue
            self._note_overlap(task)
            self._tasks[task.arn] = task
            tasks.append(task)
        active = sum(task.status != STOPPED for task in self._tasks.values())
        self._most = max(self._most, active)
        shown = [_shown(task) for task in tasks]
        for task in tasks:
            threading.Thread(target=self._live, args=(task,), daemon=True).start()
        return {"tasks": shown, "failures": failures}

    def _make(self, cluster: str, definition: TaskDefinition, params: dict[str, Any], principal: str) -> Task:
        task_id = uuid.uuid4().hex
        override: dict[str, Any] = next(iter(params.get("overrides", {}).get("containerOverrides", [])), {})
        environment = definition.environment | {item["name"]: item["value"] for item in
                                                override.get("environment", [])}
        killed = threading.Event()
        program = Program(self.world, task_id, definition.form, override.get("command", ["-u", "embedding/main.py"]),
                          environment, self.chunks, lambda: self._stay(1.0, killed))
        return Task(task_id, self.arn(f"task/{cluster}/{task_id}"), cluster, definition, params, program,
                    params.get("startedBy"), principal, killed=killed)

    def _start_by_pipe(self, params: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            return self._run(params, "pipe")

    def _is_lost(self, bot: str) -> bool:
        with self.lock:
            return self._take_trouble("lost", bot) is not None

    def _take_trouble(self, mode: str | None, bot: str | None) -> Trouble | None:
        """The first trouble of that mode (None: of those that meet a task) for a bot, used up by one."""
        for trouble in self._troubles:
            meets = trouble.mode == mode if mode else trouble.mode not in ("capacity", "lost")
            if meets and trouble.bot in ("*", bot):
                trouble.count -= 1
                self._troubles = [left for left in self._troubles if left.count > 0]
                return trouble
        return None

    def _note_overlap(self, task: Task) -> None:
        others = [other.task_id for other in self._tasks.values()
                  if task.bot is not None and other.bot == task.bot and other.status != STOPPED]
        if others:
            self._overlaps.append({"bot": task.bot, "tasks": [*others, task.task_id]})

    # A task's life

    def _live(self, task: Task) -> None:
        """From PROVISIONING to STOPPED, in a thread of its own."""
        with self.lock:
            trouble = self._take_trouble(None, task.bot)
        network = task.request["networkConfiguration"]["awsvpcConfiguration"]
        stranded = network.get("assignPublicIp") != "ENABLED" and all(self._subnets[name] for name in network["subnets"])
        mode = trouble.mode if trouble is not None else None
        alive = self._stay(0.25, task.killed)
        self._become(task, "PENDING")
        alive = alive and self._stay(0.25, task.killed)
        if alive and (mode == "pull" or stranded):
            self._end(task, None, "TaskFailedToStart", _PULL if mode == "pull" else _NO_WAY_OUT)
        elif alive:
            self._work(task, mode, trouble.reason if trouble is not None else "")
        else:
            self._end(task, None, "UserInitiated", task.stopped_reason or "")

    def _work(self, task: Task, mode: str | None, reason: str) -> None:
        if mode in ("crash", "die"):
            task.program.work = lambda: self._stay(0.5, task.killed) and False
        elif mode == "stall":
            task.program.work = lambda: self._stall(task.killed)
        with self.lock:
            task.started = now()
        self._become(task, "RUNNING")
        code = task.program.run(reason if mode == "fail" else None)
        if code is not None:
            self._end(task, code, "EssentialContainerExited", _EXITED)
        elif mode == "die":
            task.container_reason = "OutOfMemoryError: Container killed due to memory usage"
            self._end(task, 137, "EssentialContainerExited", _EXITED)
        elif mode == "crash":
            self._end(task, 1, "EssentialContainerExited", _EXITED)
        else:
            self._end(task, 143, "UserInitiated", task.stopped_reason or "")

    def _end(self, task: Task, code: int | None, stop_code: str, reason: str) -> None:
        with self.lock:
            task.exit_code, task.desired, task.stopping = code, STOPPED, now()
            task.stop_code, task.stopped_reason = stop_code, reason
        self._become(task, "DEPROVISIONING")
        # What a task's end takes, no StopTask shortens.
        self._stopping.wait(self.world.settings.seconds / 4)
        with self.lock:
            task.stopped = now()
        self._become(task, STOPPED)

    def _become(self, task: Task, status: str) -> None:
        with self.lock:
            task.status = status
            task.version += 1

    def _stay(self, share: float, killed: threading.Event) -> bool:
        """That share of a transition's time; false if the task was stopped meanwhile."""
        return not killed.wait(share * self.world.settings.seconds) and not self._stopping.is_set()

    def _stall(self, killed: threading.Event) -> bool:
        released = self._released
        while not killed.wait(0.02) and not self._stopping.is_set():
            if released.is_set():
                return True
        return False

    # Finding

    def _cluster(self, name: str | None) -> str:
        found = (name or "default").removeprefix(self.arn("cluster/"))
        if found not in self._clusters:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return found

    def _definition(self, name: str) -> TaskDefinition:
        """By ARN, family:revision, or family: its latest."""
        short = name.removeprefix(self.arn("task-definition/"))
        family, _, revision = short.partition(":")
        known = [definition for definition in self._definitions.values() if definition.family == family
                 and revision in ("", str(definition.revision))]
        if not known:
            raise AwsError("ClientException", "Unable to describe task definition.")
        return known[-1]


def _shown(task: Task) -> dict[str, Any]:
    container = {"containerArn": task.arn.replace(":task/", ":container/", 1) + f"/{task.task_id}",
                 "taskArn": task.arn, "name": "Container", "lastStatus": _container_status(task),
                 "exitCode": task.exit_code, "reason": task.container_reason}
    overrides = {"inferenceAcceleratorOverrides": [], "containerOverrides": [], **task.request.get("overrides", {})}
    return {"taskArn": task.arn, "clusterArn": task.arn.replace(":task/", ":cluster/", 1).rpartition("/")[0],
            "taskDefinitionArn": task.definition.arn, "overrides": overrides, "lastStatus": task.status,
            "desiredStatus": task.desired, "launchType": "FARGATE", "cpu": task.definition.cpu,
            "memory": task.definition.memory, "containers": [container], "startedBy": task.started_by,
            "group": task.request.get("group", f"family:{task.definition.family}"), "version": task.version,
            "createdAt": task.created, "startedAt": task.started, "stoppingAt": task.stopping,
            "stoppedAt": task.stopped, "stopCode": task.stop_code, "stoppedReason": task.stopped_reason}


def _container_status(task: Task) -> str:
    if task.status in ("DEPROVISIONING", STOPPED):
        return STOPPED
    return "RUNNING" if task.status == "RUNNING" else "PENDING"
