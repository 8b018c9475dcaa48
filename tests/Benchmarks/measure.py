#!/usr/bin/env python3
"""The measurements of the benchmark. Started by ./run, which makes the database and the local S3."""
import argparse
import datetime
import glob
import hashlib
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import urllib.parse

import boto3

import meter
from proxy import CountingProxy

ROOT, WORK, JOBS = os.environ["BENCH_ROOT"], os.environ["BENCH_WORK"], os.environ["BENCH_JOBS"]
POSTGRES, S3 = int(os.environ["BENCH_POSTGRES_PID"]), int(os.environ["BENCH_MOTO_PID"])
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
TABLES = ("pgbench_accounts", "events", "users", "rooms")
MANIFESTS = 5000
README = pathlib.Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"


def url(database):
    return f"postgresql://postgres@/{database}?host={urllib.parse.quote(WORK, safe='')}"


# Every command line that is compared, ours and the peer's.
BACKUP = os.environ.get("BACKUP_COMMAND", os.path.join(ROOT, "backup"))
LINES = {
    "ours": {
        "backup": f"{BACKUP} run --source '{url('bench')}' --vault s3://bench/ours --jobs {JOBS}",
        "restore": f"{BACKUP} restore latest --vault s3://bench/ours --target '{url('restored')}' --create --jobs {JOBS} --output json",
        "table": f"{BACKUP} restore latest --vault s3://bench/ours --target '{url('restored')}' --create --table public.TABLE",
        "full": f"{BACKUP} run --source '{url('bench')}' --vault s3://bench/full --jobs {JOBS}",
        "off": f"{BACKUP} run --source '{url('bench')}' --vault s3://bench/off --jobs {JOBS} --fingerprint off",
        "drill": f"{BACKUP} drill latest --vault s3://bench/ours --jobs {JOBS} --no-record --report '{WORK}/report'",
        "small": f"{BACKUP} run --source '{url('small')}' --vault '{WORK}/vault'",
        "list": f"{BACKUP} list --vault '{WORK}/vault' --output json",
    },
    "peer": {
        "backup": "pg_dump -Fc bench | aws s3 cp - s3://bench/peer/bench.dump",
        "restore": "createdb restored; aws s3 cp s3://bench/peer/bench.dump - | pg_restore -d restored",
        # pg_restore stops reading when it has the table, which breaks a pipe: hence the file.
        "table": f"createdb restored; aws s3 cp --quiet s3://bench/peer/bench.dump '{WORK}/bench.dump'; pg_restore -d restored -t TABLE '{WORK}/bench.dump'",
    },
}


def note(text):
    print(f"benchmark: {text}", file=sys.stderr, flush=True)


def psql(sql, database="postgres"):
    return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql], check=True, capture_output=True, text=True).stdout.strip()


class Bucket:
    def __init__(self):
        self._bucket = boto3.resource("s3").Bucket("bench")
        self._bucket.create(CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]})

    def size(self, prefix):
        return sum(item.size for item in self._bucket.objects.filter(Prefix=prefix))

    def empty(self, prefix):
        self._bucket.objects.filter(Prefix=prefix).delete()


def contents(database):
    """Rows of every table: a restore that lost some must not win."""
    return {table: psql(f"SELECT count(*) FROM {table}", database) for table in TABLES}


def timed(side, verb, line=None, environment=None):
    psql("CHECKPOINT")
    return meter.measure(line or LINES[side][verb], POSTGRES, S3, environment)


def compare_backups(sides, pairs, bucket):
    runs = {side: [] for side in sides}
    for number in range(-1, pairs):  # the first pair warms the caches and is not counted
        for side in sides if number % 2 else reversed(sides):
            bucket.empty(f"{side}/")
            run = timed(side, "backup")
            run.stored = bucket.size(f"{side}/")
            note(f"backup {side} {'warm-up' if number < 0 else number + 1}: {run.wall:.1f} s, {run.stored:,} bytes")
            if number >= 0:
                runs[side].append(run)
    return runs


