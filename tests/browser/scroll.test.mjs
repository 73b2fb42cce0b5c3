// A long feed of real data, read in both directions.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { articles, ids, on, POPULAR, until, World } from "./kit.mjs";

/** What the page holds at most. */
const SHOWN_MAX = 8 * 30;

let world;
before(async () => {
  world = await World.start({ realData: true });
});

/** The ids of a feed from the top, as the API gives them. */
async function walked(path, count) {
  const all = [];
  for (let cursor = null; all.length < count; ) {
    const { items, next_cursor: next } = await world.ask("GET", `${path}?limit=100${cursor ? `&cursor=${cursor}` : ""}`);
    all.push(...items.map((item) => item.id));
    if (next === null) break;
    cursor = next;
  }
  return all.slice(0, count);
}

/** The first article that is not under the bar, and where it is. */
const top = (page) => page.evaluate(() => {
  const edge = document.querySelector("[data-top]").getBoundingClientRect().bottom;
  for (const article of document.querySelectorAll("[role=feed] article")) {
    const { top, bottom } = article.getBoundingClientRect();
    if (edge < bottom) return { id: article.dataset.id, top };
  }
  return null;
});

/** Turns the wheel until an item is there, and notes all that were there on the way. */
async function scrollTo(page, id, step, seen) {
  await until(`the walk comes to ${id}`, async () => {
    const shown = await ids(page);
    assert.ok(shown.length <= SHOWN_MAX, `${shown.length} are held`);
    for (const each of shown) if (!seen.includes(each)) seen.push(each);
    if (shown.includes(id)) return true;
    await page.mouse.wheel(0, step);
    return false;
  }, 120_000);
}

test("a walk down a feed and back up shows every item once, in order, and holds few of them", async () => {
  const path = `/v1/feeds/${POPULAR}/friends`;
  const expected = await walked(path, 700);
  await on(world, { user: POPULAR }, async (page) => {
    await articles(page).first().waitFor();
    await page.mouse.move(600, 500);
    const down = [];
    await scrollTo(page, expected[690], 2500, down);
    assert.deepEqual(down.slice(0, 691), expected.slice(0, 691));
    const up = [];
    await until("the top was let go", async () => !(await ids(page)).includes(expected[0]));
    await scrollTo(page, expected[0], -2500, up);
    assert.equal(new Set(up).size, up.length);
    for (const id of expected.slice(0, 500)) assert.ok(up.includes(id), id);
    await until("it is the top again", async () => (await ids(page))[0] === expected[0]);
    // In order also where pages were put above.
    const shown = await ids(page);
    assert.deepEqual(shown, expected.slice(0, shown.length));
  });
});

test("what is read stays where it is while newer items are put above and older ones are let go", async () => {
  await on(world, { user: POPULAR }, async (page) => {
    await articles(page).first().waitFor();
    await page.mouse.move(600, 500);
    const expected = await walked(`/v1/feeds/${POPULAR}/friends`, 420);
    await scrollTo(page, expected[400], 2500, []);
    await until("the top was let go", async () => !(await ids(page)).includes(expected[0]));
    // Up until a page comes in above what is seen.
    const first = (await ids(page))[0];
    for (let turns = 0; turns < 200 && (await ids(page))[0] === first; turns += 1) {
      await page.mouse.wheel(0, -300);
      await page.waitForTimeout(60);
    }
    assert.notEqual((await ids(page))[0], first);
    await page.waitForTimeout(400);
    const before = await top(page);
    assert.ok((await ids(page)).indexOf(before.id) > 2, "there is something above");
    // An item that is seen does not move when another page is put in.
    const held = await page.evaluate(() => document.querySelectorAll("[role=feed] article").length);
    const where = (id) => page.locator(`[data-id="${id}"]`).evaluate((article) => article.getBoundingClientRect().top);
    const jumps = await page.evaluate(async (held) => {
      // Every change of the list, and how far what is seen moved by it.
      const list = document.querySelector("[role=feed]");
      const moves = [];
      const edge = document.querySelector("[data-top]").getBoundingClientRect().bottom;
      const anchor = () => [...list.children].find((article) => article.getBoundingClientRect().bottom > edge);
      for (let turn = 0; turn < 120 && moves.length < 2; turn += 1) {
        const element = anchor();
        const before = { first: list.firstElementChild.dataset.id, top: element.getBoundingClientRect().top, y: scrollY };
        await new Promise((done) => setTimeout(done, 50));
        const changed = list.firstElementChild.dataset.id !== before.first;
        if (changed && element.isConnected) moves.push(element.getBoundingClientRect().top - before.top);
        if (!changed) scrollBy({ top: -200, behavior: "instant" });
      }
      return { moves, held };
    }, held);
    assert.ok(jumps.moves.length > 0, "a page was put in above");
    for (const move of jumps.moves) assert.ok(Math.abs(move) < 2, `it moved by ${move}`);
    assert.equal(typeof (await where((await top(page)).id)), "number");
  });
});

