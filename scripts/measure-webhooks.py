#!/usr/bin/env python3
"""How fast webhooks deliver, and what they cost while they want nothing.

    scripts/measure-webhooks.py                                                 on SQLite
    FEEDME_TEST_POSTGRES_DURABLE=1 scripts/with-postgres scripts/measure-webhooks.py    and on PostgreSQL (fsync on)

*Deliveries*: EVENTS activities are posted while 1, 10 and 100 webhooks are paused, then all of these are let go; prints
deliveries a second over all of them, and the server's CPU for each. The receiver is a process of its own that answers 204 to whatever comes.
*Waiting*: RATE posts a second for SECONDS_EACH, without webhooks and with 100 of which none wants any of it; prints the server's share of a
core, and the median and 99th percentile of the time that a post took.

FEEDME_BIN names the binary; without it, target/release/feed-me (make build). FOLDER is where SQLite's file goes.
EVENTS (500), RATE (100) and SECONDS_EACH (10) can be set too.
"""
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request

EVENTS = int(os.environ.get("EVENTS", "500"))
RATE = float(os.environ.get("RATE", "100"))
SECONDS = float(os.environ.get("SECONDS_EACH", "10"))
USERS = 10
TICKS = os.sysconf("SC_CLK_TCK")
BINARY = os.path.abspath(os.environ.get("FEEDME_BIN", "target/release/feed-me"))


def receiver(port, count):
    """Answers 204 to every POST on every connection, and counts."""

    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.split(b":")[1]))
                with count.get_lock():
                    count.value += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(run())


class Server:
    def __init__(self, url):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FEEDME")}
        environment |= {
            "FEEDME__SERVER__LISTEN": "127.0.0.1:0",
            "FEEDME__DATABASE__URL": url,
            "FEEDME__LOG__FILTER": "warn",
            "FEEDME__WEBHOOKS__ALLOW_PRIVATE": "true",
            "FEEDME__WEBHOOKS__ALLOW_HTTP": "true",
        }
        self.process = subprocess.Popen([BINARY, "serve"], env=environment, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise SystemExit(f"the server does not listen: {line!r}")
        self.base = line.split()[-1]
        for number in range(USERS):
            self.ask("PUT", f"/v1/users/user{number}", {})

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.base + path, data, headers, method=method)) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def post(self, number):
        activity = {"actor": f"user{number % USERS}", "verb": "post", "object": f"post:{number}"}
        self.ask("POST", "/v1/activities", activity)

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return sum(int(field) for field in stat.read().rsplit(")", 1)[1].split()[11:13]) / TICKS

    def stop(self):
        self.process.terminate()
        self.process.wait()


def deliveries(server, port, count, webhooks):
    wish = {"url": f"http://127.0.0.1:{port}/", "kinds": ["activity.added"], "enabled": False}
    ids = [server.ask("POST", "/v1/webhooks", wish)["id"] for _ in range(webhooks)]
    for number in range(EVENTS):
        server.post(number)
    count.value = 0
    begun, cpu = time.perf_counter(), server.cpu_s()
    for webhook in ids:
        server.ask("PATCH", f"/v1/webhooks/{webhook}", {"enabled": True})
    wanted = EVENTS * webhooks
    while count.value < wanted:
        if time.perf_counter() - begun > 600:
            raise SystemExit(f"{count.value} of {wanted} deliveries arrived within ten minutes")
        time.sleep(0.01)
    took, cpu = time.perf_counter() - begun, server.cpu_s() - cpu
    print(f"  {webhooks:3} webhooks: {wanted / took:6.0f} deliveries/s, {cpu / wanted * 1e6:4.0f} us of the server's CPU each", flush=True)
    for webhook in ids:
        server.ask("DELETE", f"/v1/webhooks/{webhook}")


def waiting(server, webhooks):
    wish = {"url": "http://127.0.0.1:9/", "kinds": ["reset"]}
    ids = [server.ask("POST", "/v1/webhooks", wish)["id"] for _ in range(webhooks)]
    time.sleep(1)
    took, begun, cpu = [], time.perf_counter(), server.cpu_s()
    while (now := time.perf_counter()) < begun + SECONDS:
        server.post(len(took))
        took.append(time.perf_counter() - now)
        time.sleep(max(0, begun + len(took) / RATE - time.perf_counter()))
    share = (server.cpu_s() - cpu) / (time.perf_counter() - begun)
    took.sort()
    print(
        f"  {webhooks:3} webhooks that want nothing: {len(took) / SECONDS:4.0f} posts/s, {share:4.0%} of a core, "
        f"a post {statistics.median(took) * 1e3:.1f} ms, p99 {took[int(len(took) * 0.99)] * 1e3:.1f} ms",
        flush=True,
    )
    for webhook in ids:
        server.ask("DELETE", f"/v1/webhooks/{webhook}")


def main():
    port, count = multiprocessing.Value("i", 0), multiprocessing.Value("q", 0)
    answers = multiprocessing.Process(target=receiver, args=(port, count), daemon=True)
    answers.start()
    while not port.value:
        time.sleep(0.01)
    with tempfile.TemporaryDirectory(dir=os.environ.get("FOLDER")) as folder:
        databases = {"SQLite": f"sqlite://{folder}/feed-me.db"}
        if postgres := os.environ.get("FEEDME_TEST_POSTGRES_URL"):
            databases["PostgreSQL"] = postgres
        for name, url in databases.items():
            print(name)
            server = Server(url)
            try:
                for webhooks in (1, 10, 100):
                    deliveries(server, port.value, count, webhooks)
                for webhooks in (0, 100):
                    waiting(server, webhooks)
            finally:
                server.stop()
    answers.terminate()


if __name__ == "__main__":
    main()
