// What happens while one looks.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { articles, on, sentences, shows, until, World } from "./kit.mjs";

let world;
before(async () => {
  world = await World.start();
});

const isLive = (page) => page.locator(".state.live").waitFor();
const pill = (page, text) => page.locator(".pill").getByText(text, { exact: true });

test("what friends post waits behind a button that counts it, and moves nothing", async () => {
  await world.users("ann", "bob");
  await world.follow("ann", "bob");
  for (let number = 1; number <= 40; number += 1) await world.post("bob", "count", String(number));
  await on(world, { user: "ann" }, async (page) => {
    await isLive(page);
    assert.equal((await sentences(page))[0], "bob count 40");
    await page.evaluate(() => scrollTo(0, 600));
    const place = () => articles(page).nth(6).evaluate((article) => article.getBoundingClientRect().top);
    const before = await place();
    for (const object of ["x", "y", "z"]) await world.post("bob", "say", object);
    await pill(page, "3 new").waitFor();
    assert.equal((await sentences(page))[0], "bob count 40", "nothing is put in by itself");
    assert.equal(await place(), before);
    await page.getByText("3 new activities above").waitFor({ state: "attached" });

    await pill(page, "3 new").click();
    await until("the newest are on top", async () => (await sentences(page))[0] === "bob say z");
    assert.deepEqual((await sentences(page)).slice(0, 4), ["bob say z", "bob say y", "bob say x", "bob count 40"]);
    await until("the window is at its top", () => page.evaluate(() => scrollY === 0));
    assert.ok(await articles(page).first().evaluate((article) => article === document.activeElement), "the focus is on the newest");
    assert.equal(await page.locator(".pill").count(), 0);
  });
});

test("edits, deletions, follows and other names show by themselves", async () => {
  await world.users("cleo", "dan", "eve");
  await world.follow("cleo", "dan");
  const [kept, gone] = [await world.post("dan", "bake", "bread"), await world.post("dan", "bake", "a cake")];
  await world.post("eve", "knit", "a hat", null, { published: "2020-01-01T00:00:00Z" });
  await on(world, { user: "cleo" }, async (page) => {
    await isLive(page);
    await shows(page, ["dan bake a cake", "dan bake bread"]);
    await world.ask("PATCH", `/v1/activities/${kept.id}`, { object: "rolls" });
    await shows(page, ["dan bake a cake", "dan bake rolls"]);
    await world.ask("DELETE", `/v1/activities/${gone.id}`);
    await shows(page, ["dan bake rolls"]);
    await world.follow("cleo", "eve");
    await shows(page, ["dan bake rolls", "eve knit a hat"]);
    await world.ask("PATCH", "/v1/users/eve", { username: "eva" });
    await shows(page, ["dan bake rolls", "eva knit a hat"]);
    await world.ask("DELETE", "/v1/users/cleo/following/dan");
    await shows(page, ["eva knit a hat"]);
    const waiting = await world.post("eva", "knit", "a scarf");
    await pill(page, "1 new").waitFor();
    await world.ask("DELETE", `/v1/activities/${waiting.id}`);
    await until("what waited and was taken back is counted no more", async () => (await page.locator(".pill").count()) === 0);
  });
});

test("a stream that breaks goes on where it was, without a gap", async () => {
  const own = await World.start();
  await own.users("fred", "gina");
  await own.follow("fred", "gina");
  const first = await own.post("gina", "ring", "1");
  await on(own, { user: "fred", allows: ["offline", 503] }, async (page) => {
    await isLive(page);
    await own.down();
    await page.locator(".state.waiting").waitFor();
    await own.up();
    await own.post("gina", "ring", "2");
    await own.ask("DELETE", `/v1/activities/${first.id}`);
    await own.post("gina", "ring", "3");
    await isLive(page);
    await pill(page, "2 new").click();
    await shows(page, ["gina ring 3", "gina ring 2"]);
  });
});

test("more than 1,000 changes at once are read anew", async () => {
  await world.users("hugo", "iris");
  const activities = (from) => Array.from({ length: 600 }, (_, index) => ({ actor: "iris", verb: "tick", object: String(from + index), published: new Date(Date.UTC(2021, 0, 1, 0, 0, from + index)).toISOString() }));
  for (const from of [0, 600]) await world.ask("POST", "/v1/activities/batch", { activities: activities(from) });
  await on(world, { user: "hugo" }, async (page) => {
    await isLive(page);
    await page.getByText("Nothing here yet.").waitFor();
    await world.follow("hugo", "iris");
    await until("the feed is there", async () => (await sentences(page))[0] === "iris tick 1199");
    await world.ask("DELETE", "/v1/users/hugo/following/iris");
    await page.getByText("Nothing here yet.").waitFor();
  });
});

test("a tab that nobody sees lets its stream go, and misses nothing", async () => {
  await world.users("jana", "karl");
  await world.follow("jana", "karl");
  await world.post("karl", "knock", "1");
  await on(world, { user: "jana" }, async (page) => {
    await isLive(page);
    const look = (isHidden) => page.evaluate((isHidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
    await look(true);
    await look(false);
    await isLive(page);
    await look(true);
    await page.locator(".state.resting").waitFor();
    await world.post("karl", "knock", "2");
    await page.waitForTimeout(1000);
    assert.equal(await page.locator(".pill").count(), 0);
    await look(false);
    await isLive(page);
    await pill(page, "1 new").click();
    await shows(page, ["karl knock 2", "karl knock 1"]);
  });
});
