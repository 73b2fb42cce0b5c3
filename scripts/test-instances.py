#!/usr/bin/env python3
"""The load, the kills and the checks of scripts/test-instances, which says what must hold; to be started by it."""
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ["FEEDME_BIN"]
CHAOS_S = float(os.environ.get("CHAOS_S", "40"))
ROLLS = int(os.environ.get("ROLLS", "2"))
SEED = int(os.environ.get("FEEDME_TEST_SEED", random.randrange(1 << 32)))
INSTANCES, WRITERS, WALKERS = 3, 5, 2
# Between two requests of a writer, so that all of it fits on a small machine.
PAUSE_S = 0.03
DRAIN_MS = 2500
# How long a client tries to get an answer to a request that failed.
PATIENCE_S = 30
BEHIND_MAX_S = 1.0
# The statuses with which nginx or feed-me say: not now.
NOT_NOW = (502, 503, 504)


def database_url():
    parts = urllib.parse.urlsplit(os.environ["FEEDME_TEST_POSTGRES_URL"])
    return urllib.parse.urlunsplit(parts._replace(path="/" + os.environ["DATABASE"]))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Clock:
    """Time in which this machine ran: where it stood still (suspended, or a process of it stopped), nobody was late."""

    TICK_S = 0.1
    STILL_S = 1.0

    def __init__(self):
        self.still_s, self.last_still = 0.0, -1e9
        threading.Thread(target=self.tick, daemon=True).start()

    def tick(self):
        before = time.monotonic()
        while True:
            time.sleep(self.TICK_S)
            now = time.monotonic()
            if self.STILL_S < now - before:
                self.still_s += now - before
                self.last_still = now
            before = now

    def now(self):
        return time.monotonic() - self.still_s


CLOCK = Clock()


class Failed(Exception):
    """Something that was promised does not hold."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def position(self):
        return int(self.headers["feed-position"])


def ask(port, method, path, body=None, headers=None, timeout=20):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        headers = dict(headers or {}, Connection="close")
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


class Instance:
    """A feed-me, which is killed and started again on the same port."""

    def __init__(self, number, home, settings):
        self.number, self.port, self.settings = number, free_port(), settings
        self.log = open(home / f"instance-{number}.log", "ab")
        self.process = None
        # When it was last not ready.
        self.disturbed = time.monotonic()
        self.is_up = False

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FEEDME")}
        environment.update(self.settings, FEEDME__SERVER__LISTEN=f"127.0.0.1:{self.port}")
        self.process = subprocess.Popen([BINARY, "serve"], env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def until_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failed(f"instance {self.number} ended by itself: {self.process.returncode}")
            try:
                if ask(self.port, "GET", "/readyz", timeout=3).status == 200:
                    self.disturbed, self.is_up = time.monotonic(), True
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise Failed(f"instance {self.number} does not get ready")

    def kill(self):
        self.disturbed, self.is_up = time.monotonic(), False
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As an operator does; the answer is how long it took."""
        began = self.disturbed = time.monotonic()
        self.is_up = False
        self.process.terminate()
        if self.process.wait(timeout=60) != 0:
            raise Failed(f"instance {self.number} did not end well: {self.process.returncode}")
        return time.monotonic() - began


class Balancer:
    """nginx with the repository's own configuration, and the watcher beside it."""

    def __init__(self, home, instances):
        self.port, self.home = free_port(), home
        config = (ROOT / "ops/nginx/feed-me.conf").read_text()
        assert config.count("listen 80;") == 1
        (home / "feed-me.conf").write_text(config.replace("listen 80;", f"listen 127.0.0.1:{self.port};"))
        (home / "nginx.conf").write_text(f"""
            worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/nginx.log warn;
            events {{ worker_connections 1024; }}
            http {{
                access_log off;
                client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
                uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
                include {home}/feed-me.conf;
            }}""")
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        # As root it would hand its folders to a user who cannot reach them.
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        command = [nginx, "-p", str(home), "-e", str(home / "nginx.log"), "-c", str(home / "nginx.conf"), *user]
        places = [f"127.0.0.1:{instance.port}" for instance in instances]
        watch = [str(ROOT / "ops/nginx/watch-ready"), str(home / "feed-me-instances.conf"), "true", *places]
        subprocess.run(watch, env=dict(os.environ, WATCH_ONCE="1"), check=True)
        self.nginx = subprocess.Popen(command)
        watch[2] = f"kill -HUP {self.nginx.pid}"
        self.watcher = subprocess.Popen(watch, start_new_session=True)

    def end(self):
        os.killpg(self.watcher.pid, signal.SIGTERM)
        self.nginx.terminate()
        self.nginx.wait()


