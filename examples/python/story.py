#!/usr/bin/env python3
"""feed-me from Python, with the standard library alone.

    examples/python/story.py http://127.0.0.1:5000      FEEDME_KEY=fm_… where the server wants a key

`Feed` is small on purpose: what an application needs of a client is to name its errors, to wait where the server says so, to send the same
Idempotency-Key again, and to go on with a stream where it broke.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class Problem(Exception):
    """An error of the server (RFC 9457)."""

    def __init__(self, problem):
        super().__init__(f"{problem['title']} ({problem['status']}): {problem['detail']}")
        self.kind = problem["type"].removeprefix("/problems/")


class Feed:
    def __init__(self, server, key=None):
        self.server = server.rstrip("/")
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        # What was written last: whichever instance answers a read waits until it has seen it.
        self.position = None

    def ask(self, method, path, body=None, **query):
        url = f"{self.server}{path}" + (f"?{urllib.parse.urlencode(query, doseq=True)}" if query else "")
        headers = {**self.headers, "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if method == "GET" and self.position:
            headers["Feed-Position"] = self.position
        for attempt in range(5):
            request = urllib.request.Request(url, data, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    if method != "GET":
                        self.position = answer.headers.get("Feed-Position", self.position)
                    text = answer.read()
                    return json.loads(text) if text else None
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503) or attempt == 4:
                    raise Problem(json.load(error)) from None
                time.sleep(float(error.headers.get("Retry-After", "1")))
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                # No answer came. All requests here may be sent again: a POST has its key.
                if attempt == 4:
                    raise
                time.sleep(0.1 * 2**attempt)

    def pages(self, path, **query):
        """Every item of a feed or a list, page by page."""
        while True:
            page = self.ask("GET", path, **query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def live(self, username, since):
        """What changes in a friends feed after a position, for ever: (event, data) pairs."""
        path = f"/v1/feeds/{quoted(username)}/friends/live"
        while True:
            headers = {**self.headers, "Accept": "text/event-stream", "Last-Event-ID": since}
            request = urllib.request.Request(self.server + path, headers=headers)
            try:
                # Three heartbeats: a connection that is silent for longer is broken.
                with urllib.request.urlopen(request, timeout=45) as stream:
                    event = {}
                    for line in stream:
                        name, _, value = line.decode().rstrip("\n").partition(": ")
                        if name in ("id", "event", "data"):
                            event[name] = value
                        elif not name and "data" in event:
                            since = event["id"]
                            yield event["event"], json.loads(event["data"])
                            event = {}
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503):
                    raise Problem(json.load(error)) from None
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            time.sleep(1)


def quoted(name):
    return urllib.parse.quote(name, safe="")


def line(activity):
    return f"  {activity['actor']} {activity['verb']} {activity['object']}"


def main():
    server = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000"
    feed = Feed(server, os.environ.get("FEEDME_KEY"))
    ivan, eric = (f"{name} {uuid.uuid4().hex[:8]}" for name in ("ivan", "eric"))
    for name in (ivan, eric):
        feed.ask("PUT", f"/v1/users/{quoted(name)}", {})
    try:
        feed.ask("PUT", f"/v1/users/{quoted(ivan)}/following/{quoted(ivan)}")
    except Problem as problem:
        print(f"refused: {problem.kind}")
    feed.ask("PUT", f"/v1/users/{quoted(ivan)}/following/{quoted(eric)}")
    for number in range(3):
        feed.ask("POST", "/v1/activities", {"actor": eric, "verb": "share", "object": f"post:{number}"})
    path = f"/v1/feeds/{quoted(ivan)}/friends"
    # The position first: what happens while the feed is read is told again, and does no harm.
    position = feed.ask("GET", f"{path}/changes")["position"]
    copy = {activity["id"]: activity for activity in feed.pages(path, limit=2)}
    print("reads:", *map(line, copy.values()), sep="\n")
    posted = feed.ask("POST", "/v1/activities", {"actor": eric, "verb": "share", "object": "post:3"})
    feed.ask("DELETE", f"/v1/activities/{posted['id']}")
    feed.ask("POST", "/v1/activities", {"actor": eric, "verb": "share", "object": "the end"})
    print("live:")
    for event, data in feed.live(ivan, position):
        if event in ("activity.added", "activity.edited"):
            copy[data["id"]] = data
            print(line(data))
        elif event == "activity.removed":
            copy.pop(data["id"], None)
        elif event == "resync":
            copy = {activity["id"]: activity for activity in feed.pages(path, limit=100)}
        if data.get("object") == "the end":
            break
    feed_now = {activity["id"] for activity in feed.pages(path)}
    if set(copy) != feed_now:
        sys.exit("the copy is not the feed")
    print(f"the copy is the feed: {len(copy)} activities")


if __name__ == "__main__":
    main()
