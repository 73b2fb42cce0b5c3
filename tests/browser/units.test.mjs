// The parts of the page that need no browser.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ceiling } from "../../crates/api/web/ceiling.js";
import { layout } from "../../crates/api/web/force.js";
import { ago, andOthers, initials, measure } from "../../crates/api/web/format.js";
import { parse, quantile, rate, sum } from "../../crates/api/web/prometheus.js";
import { EventReader } from "../../crates/api/web/events.js";
import { order, PAGES_MAX, Walk } from "../../crates/api/web/walk.js";
import { pathOf, vendored } from "./vendor.mjs";

test("the vendored libraries are those of the lock file, whole and with their licences", () => {
  const expected = vendored();
  assert.deepEqual(readdirSync(pathOf(".")).sort(), [...expected.keys()].sort());
  for (const [file, text] of expected) assert.equal(readFileSync(pathOf(file), "utf8"), text, file);
  for (const [file, text] of expected) assert.doesNotMatch(text, /from"[^.]/, file);
});

/* Chance that can be repeated: mulberry32. */
function chance(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A feed as the API promises it: a cursor is a place between items, which nothing moves. */
class Feed {
  constructor(count) {
    this.items = [];
    this.made = 0;
    for (let index = 0; index < count; index += 1) this.add(`2026-01-01T00:${String(index % 60).padStart(2, "0")}:00.000000Z`);
  }

  add(published) {
    this.made += 1;
    const item = { id: String(this.made).padStart(6, "0"), published };
    this.items.push(item);
    this.items.sort(order);
    return item;
  }

  /** `above` and `below` are items between which the cursor stands; they need not be there any more. */
  load(cursor) {
    const limit = 5;
    const { way, at } = cursor === null ? { way: "older", at: null } : JSON.parse(cursor);
    const isAbove = (item) => at === null || order(item, at.item) < 0 || (at.side === "after" && item.id === at.item.id);
    let items;
    if (way === "older") items = this.items.filter((item) => at === null || !isAbove(item)).slice(0, limit);
    else items = this.items.filter(isAbove).slice(-limit);
    const edge = (side, item) => ({ side, item });
    const first = items.length ? edge("before", items[0]) : at;
    const last = items.length ? edge("after", items.at(-1)) : at;
    const hasMore = this.items.some((item) => last === null || order(item, last.item) > 0 || (last.side === "before" && item.id === last.item.id));
    return Promise.resolve({
      items,
      previous_cursor: JSON.stringify({ way: "newer", at: first ?? edge("before", { id: "0", published: "0" }) }),
      next_cursor: hasMore && last ? JSON.stringify({ way: "older", at: last }) : null,
    });
  }
}

test("a walk shows what the feed has between its ends, once and in order, whatever happens meanwhile", async () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = chance(seed);
    const feed = new Feed(30 + random(60));
    let walk = new Walk((cursor) => feed.load(cursor));
    await walk.start();
    for (let step = 0; step < 60; step += 1) {
      const what = random(9);
      if (what <= 2) await walk.older();
      else if (what <= 4) await walk.newer();
      else if (what === 5) await walk.showNewest();
      else if (what === 6) {
        const isNew = random(2) === 0;
        const item = feed.add(isNew ? `2026-02-01T00:00:00.${String(feed.made).padStart(6, "0")}Z` : `2026-01-01T00:${String(random(60)).padStart(2, "0")}:30.000000Z`);
        walk.added(item);
      } else if (what === 7 && feed.items.length) {
        const [gone] = feed.items.splice(random(feed.items.length), 1);
        walk.removed(gone.id);
      } else if (walk.items.length) {
        const item = walk.items[random(walk.items.length)];
        const place = JSON.parse(JSON.stringify(walk.placeOf(item.id)));
        walk = new Walk((cursor) => feed.load(cursor));
        await walk.restore({ ...place, id: item.id });
        // Pages of five are a little small for so much that is put in between.
        const isShown = () => walk.items.some(({ id }) => id === item.id);
        for (let more = 0; more < 3 && !isShown(); more += 1) await walk.older();
        for (let more = 0; more < 3 && !isShown(); more += 1) await walk.newer();
        assert.ok(isShown(), `seed ${seed}: ${item.id} is lost`);
      }
      const shown = walk.items;
      assert.ok(walk.pages.length <= PAGES_MAX);
      if (shown.length === 0) continue;
      const from = feed.items.findIndex(({ id }) => id === shown[0].id);
      assert.deepEqual(shown.map(({ id }) => id), feed.items.slice(from, from + shown.length).map(({ id }) => id), `seed ${seed}, step ${step}`);
      if (walk.isNewest) assert.deepEqual([...walk.waiting].sort(), feed.items.slice(0, from).map(({ id }) => id).sort(), `seed ${seed}, step ${step}`);
      if (!walk.hasNext) assert.equal(shown.at(-1).id, feed.items.at(-1).id);
    }
  }
});

