// The page where the server asks who one is.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { on, shows, until, World } from "./kit.mjs";

const settings = { FEEDME__AUTH__MODE: "keys" };

let world;
before(async () => {
  world = await World.start({ settings });
  world.key = world.run("keys", "create", "--name", "tests", "--scopes", "admin");
  await world.users("ann", "bob");
  await world.follow("ann", "bob");
  await world.post("bob", "cook", "soup");
});

const enter = async (page, credential) => {
  await page.getByLabel("Key or token").fill(credential);
  await page.getByRole("button", { name: "Continue" }).click();
};

test("a key is asked for, a wrong one is refused with its reason, and a good one is kept in the tab alone", () =>
  on(world, { allows: [401] }, async (page) => {
    await page.getByRole("heading", { name: "This server asks who you are" }).waitFor();
    await enter(page, "fm_wrong");
    await page.getByRole("alert").locator(".problem").waitFor();
    await enter(page, world.key);
    await page.getByRole("listitem").getByRole("button", { name: "ann" }).click();
    await shows(page, ["bob cook soup"]);
    assert.equal(await page.evaluate(() => Object.values(localStorage).join()), "ann");
    assert.equal(await page.evaluate(() => sessionStorage.getItem("feed-me.token")), world.key);

    // The stream carries the credential too.
    await page.locator(".state.live").waitFor();
    await world.post("bob", "cook", "stew");
    await page.locator(".pill").getByText("1 new").click();
    await shows(page, ["bob cook stew", "bob cook soup"]);

    await page.getByRole("button", { name: "Forget key" }).click();
    await page.getByRole("heading", { name: "This server asks who you are" }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.getItem("feed-me.token")), null);
  }));

test("the token of a user makes one that user, who may not see the metrics", async () => {
  const { token } = await world.ask("POST", "/v1/users/ann/tokens");
  await on(world, { allows: [401, 403] }, async (page) => {
    await enter(page, token);
    await page.getByRole("heading", { name: "Friends" }).waitFor();
    await page.getByRole("banner").getByText("ann").waitFor();
    await page.getByLabel("Verb").fill("nod");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Your own" }).click();
    await shows(page, ["ann nod"]);
    await page.getByRole("link", { name: "Metrics" }).click();
    await page.getByText("Metrics are for operators").waitFor();
  });
});

test("a key that was revoked is asked for again", async () => {
  const key = world.run("keys", "create", "--name", "brief", "--scopes", "read,write");
  await on(world, { user: "ann", token: key, allows: [401] }, async (page) => {
    await page.locator(".state.live").waitFor();
    const { items } = await world.ask("GET", "/v1/keys");
    await world.ask("DELETE", `/v1/keys/${items.find(({ name }) => name === "brief").id}`);
    await page.getByRole("link", { name: "Mentions" }).click();
    await page.getByRole("heading", { name: "This server asks who you are" }).waitFor();
    assert.ok(await until("the field is there", () => page.getByLabel("Key or token").isVisible()));
  });
});