def compare_restores(sides, pairs):
    runs, expected = {side: [] for side in sides}, contents("bench")
    for number in range(pairs):
        for side in sides if number % 2 else reversed(sides):
            run = timed(side, "restore")
            if contents("restored") != expected:
                raise SystemExit(f"{side}: the restored database differs: {contents('restored')}, not {expected}")
            psql("DROP DATABASE restored")
            note(f"restore {side} {number + 1}: {run.wall:.1f} s")
            runs[side].append(run)
    return runs


def compare_fingerprints(pairs):
    """Our own run with and without fingerprints, in the columns of ours and the peer."""
    runs = {"ours": [], "peer": []}
    for number in range(pairs):
        for side, mode in (("ours", "full"), ("peer", "off")) if number % 2 else (("peer", "off"), ("ours", "full")):
            runs[side].append(timed("ours", mode))
            note(f"fingerprints {mode} {number + 1}: {runs[side][-1].wall:.1f} s")
    return runs


def step(run, name):
    document, _ = json.JSONDecoder().raw_decode(run.output, re.search(r"^\{", run.output, re.MULTILINE).start())  # progress goes before it
    return next(s["seconds"] for s in document["steps"] if s["step"] == name)


def one_table(side, table):
    """Bytes read from S3 and seconds for a restore of one table."""
    address = urllib.parse.urlparse(ENDPOINT)
    with CountingProxy(address.hostname, address.port) as proxy:
        run = timed(side, "table", LINES[side]["table"].replace("TABLE", table), {"AWS_ENDPOINT_URL": proxy.url})
        if psql(f"SELECT count(*) FROM {table}", "restored") != psql(f"SELECT count(*) FROM {table}", "bench"):
            raise SystemExit(f"{side}: the restored table {table} differs")
        psql("DROP DATABASE restored")
        note(f"one table {side} {table}: {proxy.received:,} bytes read, {run.wall:.1f} s")
        return proxy.received, run.wall


def many_manifests():
    """Fills a folder vault with copies of one real manifest, each with its own id, hour and checksum."""
    original = pathlib.Path(glob.glob(f"{WORK}/vault/**/manifest.json", recursive=True)[0])
    old_id, database = original.parent.name, original.parents[3].name
    text = original.read_text(encoding="utf-8")
    for number in range(1, MANIFESTS):
        moment = datetime.datetime(2025, 12, 31, 2, tzinfo=datetime.UTC) - datetime.timedelta(hours=number)
        new_id = f"{database}_{moment:%Y%m%dT%H%M%SZ}"
        copy = text.replace(old_id, new_id).replace(f"{original.parents[2].name}/{original.parents[1].name}/{new_id}", f"{moment:%Y/%m}/{new_id}")
        copy = re.sub(r'("(?:startedAt|finishedAt|time)": *")[^"]{10}T[^".+Z]{8}', rf"\g<1>{moment:%Y-%m-%dT%H:%M:%S}", copy)
        copy = re.sub(r'("manifestSha256": *")[0-9a-f]{64}', r"\g<1>" + "0" * 64, copy)
        copy = re.sub(r'("manifestSha256": *")0{64}', r"\g<1>" + hashlib.sha256(copy.encode()).hexdigest(), copy)
        folder = original.parents[3] / f"{moment:%Y}" / f"{moment:%m}" / new_id
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_bytes(copy.encode())


def listings(pairs):
    psql("CREATE DATABASE small")
    subprocess.run("pg_dump -Fc -t users -t rooms -t settings bench | pg_restore -d small", shell=True, check=True)
    meter.measure(LINES["ours"]["small"], POSTGRES, S3)
    many_manifests()
    runs = [timed("ours", "list") for _ in range(pairs + 1)][1:]
    if (found := runs[0].output.count('"small_')) < MANIFESTS:
        raise SystemExit(f"list shows {found} of {MANIFESTS} backups")
    return runs


def spread(values, form):
    return form(statistics.median(values)) + (f" ({form(min(values))}–{form(max(values))})" if len(set(map(form, values))) > 1 else "")


def seconds(value):
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def megabytes(value):
    return f"{value / 1e6:,.1f} MB"