test("what is fetched twice at once is fetched once", async () => {
  let asked = 0;
  const feed = new Feed(20);
  const walk = new Walk((cursor) => ((asked += 1), feed.load(cursor)));
  await walk.start();
  await Promise.all([walk.older(), walk.older(), walk.older()]);
  assert.equal(asked, 2);
  assert.equal(walk.items.length, 10);
});

test("what has to be shown is shown, whatever is under way", async () => {
  const feed = new Feed(20);
  const walk = new Walk((cursor) => feed.load(cursor));
  const started = walk.start();
  const item = feed.add("2026-03-01T00:00:00.000000Z");
  await Promise.all([started, walk.older(), walk.showNewest()]);
  assert.equal(walk.items[0].id, item.id);
  const begun = walk.older();
  feed.items.shift();
  await Promise.all([begun, walk.start()]);
  assert.deepEqual(walk.items.map(({ id }) => id), feed.items.slice(0, 5).map(({ id }) => id));
});

test("a walk that cannot go on says so, and can be asked again", async () => {
  const feed = new Feed(20);
  let isDown = false;
  const walk = new Walk((cursor) => (isDown ? Promise.reject(new Error("down")) : feed.load(cursor)));
  await walk.start();
  isDown = true;
  await assert.rejects(walk.older(), /down/);
  isDown = false;
  await walk.older();
  assert.equal(walk.items.length, 10);
});

test("a place in another database begins at the newest", async () => {
  const feed = new Feed(8);
  const walk = new Walk((cursor) => (cursor === "old" ? Promise.reject(Object.assign(new Error("no"), { status: 400 })) : feed.load(cursor)));
  await walk.restore({ cursor: "old", previous: "old" });
  assert.equal(walk.items[0].id, feed.items[0].id);
  assert.ok(walk.isNewest);
});

test("events are read however the stream is cut", () => {
  const text = "retry: 1500\n: connected\n\nid: 7\nevent: activity.added\ndata: {\"a\":\ndata: 1}\n\n: heartbeat\n\nid: 8\r\nevent: resync\r\ndata: {}\r\n\r\ndata:x\n\nid: 9\n\n";
  const expected = [{ id: "7", kind: "activity.added", data: "{\"a\":\n1}" }, { id: "8", kind: "resync", data: "{}" }, { id: "8", kind: "message", data: "x" }];
  for (let cut = 0; cut <= text.length; cut += 1) {
    const reader = new EventReader();
    assert.deepEqual([...reader.read(text.slice(0, cut)), ...reader.read(text.slice(cut))], expected, `cut at ${cut}`);
    assert.equal(reader.retryMs, 1500);
    assert.equal(reader.id, "9");
  }
  const reader = new EventReader();
  assert.deepEqual([...text].flatMap((char) => reader.read(char)), expected);
});

