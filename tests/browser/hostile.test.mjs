// Text of users that would like to be markup, script, or a place to go to.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { articles, on, until, World } from "./kit.mjs";

const NAMES = ["<img src=x onerror=pwned=1>", "\"><svg onload=pwned=1>", "javascript:pwned=1", "${pwned=1}", "a%2Fb?c#d&e", "שלום", "__proto__"];
const OBJECTS = [
  "<script>pwned=1</script>", "</textarea><script>pwned=1</script>", "<iframe srcdoc='<script>parent.pwned=1</script>'>",
  "javascript:pwned=1", "{{constructor.constructor('pwned=1')()}}", "<a href=javascript:pwned=1>x</a>", "&lt;b&gt; &amp;", "x".repeat(1024), "\u202Eevil", "🦀".repeat(200),
];

let world;
before(async () => {
  world = await World.start();
  await world.users("victim", ...NAMES);
  for (const name of NAMES) {
    await world.ask("PATCH", `/v1/users/${encodeURIComponent(name)}`, { display_name: "<b onclick=pwned=1>bold</b>" });
    await world.follow("victim", name);
    await world.follow(name, "victim");
  }
  for (const object of OBJECTS) {
    await world.post(NAMES[0], "<i>verb</i>", object, "victim", { data: { "<b>": "<script>pwned=1</script>", constructor: { prototype: 1 } } });
  }
});

async function harmless(page) {
  assert.equal(await page.evaluate(() => globalThis.pwned), undefined, "a script of a user ran");
  const foreign = await page.evaluate(() => document.querySelectorAll("#page :is(script, iframe, img, object, embed, b[onclick], [onerror], [onload], a[href^='javascript' i])").length);
  assert.equal(foreign, 0, "text became markup");
}

test("hostile text is shown as it is, in every view", () =>
  on(world, { user: "victim" }, async (page) => {
    for (const view of ["friends", "mentions"]) {
      await page.goto(`${world.base}/#/${view}`);
      await until("all is shown", async () => (await articles(page).count()) === OBJECTS.length);
      const shown = await articles(page).locator(".object").allInnerTexts();
      assert.deepEqual(shown.sort(), [...OBJECTS].sort());
      assert.equal(await articles(page).first().locator(".name").first().textContent(), NAMES[0]);
      await articles(page).first().locator("summary").click();
      assert.match(await articles(page).first().locator("pre").innerText(), /<script>pwned=1<\/script>/);
      await harmless(page);
    }
    await page.goto(`${world.base}/#/notifications`);
    await articles(page).first().waitFor();
    await harmless(page);
    await page.goto(`${world.base}/#/people/following`);
    await until("all are listed", async () => (await articles(page).count()) === NAMES.length);
    assert.deepEqual((await articles(page).locator(".name").allTextContents()).sort(), [...NAMES].sort());
    await harmless(page);
    await page.goto(`${world.base}/#/graph`);
    await until("all are drawn", async () => (await page.locator("a.node").count()) === NAMES.length + 1);
    await harmless(page);
    for (const name of NAMES) {
      await page.goto(`${world.base}/#/people`);
      await page.getByRole("feed").getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { name, exact: true }).waitFor();
      await page.getByRole("region", { name: "Profile" }).getByText("<b onclick=pwned=1>bold</b>").waitFor();
      await harmless(page);
    }
  }));

test("somebody with a hostile name can do what others do", () =>
  on(world, {}, async (page) => {
    await page.getByLabel("Name").fill(NAMES[0]);
    await page.getByRole("listitem").getByRole("button", { name: NAMES[0] }).click();
    await page.getByLabel("Verb").fill(OBJECTS[0]);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Your own" }).click();
    await until("it is posted", async () => (await articles(page).first().locator(".verb").first().innerText()) === OBJECTS[0]);
    await articles(page).first().getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await until("it is deleted", async () => (await articles(page).first().locator(".verb").first().innerText()) !== OBJECTS[0]);
    await harmless(page);
  }));

test("an address made by somebody else opens nothing but a view", () =>
  on(world, { user: "victim", allows: [400, 404] }, async (page) => {
    for (const hash of ["#/user/%E0%A4%A", "#/user/<img src=x onerror=pwned=1>", "#javascript:pwned=1", "#/graph/..", "#/people/constructor", "#/constructor", "#/user/a%2F..%2Fb"]) {
      await page.goto(`${world.base}/${hash}`);
      await page.locator("[data-heading]").waitFor();
      await harmless(page);
    }
  }));