def row(title, runs, value, form):
    cells = {side: [value(run) for run in runs.get(side, [])] for side in ("ours", "peer")}
    ratio = f"{statistics.median(a / b for a, b in zip(cells['ours'], cells['peer'])):.2f}" if all(cells.values()) and all(cells["peer"]) else "—"
    return f"| {title} | " + " | ".join(spread(cells[side], form) if cells[side] else "—" for side in ("ours", "peer")) + f" | {ratio} |"


def block(verb, runs):
    rows = [row(f"{verb}: wall time", runs, lambda run: run.wall, seconds)]
    if verb == "backup":
        rows.append(row("backup: stored bytes", runs, lambda run: run.stored, megabytes))
    rows += [row(f"{verb}: CPU of the command", runs, lambda run: run.cpu, seconds),
             row(f"{verb}: CPU of PostgreSQL", runs, lambda run: run.postgres_cpu, seconds),
             row(f"{verb}: CPU of the local S3", runs, lambda run: run.s3_cpu, seconds),
             row(f"{verb}: memory of the process tree", runs, lambda run: run.tree_pss, megabytes),
             row(f"{verb}: memory of the largest process", runs, lambda run: run.largest_rss, megabytes)]
    names = ", ".join(f"{side} {runs[side][0].largest_name}" for side in runs)
    rows[-1] = rows[-1].replace("largest process", f"largest process ({names})")
    return rows


def machine(pairs):
    def version(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0].strip("* ,")
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    size = psql("SELECT pg_size_pretty(pg_database_size('bench'))")
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return (f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, commit {commit}. {os.cpu_count()} cores ({model}), {memory:.0f} GB RAM, "
            f"load {os.getloadavg()[1]:.1f} over the last 5 minutes. {version('pg_dump', '--version')}, zstd {version('zstd', '--version').split()[-4].strip(',')}, "
            f".NET {version('dotnet', '--version')}, {version('aws', '--version').split()[0]}. Database {size}, {JOBS} jobs, {pairs} pairs.")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--only", default="backup,restore,fingerprint,drill,table,list")
    arguments.add_argument("--side", choices=["ours", "peer"])
    arguments.add_argument("--write", action="store_true")
    options = arguments.parse_args()
    parts, sides, bucket = options.only.split(","), [options.side] if options.side else ["ours", "peer"], Bucket()

    # The restores need a backup, so backups are always made; one pair is enough when they are not asked for.
    backups = compare_backups(sides, options.pairs if "backup" in parts else 1, bucket)
    table = block("backup", backups) if "backup" in parts else []
    if "restore" in parts:
        restores = compare_restores(sides, options.pairs)
        table += block("restore", restores)
        if "ours" in sides:
            table.append(row("restore: of its wall time, counting every row and ANALYZE", {"ours": restores["ours"]}, lambda run: step(run, "compare"), seconds))
    if "fingerprint" in parts and "ours" in sides:
        found = compare_fingerprints(options.pairs)
        table += [row("run with all fingerprints (left) and with none (right): wall time", found, lambda run: run.wall, seconds),
                  row("run with all fingerprints (left) and with none (right): CPU of the command", found, lambda run: run.cpu, seconds)]
    if "drill" in parts and "ours" in sides:
        table.append(row("drill of the whole database, every row compared", {"ours": [timed("ours", "drill")]}, lambda run: run.wall, seconds))
    if "table" in parts:
        for name in ("events", "users"):
            found = {side: [one_table(side, name)] for side in sides}
            table += [row(f"restore of table {name}: bytes read", found, lambda one: one[0], megabytes),
                      row(f"restore of table {name}: wall time", found, lambda one: one[1], seconds)]
    if "list" in parts and "ours" in sides:
        table.append(row(f"list of {MANIFESTS:,} backups in a folder", {"ours": listings(options.pairs)}, lambda run: run.wall, seconds))

    report = "\n".join([machine(options.pairs), "", "| measure | backup | pg_dump -Fc and aws s3 cp | ratio |", "| --- | --- | --- | --- |", *table])
    print(report)
    if options.write:
        text = README.read_text(encoding="utf-8")
        head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
        README.write_text(f"{head}{BEGIN}\n{report}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