const READING = (count, sum2, le1, le2, inf) => `# HELP t Things.
# TYPE t counter
t{kind="a",note="a \\"b\\" \\\\ c\\nd}"} ${count}
t{kind="b",note=""} 5
plain 1.5e3 1700000000000
h_bucket{le="0.1"} ${le1}
h_bucket{le="1"} ${le2}
h_bucket{le="+Inf"} ${inf}
h_sum ${sum2}
h_count ${inf}
`;

test("Prometheus' text form is read, and rates and quantiles are those of the time between", () => {
  const before = parse(READING(10, 1, 4, 4, 4));
  const after = parse(READING(30, 9, 4, 14, 14));
  assert.deepEqual(after.get("t")[0], { labels: { kind: "a", note: 'a "b" \\ c\nd}' }, value: 30 });
  assert.equal(sum(after, "plain"), 1500);
  assert.equal(sum(after, "t"), 35);
  assert.equal(sum(after, "t", { kind: /^[b-z]$/ }), 5);
  assert.equal(sum(after, "nothing"), null);
  assert.equal(rate(before, after, 4, "t", { kind: "a" }), 5);
  assert.equal(rate(before, after, 4, "t", { kind: "new" }), 0);
  assert.equal(rate(before, after, 4, "nothing"), null);
  assert.equal(rate(after, before, 1, "t", { kind: "a" }), 10, "a counter that began anew");
  assert.ok(Math.abs(quantile(0.5, before, after, "h") - 0.55) < 1e-9);
  assert.equal(quantile(0.5, after, after, "h"), null);
  assert.equal(quantile(0.99, parse(""), parse(READING(0, 0, 0, 0, 3)), "h"), 1, "beyond the last bound nothing is known");
});

test("a graph is laid out alike every time, in its frame, with nothing upon anything else", () => {
  for (const count of [1, 2, 3, 10, 25]) {
    const edges = Array.from({ length: count - 1 }, (_, index) => [0, index + 1]).concat(Array.from({ length: Math.max(count - 2, 0) }, (_, index) => [1, index + 2]));
    const places = layout(count, edges);
    assert.deepEqual(places, layout(count, edges));
    assert.deepEqual(places[0], { x: 0.5, y: 0.5 });
    places.forEach(({ x, y }, one) => {
      assert.ok(x >= 0 && x <= 1 && y >= 0 && y <= 1);
      places.slice(one + 1).forEach((other) => assert.ok(Math.hypot(x - other.x, y - other.y) > 0.09, `${count} nodes`));
    });
  }
});

test("values are told as people say them", () => {
  assert.deepEqual([0, 0.00042, 0.042, 4.2, null].map((value) => measure(value, "seconds")), ["0 ms", "420 µs", "42 ms", "4.2 s", "–"]);
  assert.deepEqual([0, 1023, 1536, 3 * 2 ** 30].map((value) => measure(value, "bytes")), ["0 B", "1,023 B", "1.5 KiB", "3 GiB"]);
  assert.equal(measure(0.256, "share"), "25.6 %");
  assert.equal(measure(1234.5, "per second"), "1,235/s");
  assert.deepEqual([0, 0.3, 1, 1.1, 26, 99, 1000].map((value) => ceiling(value)), [1, 0.5, 1, 2, 50, 100, 1000]);
  assert.equal(ceiling(5 * 2 ** 20, "bytes"), 8 * 2 ** 20);
  const now = Date.parse("2026-11-28T12:00:00Z");
  assert.deepEqual(["2026-11-28T11:59:50Z", "2026-11-28T11:58:00Z", "2026-11-28T09:00:00Z", "2026-11-26T12:00:00Z", "2026-01-05T12:00:00Z"].map((time) => ago(time, now)), ["just now", "2 min. ago", "3 hr. ago", "2 days ago", "Jan 5, 2026"]);
  assert.deepEqual([andOthers(3, 3), andOthers(4, 3), andOthers(1203, 3)], ["", "and 1 other", "and 1,200 others"]);
  assert.deepEqual(["ann", "Ann of Arden", "dev-4c6f", "🦀", "-"].map(initials), ["A", "AA", "D4", "🦀", "-"]);
});
