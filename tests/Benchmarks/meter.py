"""Runs one command line and measures it: wall time, CPU time, memory of its process tree."""
import os
import subprocess
import threading
import time
from dataclasses import dataclass

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Run:
    wall: float
    cpu: float          # user + system, the command and all it started
    postgres_cpu: float  # the server's backends that ended meanwhile
    s3_cpu: float       # moto_server
    tree_pss: int       # peak over the samples of the sum of PSS over the process tree, bytes
    largest_rss: int    # peak RSS of the largest single process, bytes
    largest_name: str
    output: str


def _fields(pid):
    """The fields of /proc/PID/stat behind the command name, which may hold spaces."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()


def cpu_of(pid):
    """Own CPU seconds of a process plus those of its children that have ended."""
    return sum(int(field) for field in _fields(pid)[11:15]) / TICK


def _tree(root):
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents.setdefault(int(_fields(name)[1]), []).append(int(name))
            except OSError:
                continue  # it has ended
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(parents.get(pid, []))
    return found


def _kilobytes(path, key):
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(key):
                return int(line.split()[1])
    return 0


class _Sampler(threading.Thread):
    """Looks at the process tree every 50 ms."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.root, self.ended = root, threading.Event()
        self.tree_pss, self.largest_rss, self.largest_name = 0, 0, ""

    def run(self):
        while not self.ended.wait(0.05):
            total = 0
            for pid in _tree(self.root):
                try:
                    total += _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:")
                    peak = _kilobytes(f"/proc/{pid}/status", "VmHWM:")
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
                        name = comm.read().strip()
                except OSError:
                    continue  # it has ended
                if peak * 1024 > self.largest_rss:
                    self.largest_rss, self.largest_name = peak * 1024, name
            self.tree_pss = max(self.tree_pss, total * 1024)


def measure(line, postgres, s3, environment=None):
    """Runs a bash command line. Anything but exit code 0 ends the benchmark: a failed run has no time."""
    postgres_before, s3_before = cpu_of(postgres), cpu_of(s3)
    with open(os.path.join(os.environ["BENCH_WORK"], "command.log"), "w+", encoding="utf-8", errors="replace") as log:
        start = time.monotonic()
        process = subprocess.Popen(["bash", "-c", "set -euo pipefail; " + line], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                   env={**os.environ, **(environment or {})})
        sampler = _Sampler(process.pid)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.ended.set()
        sampler.join()
        log.seek(0)
        output = log.read()
    if process.returncode != 0:
        raise SystemExit(f"exit code {process.returncode}: {line}\n{output[-4000:]}")
    time.sleep(0.3)  # backends end a moment after their clients
    return Run(wall, usage.ru_utime + usage.ru_stime, cpu_of(postgres) - postgres_before, cpu_of(s3) - s3_before,
               sampler.tree_pss, sampler.largest_rss, sampler.largest_name, output)
