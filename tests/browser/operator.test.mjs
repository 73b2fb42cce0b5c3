// The graph, and the metrics.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { on, POPULAR, until, World } from "./kit.mjs";

let world;
before(async () => {
  world = await World.start();
});

test("the graph shows who follows whom around a user, also in words, and is walked by keys", async () => {
  await world.users("hub", "left", "right", "far", "lone");
  for (const [one, other] of [["hub", "left"], ["left", "hub"], ["hub", "right"], ["left", "right"], ["right", "far"], ["far", "hub"]]) await world.follow(one, other);
  await on(world, { user: "hub", at: "#/graph" }, async (page) => {
    const nodes = page.locator("svg.graph a.node");
    await until("all nodes are there", async () => (await nodes.count()) === 4);
    assert.equal(await page.locator("svg.graph line.link").count(), 5, "hub and left are one line with two ends");
    assert.equal(await page.locator("svg.graph line.both").count(), 1);
    const words = (await page.locator(".graph-text li").allInnerTexts()).map((text) => text.replace(/\s+/g, " "));
    assert.deepEqual(words.map((text) => text.split(" follows ").map((part) => part.split(/, | and |\./).filter(Boolean).sort().join("+")).join(" > ")).sort(), ["far > hub", "hub > left+right", "left > hub+right", "right > far"]);
    // Nothing lies upon anything else.
    const places = await nodes.evaluateAll((all) => all.map(({ dataset }) => [Number(dataset.x), Number(dataset.y)]));
    places.forEach(([x, y], index) => places.slice(index + 1).forEach(([otherX, otherY]) => assert.ok(Math.hypot(x - otherX, y - otherY) > 40)));

    await nodes.first().focus();
    await until("an arrow key leads to another node", async () => {
      for (const key of ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"]) {
        await page.keyboard.press(key);
        if (await page.evaluate(() => !document.activeElement.classList.contains("first"))) return true;
      }
      return false;
    });
    const name = await page.evaluate(() => document.activeElement.dataset.name);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: `Around ${name}` }).waitFor();
    await page.goto(`${world.base}/#/graph/lone`);
    await until("one who is alone is alone", async () => (await nodes.count()) === 1);
  });
});

test("a graph of somebody who is not there says so", () =>
  on(world, { user: "hub", at: "#/graph/nobody", allows: [404] }, async (page) => {
    await page.getByRole("alert").getByText("nobody").waitFor();
  }));

test("the graph of a user with many neighbours shows those who are nearest", async () => {
  const real = await World.start({ realData: true });
  await on(real, { user: POPULAR, at: "#/graph" }, async (page) => {
    const nodes = page.locator("svg.graph a.node");
    await until("the nodes are there", async () => (await nodes.count()) === 25);
    await page.getByText("there are more").waitFor();
    const box = await page.locator("svg.graph").boundingBox();
    for (const node of await nodes.locator("circle").all()) {
      const { x, y, width, height } = await node.boundingBox();
      assert.ok(x >= box.x && y >= box.y && x + width <= box.x + box.width && y + height <= box.y + box.height, "every node is in the picture");
    }
  });
});

test("the metrics are drawn as charts that go on, stand still, and can be read as a table", async () => {
  await world.users("ops");
  await on(world, { user: "ops", at: "#/metrics" }, async (page) => {
    await until("there are lines", async () => {
      await world.ask("GET", "/v1/users/ops");
      await world.post("ops", "probe");
      return (await page.locator("svg path.line").evaluateAll((all) => all.filter((path) => path.getAttribute("d").includes("L")).length)) >= 8;
    });
    const requests = page.getByRole("img", { name: /^Requests, now: reads [\d.]+\/s, writes [\d.]+\/s$/ });
    await requests.waitFor();
    const label = () => page.getByRole("img", { name: /^Requests/ }).getAttribute("aria-label");
    await until("the rates tell of our requests", async () => {
      await Promise.all(Array.from({ length: 10 }, () => world.ask("GET", "/v1/users/ops")));
      return Number(/reads ([\d.]+)/.exec(await label())[1]) > 1;
    });
    await page.getByRole("img", { name: /^Memory, now: process [\d.]+ MiB/ }).waitFor();
    const facts = await page.getByRole("region", { name: "Now" }).innerText();
    assert.match(facts, /Activities in the index\s+\d+/);
    assert.match(facts, /Version\s+\d+\.\d+/);

    await page.getByText("The charts as a table").click();
    const row = page.getByRole("row", { name: /^Memory: process/ });
    assert.match(await row.innerText(), /MiB/);

    await page.getByRole("button", { name: "Pause" }).click();
    let asked = 0;
    page.on("request", (request) => (asked += request.url().endsWith("/metrics") ? 1 : 0));
    await page.waitForTimeout(4500);
    assert.equal(asked, 0, "nothing is asked while it stands still");
    await page.getByRole("button", { name: "Go on" }).click();
    await until("it goes on", () => asked > 0);
  });
});

test("where metrics are told elsewhere the page says so", async () => {
  const apart = await World.start({ settings: { FEEDME__METRICS__LISTEN: "127.0.0.1:0" } });
  await apart.users("ops");
  await on(apart, { user: "ops", at: "#/metrics", allows: [404] }, async (page) => {
    await page.getByRole("alert").getByText("metrics.listen").waitFor();
  });
});
