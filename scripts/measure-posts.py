#!/usr/bin/env python3
"""Durable posts a second with 32 clients, writes sharing commits against one commit each.

    scripts/measure-posts.py                                                    on SQLite (synchronous = FULL)
    FEEDME_TEST_POSTGRES_DURABLE=1 scripts/with-postgres scripts/measure-posts.py    and on PostgreSQL (fsync on)

A server each with database.commit_group_max = 1 and = 256, in turn, three rounds; each is posted to for SECONDS_EACH by
CLIENTS connections, each of which sends its next post when the last one was answered. Prints posts a second, and the ratio of the
medians. The clients are PROCESSES processes that do as little as they can on raw sockets; on a machine with few cores
they take time from the server, and more of it where it is fast: the ratio is then the lower for it. Also prints the share of the machine
that clients, server and PostgreSQL took, and the median and 99th percentile of the time that a post took.

FEEDME_BIN names the binary; without it, target/release/feed-me (make build). FOLDER is where SQLite's file goes: it has to
be on a disk. ONLY=sqlite or ONLY=postgres leaves the other out. SECONDS_EACH (5), CLIENTS (32), PROCESSES (1) and ROUNDS (3) can be
set too.
"""
import multiprocessing
import os
import re
import resource
import selectors
import socket
import statistics
import subprocess
import tempfile
import time

SECONDS = float(os.environ.get("SECONDS_EACH", "5"))
CLIENTS = int(os.environ.get("CLIENTS", "32"))
PROCESSES = int(os.environ.get("PROCESSES", "1"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
GROUPS = (1, 256)
USERS = 100
TICKS = os.sysconf("SC_CLK_TCK")
BINARY = os.path.abspath(os.environ.get("FEEDME_BIN", "target/release/feed-me"))


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


def request(method, path, body):
    body = body.encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def post_of(number):
    body = f'{{"actor":"user{number % USERS}","verb":"post","object":"post:{number}","target":"user{number * 7 % USERS}"}}'
    return request("POST", "/v1/activities", body)


def answer_of(client):
    """One whole answer; posts are answered in one piece, nearly always."""
    data = client.recv(65536)
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        if found and len(body) >= int(re.search(rb"content-length: *(\d+)", head, re.I)[1]):
            return data
        more = client.recv(65536)
        if not more:
            raise SystemExit("the server closed a connection")
        data += more


def connected(port):
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def drive(port, clients, seconds, results):
    """Posts on some connections until the time is over. Answers (posts, times in seconds, own CPU)."""
    requests = [post_of(number) for number in range(1000)]
    selector = selectors.DefaultSelector()
    sent = {}
    for number in range(clients):
        client = connected(port)
        selector.register(client, selectors.EVENT_READ)
        client.sendall(requests[number])
        sent[client] = time.perf_counter()
    end = time.perf_counter() + seconds
    took, number = [], clients
    now = 0
    while now < end:
        for key, _ in selector.select():
            client = key.fileobj
            data = client.recv(65536)
            now = time.perf_counter()
            if not data.startswith(b"HTTP/1.1 201"):
                raise SystemExit(f"a post was answered {data!r}")
            took.append(now - sent[client])
            client.sendall(requests[number % 1000])
            sent[client] = now
            number += 1
    usage = resource.getrusage(resource.RUSAGE_SELF)
    results.put((took, usage.ru_utime + usage.ru_stime))


def measure(url, folder, group):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FEEDME")}
    environment |= {
        "FEEDME__SERVER__LISTEN": "127.0.0.1:0",
        "FEEDME__DATABASE__URL": url,
        "FEEDME__DATABASE__COMMIT_GROUP_MAX": str(group),
        "FEEDME__LOG__FILTER": "warn",
    }
    server = subprocess.Popen([BINARY, "serve"], cwd=folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    try:
        port = None
        for line in server.stdout:
            if listens := re.search(r"listens on http://127\.0\.0\.1:(\d+)", line):
                port = int(listens[1])
                break
        if port is None:
            raise SystemExit(f"{BINARY} did not start")
        client = connected(port)
        for number in range(USERS):
            client.sendall(request("PUT", f"/v1/users/user{number}", "{}"))
            answer_of(client)
        for number in range(200):
            client.sendall(post_of(number))
            answer_of(client)
        postgres = postgres_pids() if url.startswith("postgres") else []
        before = cpu_s([server.pid]), cpu_s(postgres)
        results = multiprocessing.Queue()
        drivers = [
            multiprocessing.Process(target=drive, args=(port, CLIENTS // PROCESSES, SECONDS, results))
            for _ in range(PROCESSES)
        ]
        for driver in drivers:
            driver.start()
        found = [results.get() for _ in drivers]
        for driver in drivers:
            driver.join()
        after = cpu_s([server.pid]), cpu_s(postgres)
        took = sorted(time for times, _ in found for time in times)
        rate = len(took) / SECONDS
        share = [(now - then) / SECONDS for now, then in zip(after, before)]
        clients = sum(cpu for _, cpu in found) / SECONDS
        print(f"  commit_group_max {group:>3}: {rate:7.0f} posts/s; p50 {took[len(took) // 2] * 1e3:.2f} ms, "
              f"p99 {took[len(took) * 99 // 100] * 1e3:.2f} ms; cores: server {share[0]:.2f}, "
              f"database {share[1]:.2f}, clients {clients:.2f}", flush=True)
        return rate
    finally:
        server.terminate()
        server.wait()


def compare(name, fresh):
    """`fresh` answers the address of a new database for each run."""
    print(f"{name}, {CLIENTS} clients in {PROCESSES} process(es), {SECONDS:.0f} s each, {os.cpu_count()} cores", flush=True)
    rates = {group: [] for group in GROUPS}
    for _ in range(ROUNDS):
        for group in GROUPS:
            with tempfile.TemporaryDirectory(dir=os.environ.get("FOLDER")) as folder:
                rates[group].append(measure(fresh(), folder, group))
    one, many = (statistics.median(rates[group]) for group in GROUPS)
    print(f"{name}: median {one:.0f} posts/s alone, {many:.0f} sharing commits: 1 to {many / one:.1f}", flush=True)


def main():
    admin = os.environ.get("FEEDME_TEST_POSTGRES_URL")
    if os.environ.get("ONLY", "sqlite") == "sqlite":
        compare("SQLite", lambda: "sqlite://feed-me.db")
    if admin and os.environ.get("ONLY", "postgres") == "postgres":
        names = []

        def fresh():
            names.append(f"measure_posts_{os.getpid()}_{len(names)}")
            subprocess.run(["psql", "-q", admin, "-c", f"create database {names[-1]}"], check=True)
            return re.sub(r"/[^/?]*(\?.*)?$", rf"/{names[-1]}\1", admin)

        try:
            compare("PostgreSQL", fresh)
        finally:
            for name in names:
                subprocess.run(["psql", "-q", admin, "-c", f"drop database if exists {name} with (force)"], check=True)


if __name__ == "__main__":
    main()
