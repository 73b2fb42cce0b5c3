#!/usr/bin/env python3
"""What an activity costs in a batch of 1,000 and what it costs alone: CPU of the server, and of PostgreSQL.

    scripts/measure-batch.py                            on SQLite
    scripts/with-postgres scripts/measure-batch.py      on SQLite and on the PostgreSQL that is started

FEEDME_BIN names the binary; without it, target/release/feed-me (make build).
"""
import http.client
import json
import os
import re
import subprocess
import tempfile

ITEMS = 1000
ROUNDS = 5
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pids):
    """User and system time of the processes, those of their ended children too."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def postgres_pids():
    found = subprocess.run(["pgrep", "-f", "^postgres:|/postgres "], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def activities(offset):
    made = {"actor": "ivan", "verb": "post", "target": "eric"}
    return [{**made, "object": f"post:{offset + number}"} for number in range(ITEMS)]


def measure(name, url):
    binary = os.path.abspath(os.environ.get("FEEDME_BIN", "target/release/feed-me"))
    with tempfile.TemporaryDirectory() as folder:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FEEDME")}
        environment |= {
            "FEEDME__SERVER__LISTEN": "127.0.0.1:0",
            "FEEDME__DATABASE__URL": url,
            "FEEDME__LOG__FILTER": "warn",
        }
        server = subprocess.Popen([binary, "serve"], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        try:
            port = None
            for line in server.stdout:
                if listens := re.search(r"listens on http://127\.0\.0\.1:(\d+)", line):
                    port = int(listens[1])
                    break
            if port is None:
                raise SystemExit(f"{binary} did not start")
            client = http.client.HTTPConnection("127.0.0.1", port)

            def call(method, path, body):
                client.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
                answer = client.getresponse()
                answer.read()
                if answer.status not in (200, 201):
                    raise SystemExit(f"{method} {path}: {answer.status}")

            for user in ("ivan", "eric"):
                call("PUT", f"/v1/users/{user}", {})
            call("POST", "/v1/activities/batch", {"activities": activities(0)})

            def spent(work):
                pids = [server.pid] + (postgres_pids() if url.startswith("postgres") else [])
                before = cpu_s(pids)
                work()
                return cpu_s(pids) - before

            def alone():
                for activity in activities(1):
                    call("POST", "/v1/activities", activity)

            def batches():
                for number in range(ROUNDS):
                    call("POST", "/v1/activities/batch", {"activities": activities(number)})

            each = spent(alone) / ITEMS * 1e6
            batched = spent(batches) / (ITEMS * ROUNDS) * 1e6
            print(f"{name}: {each:.0f} µs of CPU a post alone, {batched:.0f} µs in a batch of {ITEMS}: "
                  f"1 to {each / batched:.1f}")
        finally:
            server.terminate()
            server.wait()


measure("SQLite", "sqlite://feed-me.db")
if os.environ.get("FEEDME_TEST_POSTGRES_URL"):
    admin = os.environ["FEEDME_TEST_POSTGRES_URL"]
    subprocess.run(["psql", "-q", admin, "-c", "create database measure_batch"], check=True)
    try:
        measure("PostgreSQL", re.sub(r"/[^/?]*(\?.*)?$", r"/measure_batch\1", admin))
    finally:
        subprocess.run(["psql", "-q", admin, "-c", "drop database measure_batch with (force)"], check=True)
