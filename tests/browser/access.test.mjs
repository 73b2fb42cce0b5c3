// Whether everybody can use the page: by keys, by ear, on a small screen, in the dark, without motion.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { before, test } from "node:test";
import { articles, on, until, World } from "./kit.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LOOKS = {
  light: {},
  dark: { scheme: "dark" },
  "360 px wide": { width: 360, height: 740 },
  "360 px wide and dark": { width: 360, height: 740, scheme: "dark" },
};
const VIEWS = ["friends", "own", "mentions", "notifications", "people", "people/followers", "user/bob", "graph", "metrics"];

let world;
before(async () => {
  world = await World.start();
  await world.users("ann", "bob", "cy", "a name as long as a name may be, eighty characters, which is quite some text, x1");
  for (const other of ["bob", "cy"]) await world.follow("ann", other);
  await world.follow("bob", "ann");
  for (let number = 0; number < 12; number += 1) await world.post("bob", "share", `post:${number}`, number % 2 ? "ann" : null, { data: { number } });
  await world.post("ann", "write", "a letter", "a name as long as a name may be, eighty characters, which is quite some text, x1");
  await world.post("cy", "x".repeat(80), "y".repeat(1024), "ann");
});

async function check(page, where) {
  const found = await page.evaluate(async (source) => {
    // Evaluated by the browser's debugger, which the page's policy does not bind.
    if (!globalThis.axe) (0, eval)(source);
    const { violations } = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => `${node.html} (${node.failureSummary})`).join(" | ")}`);
  }, axe);
  assert.deepEqual(found, [], where);
  const { wide, inner } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, inner: innerWidth }));
  assert.ok(wide <= inner, `${where}: ${wide} px wide in a window of ${inner}`);
}

const settled = async (page, view) => {
  if (view === "graph") await page.locator("svg.graph").waitFor();
  else if (view === "metrics") await page.locator(".chart").first().waitFor();
  else await articles(page).first().waitFor();
};

for (const [look, options] of Object.entries(LOOKS)) {
  test(`axe finds nothing wrong and nothing is wider than the window: ${look}`, () =>
    on(world, { user: "ann", allows: [400], ...options }, async (page) => {
      for (const view of VIEWS) {
        await page.goto(`${world.base}/#/${view}`);
        await settled(page, view);
        await check(page, view);
      }
      // What opens: a reason, a fault, a dialog, a message.
      await page.goto(`${world.base}/#/own`);
      await settled(page, "own");
      await articles(page).first().getByRole("button", { name: "Edit" }).click();
      await page.getByRole("dialog").waitFor();
      await check(page, "a dialog");
      await page.keyboard.press("Escape");
      await page.getByLabel("Verb").fill("v");
      await page.getByLabel("Target").fill("nobody");
      await page.keyboard.press("Enter");
      await page.locator(".fault").waitFor();
      await check(page, "a fault");
      await page.goto(`${world.base}/#/friends`);
      await settled(page, "friends");
      await articles(page).first().getByRole("button", { name: "Why do I see this?" }).click();
      await page.locator(".why").getByText("Because").waitFor();
      await page.locator("details.data summary").first().click();
      await world.post("bob", "nod");
      await page.locator(".pill").waitFor();
      await check(page, "a reason, data, and news");
      await page.getByRole("button", { name: "Switch user" }).click();
      await page.getByRole("listitem").first().waitFor();
      await check(page, "the choice of a user");
    }));
}

test("axe finds nothing wrong where a key is asked for", async () => {
  const closed = await World.start({ settings: { FEEDME__AUTH__MODE: "keys" } });
  await on(closed, { allows: [401], width: 360, height: 740 }, async (page) => {
    await page.getByLabel("Key or token").waitFor();
    await check(page, "the key");
  });
});

const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  return { tag: element.tagName, text: (element.getAttribute("aria-label") ?? element.innerText ?? "").trim(), isHeading: element.hasAttribute("data-heading") };
});

test("all can be done by keys, and the focus is where one expects it", () =>
  on(world, { user: "ann", at: "#/friends" }, async (page) => {
    await settled(page, "friends");
    await page.keyboard.press("Tab");
    assert.match((await focused(page)).text, /Skip to the content/);
    await page.keyboard.press("Enter");
    assert.ok((await focused(page)).isHeading);
    await page.keyboard.press("Tab");
    const form = await page.evaluate(() => document.activeElement.name);
    assert.equal(form, "verb", "after the heading comes the form");

    // A view that was opened begins at its heading, and has its own title.
    await page.getByRole("link", { name: "Mentions" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Mentions" }).waitFor();
    await until("the heading has the focus", async () => (await focused(page)).isHeading);
    assert.equal(await page.title(), "Mentions · feed-me");
    assert.equal(await page.getByRole("link", { name: "Mentions" }).getAttribute("aria-current"), "page");

    // From item to item.
    await articles(page).first().focus();
    await page.keyboard.press("PageDown");
    assert.ok(await articles(page).nth(1).evaluate((article) => article === document.activeElement));
    await page.keyboard.press("PageUp");
    assert.ok(await articles(page).first().evaluate((article) => article === document.activeElement));

    // Post without a mouse.
    await page.getByRole("link", { name: "Your own" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Your own" }).waitFor();
    await until("the heading has the focus", async () => (await focused(page)).isHeading);
    await page.keyboard.press("Tab");
    await page.keyboard.type("type");
    await page.keyboard.press("Tab");
    await page.keyboard.type("by hand");
    await page.keyboard.press("Enter");
    await until("it is posted", async () => (await articles(page).first().locator(".object").innerText()) === "by hand");

    // A dialog keeps the focus, and gives it back.
    const button = articles(page).first().getByRole("button", { name: "Delete" });
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    for (let press = 0; press < 8; press += 1) {
      await page.keyboard.press("Tab");
      assert.ok(await page.evaluate(() => document.activeElement === document.body || Boolean(document.activeElement.closest("dialog"))));
    }
    await page.keyboard.press("Escape");
    await until("the focus is back", () => button.evaluate((element) => element === document.activeElement));
  }));

test("what is focused can be seen", () =>
  on(world, { user: "ann", at: "#/own" }, async (page) => {
    await settled(page, "own");
    for (let press = 0; press < 25; press += 1) {
      await page.keyboard.press("Tab");
      const { outline, name } = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement);
        return { outline: style.outlineStyle === "none" ? 0 : Number.parseFloat(style.outlineWidth), name: document.activeElement.outerHTML.slice(0, 80) };
      });
      assert.ok(outline >= 2 || name.startsWith("<body"), name);
    }
  }));

test("nothing moves for who wants no motion", async () => {
  const moving = (page) => page.evaluate(() => document.getAnimations().length);
  await on(world, { user: "ann", motion: "reduce" }, async (page) => {
    await page.locator(".state.live").waitFor();
    assert.equal(await moving(page), 0);
  });
  // The same look finds motion where it is welcome, so it can be believed.
  await on(world, { user: "ann", motion: "no-preference" }, async (page) => {
    await page.locator(".state.live").waitFor();
    await until("the light of the stream breathes", async () => (await moving(page)) > 0);
  });
});
