"""Expressions of all forms, next times as cronsim has them, which follows Debian's cron; daylight saving included."""

from __future__ import annotations

import os
import random
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim

CASES = Path(os.environ["CRON_CASES"])
COUNT = 20
# Changes of an hour both ways, of half an hour, in the south, at midnight, and none.
ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kolkata", "UTC"]
FIELDS = [(0, 59, None), (0, 23, None), (1, 31, None),
          (1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()), (0, 7, "SUN MON TUE WED THU FRI SAT".split())]
KNOWN = ["*/15 * * * *", "0 0 * * 0", "30 2 * * *", "30 1 * * *", "15 2,3 * * *", "0 */2 * * *", "*/30 1-3 * * *", "0 0 29 2 *",
         "0 12 29 2 1", "0 0 13 * 5", "0 0 */2 * 1", "5 4 * * sun", "0 0 1,15 * 3", "59 23 31 12 *", "*/7 */5 * * *", "0 0 * * 7",
         "0 0 31 * *", "10-50/20 3 1-7 * 1", "0 0 * feb-apr mon-fri", "*/20 2 25-31 3,10 0"]


def an_item(rng: random.Random, least: int, most: int, names: list[str] | None) -> str:
    def value(number: int) -> str:
        if names is not None and rng.random() < 0.3 and number - least < len(names):
            return names[number - least] if rng.random() < 0.5 else names[number - least].lower()
        return str(number)

    form = rng.random()
    # No range of one value: with a step cronsim, unlike cron, reads 5-5/2 as 5/2.
    first, last = sorted(rng.sample(range(least, most + 1), 2))
    if form < 0.4:
        return value(first)
    if form < 0.6:
        return f"{value(first)}-{value(last)}"
    if form < 0.75:
        return f"{value(first)}-{value(last)}/{rng.randint(1, max(1, last - first + 1))}"
    if form < 0.85:
        return f"{value(first)}/{rng.randint(1, most)}"
    return f"*/{rng.randint(1, most)}"


def a_field(rng: random.Random, number: int) -> str:
    if rng.random() < (0.1, 0.3, 0.6, 0.6, 0.6)[number]:
        return "*"
    return ",".join(an_item(rng, *FIELDS[number]) for _ in range(rng.choice((1, 1, 1, 2, 3))))


def expressions(rng: random.Random, count: int) -> list[str]:
    found = list(KNOWN)
    while len(found) < count:
        text = " ".join(a_field(rng, number) for number in range(5))
        try:
            next(CronSim(text, datetime(2026, 1, 1)))
        except Exception:  # what never comes, by cronsim's own account
            continue
        found.append(text)
    return found


def next_times(text: str, zone: str, after: int) -> list[int]:
    moments = CronSim(text, datetime.fromtimestamp(after, ZoneInfo(zone)))
    return [int(next(moments).astimezone(timezone.utc).timestamp()) for _ in range(COUNT)]


def test_next_times_are_those_of_cronsim() -> None:
    rng = random.Random(20261125)
    cases = [(text, rng.choice(ZONES)) for text in expressions(rng, 520)]
    # Days before changes of the clock, so that the twenty times go over them.
    starts = [int(datetime(2026, 3, 27, 22, 10, tzinfo=timezone.utc).timestamp()),
              int(datetime(2026, 10, 23, 20, 59, tzinfo=timezone.utc).timestamp()),
              int(datetime(2027, 12, 31, 23, 59, tzinfo=timezone.utc).timestamp())]
    asked = [(text, zone, start) for text, zone in cases for start in starts]
    lines = "".join(f"{text}|{zone}|{start}|{COUNT}\n" for text, zone, start in asked)
    done = subprocess.run([CASES], input=lines, capture_output=True, text=True, check=True, timeout=300)
    answers = done.stdout.splitlines()
    assert len(answers) == len(asked) >= 1500
    wrong = [(case, answer) for case, answer in zip(asked, answers)
             if answer != " ".join(map(str, next_times(*case)))]
    assert wrong == [], f"{len(wrong)} of {len(asked)}: {[case for case, _ in wrong]}"