class Load:
    """What clients do, what they were told, and what they saw that they should not."""

    def __init__(self, balancer, instances):
        self.port, self.instances = balancer.port, instances
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        # Whether an error that a client sees is one too many.
        self.is_strict = False
        self.faults, self.strict_errors = [], []
        self.errors = {"chaos": 0, "rolls": 0, "quiet": 0}
        self.counts, self.phase = {}, "quiet"
        # Acknowledged and not deleted: id → (writer, position of the answer).
        self.kept, self.deleted = {}, set()
        self.behind, self.waits = [], []
        self.position = 0

    def fault(self, told):
        with self.lock:
            self.faults.append(told)
            print(f"FAULT {told}", flush=True)

    def count(self, what):
        with self.lock:
            name = (self.phase, what)
            self.counts[name] = self.counts.get(name, 0) + 1

    def error(self, told):
        with self.lock:
            self.errors[self.phase] += 1
            if self.is_strict:
                self.strict_errors.append(told)
                print(f"SEEN BY A CLIENT {told}", flush=True)

    def until_answered(self, method, path, body=None, headers=None):
        """Sends a request again, as clients do, until something else than a failure comes of it."""
        deadline = CLOCK.now() + PATIENCE_S
        while True:
            try:
                answer = ask(self.port, method, path, body, headers)
                if answer.status not in NOT_NOW:
                    self.count(method)
                    if 500 <= answer.status:
                        self.fault(f"{method} {path}: {answer.status} {answer.body[:200]}")
                    return answer
                told = f"{method} {path}: {answer.status} {answer.body[:120]}"
            except (OSError, http.client.HTTPException) as error:
                told = f"{method} {path}: {error!r}"
            self.error(told)
            if deadline < CLOCK.now():
                raise Failed(f"no answer within {PATIENCE_S} s: {told}")
            time.sleep(0.1)

    def guarded(self, work, *arguments):
        try:
            while not self.stopping.is_set():
                work(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.fault(f"{work.__name__}: {error!r}")

    def acknowledge(self, identity, writer, answer):
        with self.lock:
            self.kept[identity] = (writer, answer.position())
            self.position = max(self.position, answer.position())

    def write(self, writer, chance):
        """A post, perhaps an edit or a deletion, and a read that brings the position, wherever it goes."""
        name, key = f"writer{writer}", str(uuid.UUID(int=chance.getrandbits(128)))
        body = {"actor": name, "verb": "post", "object": key}
        answer = self.until_answered("POST", "/v1/activities", body, {"Idempotency-Key": key})
        if answer.status != 201:
            return self.fault(f"a post: {answer.status} {answer.body[:200]}")
        identity = answer.json()["id"]
        self.acknowledge(identity, writer, answer)
        wanted = key
        if chance.random() < 0.2:
            wanted = key + "-edited"
            answer = self.until_answered("PATCH", f"/v1/activities/{identity}", {"object": wanted})
            if answer.status != 200:
                self.fault(f"an edit of what was acknowledged: {answer.status} {answer.body[:200]}")
        read = self.until_answered("GET", f"/v1/feeds/{name}?limit=3", headers={"Feed-Position": str(answer.position())})
        items = read.json().get("items", [])
        # Nobody else posts as this writer.
        if read.status != 200 or not items or (items[0]["id"], items[0]["object"]) != (identity, wanted):
            self.fault(f"a read with position {answer.position()} does not find {identity} {wanted}: {read.status} {read.body[:300]}")
        self.count("read-your-writes")
        if chance.random() < 0.1:
            answer = self.until_answered("DELETE", f"/v1/activities/{identity}")
            # Sent again after a failure it may be gone already.
            if answer.status not in (204, 404):
                self.fault(f"a deletion: {answer.status} {answer.body[:200]}")
            with self.lock:
                self.kept.pop(identity)
                self.deleted.add(identity)
        time.sleep(PAUSE_S)

    def walk(self, chance):
        """A walk of the reader's friends feed: all that was there before, once, in order."""
        with self.lock:
            before, position = set(self.kept), self.position
        limit, path = chance.choice((7, 20, 50)), "/v1/feeds/reader/friends"
        seen, last, cursor, gone = set(), None, None, None
        while not self.stopping.is_set():
            query = f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            page = self.until_answered("GET", path + query, headers={"Feed-Position": str(position)})
            if page.status != 200:
                return self.fault(f"a page: {page.status} {page.body[:200]}")
            page = page.json()
            for item in page["items"]:
                place = (item["published"], item["id"])
                if item["id"] in seen or (last is not None and last <= place):
                    self.fault(f"a walk met {item['id']} twice, or out of order")
                last = place
                seen.add(item["id"])
            cursor = page["next_cursor"]
            if cursor is None:
                break
            if len(page["items"]) != limit:
                self.fault(f"a page in the middle has {len(page['items'])} items, not {limit}")
        else:
            return None
        with self.lock:
            gone = before - seen - self.deleted
            # What was being deleted meanwhile is told as deleted only after that.
            gone = {identity for identity in gone if identity in self.kept}
        if gone:
            time.sleep(0.5)
            with self.lock:
                gone = {identity for identity in gone if identity in self.kept and identity not in self.deleted}
        if gone:
            self.fault(f"a walk with position {position} missed {len(gone)} of {len(before)}: {sorted(gone)[:3]}")
        self.count("walks")
        time.sleep(0.2)
        return None

    def look_elsewhere(self, chance):
        """Posts to one instance and looks how soon another shows it without being told a position."""
        one, other = chance.sample(self.instances, 2)
        if not (one.is_up and other.is_up):
            return time.sleep(0.05)
        key, began = str(uuid.UUID(int=chance.getrandbits(128))), time.monotonic()
        undisturbed = lambda: one.is_up and other.is_up and max(one.disturbed, other.disturbed, CLOCK.last_still) + 0.5 < began
        try:
            body = {"actor": "prober", "verb": "probe", "object": key}
            answer = ask(one.port, "POST", "/v1/activities", body, {"Idempotency-Key": key})
            answered = time.monotonic()
            if answer.status != 201:
                return time.sleep(0.05)
            self.acknowledge(answer.json()["id"], "prober", answer)
            shows = lambda port: any(item["object"] == key for item in ask(port, "GET", "/v1/feeds/prober?limit=3").json().get("items", []))
            if not shows(one.port):
                self.fault(f"the instance that answered a post does not show it: {key}")
            while not shows(other.port):
                if answered + 30 < time.monotonic():
                    raise Failed("another instance does not show it at all")
                time.sleep(0.002)
            behind = time.monotonic() - answered
            if undisturbed():
                with self.lock:
                    self.behind.append(behind)
                    self.waits.append((self.phase, behind))
        except (OSError, http.client.HTTPException):
            # One of them was killed. What was in doubt is nobody's: the key is not used again.
            with self.lock:
                self.doubtful = getattr(self, "doubtful", set()) | {key}
        except Failed as failed:
            if undisturbed():
                self.fault(str(failed))
        return time.sleep(0.05)

    def start(self):
        chances = iter(range(1000))
        works = [(self.write, writer) for writer in range(WRITERS)] + [(self.walk,)] * WALKERS + [(self.look_elsewhere,)] * 2
        self.threads = [
            threading.Thread(target=self.guarded, args=(*work, random.Random(SEED * 1000 + next(chances)))) for work in works
        ]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def begin(self, phase):
        with self.lock:
            self.phase, self.is_strict = phase, phase == "rolls"
        print(f"{phase} …", flush=True)


def everything(port, path, key="items", place="next_cursor"):
    """The bytes of all pages of a listing, and their items."""
    pages, items, cursor = [], [], None
    while True:
        page = ask(port, "GET", f"{path}?limit=100" + (f"&cursor={cursor}" if cursor else ""))
        if page.status != 200:
            raise Failed(f"{path}: {page.status} {page.body[:200]}")
        pages.append(page.body)
        page = page.json()
        items += page[key]
        cursor = page[place]
        if cursor is None:
            return b"\n".join(pages), items


def check_pages(load, when):
    """Nothing is written: every instance gives the same bytes, and exactly what was acknowledged."""
    with load.lock:
        kept, deleted, doubtful = dict(load.kept), set(load.deleted), set(getattr(load, "doubtful", set()))
    for path in ["/v1/feeds/reader/friends"] + [f"/v1/feeds/writer{writer}" for writer in range(WRITERS)]:
        walks = [everything(instance.port, path) for instance in load.instances]
        if len({walk for walk, _ in walks}) != 1:
            load.fault(f"{when}: the instances give different pages of {path}")
        items = walks[0][1]
        told = [item["id"] for item in items]
        if len(told) != len(set(told)):
            load.fault(f"{when}: {path} has something twice")
        wanted = {i for i, (w, _) in kept.items() if path.endswith("friends") or path == f"/v1/feeds/writer{w}"}
        extra = {item["id"] for item in items if item["id"] not in wanted and item["object"] not in doubtful}
        lost = wanted - set(told)
        if lost:
            load.fault(f"{when}: {len(lost)} that were acknowledged are not in {path}: {sorted(lost)[:3]}")
        if extra:
            load.fault(f"{when}: {len(extra)} in {path} were never acknowledged: {sorted(extra)[:3]} ({len(extra & deleted)} deleted)")
    for writer in range(WRITERS):
        user = ask(load.instances[0].port, "GET", f"/v1/users/writer{writer}").json()
        count = sum(1 for w, _ in kept.values() if w == writer)
        if user["activities"] != count:
            load.fault(f"{when}: writer{writer} counts {user['activities']} activities, not {count}")


def check_log(load):
    """The log of changes is dense."""
    port, position = load.instances[0].port, 0
    while True:
        page = ask(port, "GET", f"/v1/events?after={position}&limit=1000").json()
        for event in page["events"]:
            position += 1
            if int(event["position"]) != position:
                return load.fault(f"the log has no position {position}")
        if not page["events"]:
            return None


def settle(instances):
    """Waits until all are ready and have seen the end of the log."""
    for instance in instances:
        instance.until_ready()
    time.sleep(1.5)


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def run(home):
    settings = {
        "FEEDME__DATABASE__URL": database_url(),
        "FEEDME__SERVER__DRAIN_DELAY_MS": str(DRAIN_MS),
        "FEEDME__SERVER__WORKERS": "1",
        "FEEDME__SERVER__TRUSTED_PROXIES": "127.0.0.1",
        "FEEDME__DATABASE__POOL_SIZE": "4",
        "FEEDME__LOG__FILTER": "warn",
    }
    instances = [Instance(number, home, settings) for number in range(INSTANCES)]
    for instance in instances:
        instance.start()
    settle(instances)
    names = ["reader", "prober"] + [f"writer{writer}" for writer in range(WRITERS)]
    for name in names:
        ask(instances[0].port, "PUT", f"/v1/users/{name}", {})
    for name in names[1:]:
        ask(instances[0].port, "PUT", f"/v1/users/reader/following/{name}")
    balancer = Balancer(home, instances)
    chance = random.Random(SEED)
    load = Load(balancer, instances)
    kills, stops = 0, []
    try:
        time.sleep(1)
        load.start()
        time.sleep(3)
        load.begin("chaos")
        until = time.monotonic() + CHAOS_S
        while time.monotonic() < until:
            time.sleep(chance.uniform(0.5, 2.5))
            instance = chance.choice(instances)
            instance.kill()
            kills += 1
            time.sleep(chance.uniform(0.1, 1.5))
            instance.start()
            instance.until_ready()
        load.begin("quiet")
        time.sleep(3)
        load.begin("rolls")
        for _ in range(ROLLS):
            for instance in instances:
                stops.append(instance.stop())
                instance.start()
                instance.until_ready()
                time.sleep(1)
        load.begin("quiet")
        load.stop()
        settle(instances)
        check_pages(load, "in the end")
        check_log(load)
        verified = subprocess.run([BINARY, "verify"], env={**{k: v for k, v in os.environ.items() if not k.startswith("FEEDME")}, **settings}, capture_output=True, text=True, check=False)
        if verified.returncode != 0:
            load.fault(f"feed-me verify: {verified.stdout}{verified.stderr}")
    finally:
        load.stopping.set()
        balancer.end()
        for instance in instances:
            if instance.process.poll() is None:
                instance.process.kill()
                instance.process.wait()
    report(load, kills, stops)
    behind = [behind for _, behind in load.waits]
    if not behind or BEHIND_MAX_S < max(behind):
        load.fault(f"another instance was {max(behind, default=float('nan')):.3f} s behind; {BEHIND_MAX_S} s is the most")
    if load.strict_errors:
        load.fault(f"{len(load.strict_errors)} errors were seen by clients while instances were restarted one after the other")
    return load.faults


def report(load, kills, stops):
    print(f"\nseed {SEED}; {kills} kills; {len(stops)} restarts, the longest stop took {max(stops, default=0):.1f} s")
    print(f"{len(load.kept)} activities acknowledged and kept, {len(load.deleted)} deleted, {len(getattr(load, 'doubtful', ()))} never answered\n")
    columns = ("POST", "PATCH", "DELETE", "GET", "read-your-writes", "walks")
    print("| phase | " + " | ".join(columns) + " | errors seen (tried again) | others behind, ms: p50 | p99 | max |")
    print("|---|" + "---|" * (len(columns) + 4))
    for phase in ("chaos", "quiet", "rolls"):
        behind = [behind * 1000 for at, behind in load.waits if at == phase]
        counts = " | ".join(str(load.counts.get((phase, column), 0)) for column in columns)
        quantiles = " | ".join(f"{value:.0f}" for value in (quantile(behind, 0.5), quantile(behind, 0.99), max(behind, default=float("nan"))))
        print(f"| {phase} | {counts} | {load.errors[phase]} | {quantiles} |")
    print(f"\n{len(load.waits)} looks at other instances; the machine stood still for {CLOCK.still_s:.0f} s", flush=True)


def main():
    home = pathlib.Path(tempfile.mkdtemp(prefix="feed-me-instances."))
    print(f"seed {SEED}, logs in {home}", flush=True)
    faults = run(home)
    if faults:
        sys.exit(f"{len(faults)} faults; the first: {faults[0]}\nlogs are kept in {home}; FEEDME_TEST_SEED={SEED} tries the same again")
    shutil.rmtree(home)
    print("all that must hold does")


main()