test("the place is kept over a visit elsewhere and over a reload, and new items do not move it", async () => {
  await world.users("newcomer");
  await world.follow(POPULAR, "newcomer");
  await on(world, { user: POPULAR }, async (page) => {
    await articles(page).first().waitFor();
    await page.mouse.move(600, 500);
    const expected = await walked(`/v1/feeds/${POPULAR}/friends`, 200);
    await scrollTo(page, expected[150], 1500, []);
    await page.locator(`[data-id="${expected[140]}"]`).evaluate((article) => article.scrollIntoView({ block: "center" }));
    const settled = async () => {
      await page.waitForTimeout(600);
      return top(page);
    };
    const place = await settled();
    const isThere = async (why) => {
      await until(`${why}: ${place.id} is shown`, async () => (await ids(page)).includes(place.id));
      await until(`${why}: it is where it was`, async () => {
        const now = await top(page);
        return now?.id === place.id && Math.abs(now.top - place.top) < 2;
      });
    };
    await page.getByRole("link", { name: "Mentions" }).click();
    await page.getByRole("heading", { name: "Mentions" }).waitFor();
    await world.post("newcomer", "arrive", "meanwhile");
    await page.getByRole("link", { name: "Friends" }).click();
    await isThere("after a visit elsewhere");
    await settled();
    await isThere("a moment later");
    await page.reload();
    await isThere("after a reload");
    await world.post("newcomer", "arrive", "again");
    await settled();
    await isThere("after a post");
    // From there the way leads both ways.
    const below = expected[expected.indexOf(place.id) + 40];
    await scrollTo(page, below, 1500, []);
    await page.getByRole("button", { name: /Back to the newest|new$/ }).first().click();
    await until("the newest is on top", async () => (await articles(page).first().innerText()).includes("again"));
    await page.reload();
    await until("the top is where one begins again", async () => (await page.evaluate(() => scrollY)) === 0 && (await articles(page).first().innerText()).includes("again"));
  });
});

test("the end of a feed is said to be the end", async () => {
  await world.users("brief");
  for (let number = 0; number < 65; number += 1) await world.post("brief", "note", String(number));
  await on(world, { user: "brief", at: "#/own" }, async (page) => {
    await articles(page).first().waitFor();
    await page.mouse.move(600, 500);
    await until("the end is reached", async () => {
      await page.mouse.wheel(0, 3000);
      return page.getByText("You have reached the end.").isVisible();
    });
    assert.equal(await articles(page).count(), 65);
  });
});

test("the walk goes on also in a browser that tells late what comes into view", async () => {
  await world.users("late");
  const activities = Array.from({ length: 65 }, (_, number) => ({ actor: "late", verb: "note", object: String(number) }));
  await world.ask("POST", "/v1/activities/batch", { activities });
  await on(world, { user: "late", at: "#/own" }, async (page) => {
    await page.addInitScript(() => {
      // As under load: what was seen in several frames is handed over at once, the oldest first.
      window.IntersectionObserver = class extends IntersectionObserver {
        constructor(tell, options) {
          const held = [];
          super((moments) => {
            held.push(...moments);
            if (held.length === moments.length) setTimeout(() => tell(held.splice(0)), 500);
          }, options);
        }
      };
    });
    await page.reload();
    await articles(page).first().waitFor();
    await page.mouse.move(600, 500);
    await until("the end is reached", async () => {
      await page.mouse.wheel(0, 3000);
      return page.getByText("You have reached the end.").isVisible();
    });
    assert.equal(await articles(page).count(), 65);
  });
});

test("while the server is away nothing is asked over and over, and one can go on when it is back", async () => {
  const own = await World.start();
  await own.users("loner");
  const activities = Array.from({ length: 90 }, (_, number) => ({ actor: "loner", verb: "note", object: String(number) }));
  await own.ask("POST", "/v1/activities/batch", { activities });
  await on(own, { user: "loner", at: "#/own", allows: ["offline", 503] }, async (page) => {
    await until("the first page is there", async () => (await articles(page).count()) === 30);
    await own.down();
    let asked = 0;
    page.on("request", (request) => (asked += request.url().includes("/v1/feeds/loner?") ? 1 : 0));
    await page.mouse.move(600, 500);
    await until("the next page cannot be had", async () => {
      await page.mouse.wheel(0, 2000);
      return page.getByRole("button", { name: "Try again" }).isVisible();
    });
    await page.waitForTimeout(1500);
    assert.ok(asked <= 2, `asked ${asked} times`);
    await own.up();
    await page.getByRole("button", { name: "Try again" }).click();
    await until("the walk goes on", async () => (await articles(page).count()) > 30);
  });
  await on(own, { user: "loner", at: "#/own", allows: [500] }, async (page) => {
    await page.goto("about:blank");
    page.faults.length = 0;
    await page.route("**/v1/feeds/loner?*", (route) => route.fulfill({ status: 500, contentType: "application/problem+json", body: '{"title":"Something went wrong on our side","detail":"try again later"}' }), { times: 1 });
    await page.goto(`${own.base}/#/own`);
    await page.locator(".toast.problem").getByText("Try again later.").waitFor();
    await page.getByRole("button", { name: "Try again" }).click();
    await articles(page).first().waitFor();
  });
});
