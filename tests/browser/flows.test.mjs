// What people do on the page, from choosing who they are to blocking somebody.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { articles, on, sentences, shows, toast, until, World } from "./kit.mjs";

let world;
before(async () => {
  world = await World.start();
});

const compose = (page) => page.getByRole("region", { name: "Post an activity" });

async function fill(page, { verb, object, target, data }) {
  const form = compose(page);
  if (verb !== undefined) await form.getByLabel("Verb").fill(verb);
  if (object !== undefined) await form.getByLabel("Object", { exact: true }).fill(object);
  if (target !== undefined) await form.getByLabel("Target").fill(target);
  if (data !== undefined) {
    await form.locator("details").evaluate((details) => (details.open = true));
    await form.getByLabel("Data").fill(data);
  }
}

test("a user is made, and is chosen again another time", () =>
  on(world, { allows: [400] }, async (page) => {
    await page.getByLabel("Name").fill("..");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("alert").getByText("'..' cannot be a name").waitFor();
    await page.getByLabel("Name").fill("a/b");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("alert").getByText("must not contain the character U+002F").waitFor();
    assert.equal(await page.getByLabel("Name").inputValue(), "a/b", "what was typed stays");
    await page.getByLabel("Name").fill("Ann of Arden");
    await page.getByRole("button", { name: "Create Ann of Arden" }).click();
    await page.getByRole("heading", { name: "Friends" }).waitFor();
    assert.equal((await world.ask("GET", "/v1/users/Ann%20of%20Arden")).username, "Ann of Arden");

    await page.getByRole("button", { name: "Switch user" }).click();
    await page.getByRole("heading", { name: "Who are you?" }).waitFor();
    await page.getByLabel("Name").fill("Ann");
    await page.getByRole("listitem").getByRole("button", { name: "Ann of Arden" }).click();
    await page.getByRole("heading", { name: "Friends" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Friends" }).waitFor();
    await page.getByRole("banner").getByText("Ann of Arden").waitFor();
  }));

test("a post is stored as it was typed, with its data, and is on top of one's own feed", async () => {
  await world.users("pat", "pete");
  await on(world, { user: "pat", at: "#/own" }, async (page) => {
    await page.getByText("You have not posted anything yet.").waitFor();
    await fill(page, { verb: "share", object: "a <b>bold</b> link", target: "pete", data: '{"stars": 5, "tags": ["x"]}' });
    await compose(page).getByRole("button", { name: "Post" }).click();
    await shows(page, ["pat share a <b>bold</b> link → to pete"]);
    const { items } = await world.ask("GET", "/v1/feeds/pat");
    const { actor, verb, object, target, data } = items[0];
    assert.deepEqual({ actor, verb, object, target, data }, { actor: "pat", verb: "share", object: "a <b>bold</b> link", target: "pete", data: { stars: 5, tags: ["x"] } });
    assert.equal(await compose(page).getByLabel("Verb").inputValue(), "", "the form is ready for the next one");

    await fill(page, { verb: "wave" });
    await page.keyboard.press("Enter");
    await shows(page, ["pat wave", "pat share a <b>bold</b> link → to pete"]);
    assert.equal((await world.ask("GET", "/v1/feeds/pat")).items[0].object, null);

    // Also where the answer comes while the feed is just being read.
    await page.route("**/v1/activities", async (route) => {
      await new Promise((done) => setTimeout(done, 400));
      await route.continue();
    });
    await page.route("**/v1/feeds/pat?*", async (route) => {
      const response = await route.fetch();
      await new Promise((done) => setTimeout(done, 800));
      await route.fulfill({ response });
    });
    await page.goto(`${world.base}/#/friends`);
    await fill(page, { verb: "hurry" });
    await page.keyboard.press("Enter");
    await page.goto(`${world.base}/#/own`);
    await shows(page, ["pat hurry", "pat wave", "pat share a <b>bold</b> link → to pete"]);
  });
});

test("what is wrong with a post is said where it is wrong, and nothing that was typed is lost", async () => {
  await world.users("quin");
  await on(world, { user: "quin", at: "#/own", allows: [400] }, async (page) => {
    await fill(page, { verb: "greet", object: "o", target: "nobody at all" });
    await compose(page).getByRole("button", { name: "Post" }).click();
    const target = compose(page).getByLabel("Target");
    await compose(page).getByText("'nobody at all' is not the name of a user").waitFor();
    assert.equal(await target.getAttribute("aria-invalid"), "true");
    const fault = await target.getAttribute("aria-describedby");
    assert.match(await page.locator(`[id="${fault}"]`).innerText(), /nobody at all/);
    assert.equal(await target.inputValue(), "nobody at all");

    await fill(page, { target: "", data: "{not json" });
    await compose(page).getByRole("button", { name: "Post" }).click();
    await compose(page).getByText("This is not JSON").waitFor();
    assert.equal((await world.ask("GET", "/v1/feeds/quin")).items.length, 0);

    await fill(page, { data: "" });
    await compose(page).getByRole("button", { name: "Post" }).click();
    await shows(page, ["quin greet o"]);
  });
});

test("a post whose answer was lost is sent again and happens once", async () => {
  await world.users("rosa");
  await on(world, { user: "rosa", at: "#/own", allows: ["offline"] }, async (page) => {
    let lost = 0;
    await page.route("**/v1/activities", async (route) => {
      if (route.request().method() !== "POST" || lost > 0) return route.continue();
      lost += 1;
      await route.fetch();
      await route.abort("connectionreset");
    });
    await fill(page, { verb: "whisper", object: "once" });
    await compose(page).getByRole("button", { name: "Post" }).click();
    await compose(page).getByText("The server cannot be reached").waitFor();
    assert.equal(await compose(page).getByLabel("Object", { exact: true }).inputValue(), "once");
    await compose(page).getByRole("button", { name: "Post" }).click();
    await shows(page, ["rosa whisper once"]);
    assert.equal(lost, 1);
    assert.equal((await world.ask("GET", "/v1/feeds/rosa")).items.length, 1);
  });
});

test("somebody is found by the beginning of a name, followed, unfollowed, and followed again by undoing that", async () => {
  await world.users("sam", "zoe-1", "zoe-2", "Zoe", "zo");
  await world.post("zoe-2", "sing", "a song");
  await on(world, { user: "sam", at: "#/people" }, async (page) => {
    await page.getByLabel("Search by the beginning of a name").fill("zoe");
    await until("only those are listed", async () => (await articles(page).count()) === 2);
    assert.deepEqual(await articles(page).locator(".name").allInnerTexts(), ["zoe-1", "zoe-2"]);
    await page.getByRole("button", { name: "Follow zoe-2", exact: true }).click();
    await page.getByRole("button", { name: "Unfollow zoe-2" }).waitFor();
    await toast(page, "You follow zoe-2.").waitFor();
    await page.getByRole("link", { name: "Friends" }).click();
    await shows(page, ["zoe-2 sing a song"]);

    await page.getByRole("link", { name: "People" }).click();
    await page.getByRole("link", { name: "Following", exact: true }).click();
    await page.getByRole("button", { name: "Unfollow zoe-2" }).click();
    await toast(page, "You follow zoe-2 no more.").waitFor();
    const standing = () => world.ask("GET", "/v1/users/sam/relationships?with=zoe-2");
    assert.equal((await standing()).relationships[0].following, false);
    await page.getByRole("region", { name: "Messages" }).getByRole("button", { name: "Undo" }).last().click();
    await until("the follow is back", async () => (await standing()).relationships[0].following);
    await page.getByRole("link", { name: "Friends" }).click();
    await shows(page, ["zoe-2 sing a song"]);
  });
});

test("a follow that the server refuses is taken back on the page, and its reason is told", async () => {
  await world.users("tom", "ursula");
  await on(world, { user: "tom", at: "#/user/ursula", allows: [403] }, async (page) => {
    const button = page.getByRole("button", { name: "Follow ursula", exact: true });
    await button.waitFor();
    await world.ask("PUT", "/v1/users/ursula/blocks/tom");
    await button.click();
    await page.locator(".toast.problem").waitFor();
    assert.match(await page.locator(".toast.problem").innerText(), /block/i);
    await button.waitFor();
  });
});

test("an activity tells why it is shown, and elsewhere why it is not", async () => {
  await world.users("vera", "walt", "xena", "yuri");
  await world.follow("vera", "walt");
  await world.follow("vera", "yuri");
  await world.post("walt", "paint", "a fence");
  await world.post("xena", "throw", "a ring", "vera");
  await world.ask("PUT", "/v1/users/vera/mutes/yuri");
  await world.post("yuri", "sleep");
  await world.post("vera", "read", "a book");
  const why = async (page, who, expected) => {
    await page.goto(`${world.base}/#/user/${who}`);
    await page.getByRole("button", { name: "Why do I see this?" }).first().click();
    await page.locator(".why").getByText(expected).waitFor();
  };
  await on(world, { user: "vera" }, async (page) => {
    await shows(page, ["walt paint a fence"]);
    const button = page.getByRole("button", { name: "Why do I see this?" });
    await button.click();
    await page.locator(".why").getByText("Because you follow walt").waitFor();
    assert.equal(await button.getAttribute("aria-expanded"), "true");
    await button.click();
    await until("it is closed", async () => (await page.locator(".why").count()) === 0);
    await why(page, "xena", "You do not follow xena");
    await why(page, "yuri", "You mute yuri");
    await why(page, "vera", "This is your own.");
    await world.ask("DELETE", "/v1/users/vera/following/walt?keep_history=true");
    await why(page, "walt", "Because you followed walt and kept the history");
  });
});

test("one's own activity is edited, also when somebody else was faster, and deleted, and brought back", async () => {
  await world.users("abel", "beth");
  const activity = await world.post("abel", "draw", "a cat", "beth", { data: { paper: "A4" } });
  await world.post("abel", "sit");
  await on(world, { user: "abel", at: "#/own", allows: [412] }, async (page) => {
    await shows(page, ["abel sit", "abel draw a cat → to beth"]);
    const card = page.locator(`[data-id="${activity.id}"]`);
    const edit = card.getByRole("button", { name: "Edit" });
    await edit.click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Object", { exact: true }).fill("a dog");
    assert.match(await dialog.getByLabel("Data").inputValue(), /A4/);
    await until("it may be saved", () => dialog.getByRole("button", { name: "Save" }).isEnabled());
    await world.ask("PATCH", `/v1/activities/${activity.id}`, { object: "a horse" });
    await dialog.getByLabel("Object", { exact: true }).fill("a dog");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("button", { name: "Read the stored version again" }).click();
    await until("the stored version is shown", async () => (await dialog.getByLabel("Object", { exact: true }).inputValue()) === "a horse");
    await dialog.getByLabel("Object", { exact: true }).fill("a dog");
    await dialog.getByRole("button", { name: "Save" }).click();
    await shows(page, ["abel sit", "abel draw a dog → to beth"]);
    await card.getByText("edited").waitFor();
    const stored = await world.ask("GET", `/v1/activities/${activity.id}`);
    assert.deepEqual([stored.object, stored.data], ["a dog", { paper: "A4" }]);
    assert.ok(await edit.evaluate((button) => button === document.activeElement), "the focus is back where it was");

    await card.getByRole("button", { name: "Delete" }).click();
    await page.keyboard.press("Escape");
    await until("nothing was done", async () => (await page.getByRole("dialog").count()) === 0);
    await card.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await shows(page, ["abel sit"]);
    assert.ok(await page.evaluate(() => document.activeElement.matches("article")), "the focus went to the activity beside it");
    assert.equal((await world.ask("GET", "/v1/feeds/abel")).items.length, 1);
    await page.getByRole("region", { name: "Messages" }).getByRole("button", { name: "Undo" }).click();
    await page.goto(`${world.base}/#/friends`);
    await page.goto(`${world.base}/#/own`);
    await shows(page, ["abel sit", "abel draw a dog → to beth"]);
    // Others' activities are not one's own.
    await page.goto(`${world.base}/#/user/beth`);
    assert.equal(await page.getByRole("button", { name: "Edit" }).count(), 0);
  });
});

test("who is muted goes from the feed at once and comes back; who is blocked does not", async () => {
  await world.users("cara", "dora", "emil");
  await world.follow("cara", "dora");
  await world.follow("cara", "emil");
  await world.post("dora", "hum");
  await world.post("emil", "drum");
  await on(world, { user: "cara", at: "#/user/dora" }, async (page) => {
    await page.getByRole("button", { name: "Mute dora" }).click();
    await page.getByRole("link", { name: "Friends" }).click();
    await shows(page, ["emil drum"]);
    await page.goto(`${world.base}/#/people/mutes`);
    await page.getByRole("button", { name: "Unmute dora" }).click();
    await page.getByText("Nobody yet.").waitFor();
    await page.getByRole("link", { name: "Friends" }).click();
    await shows(page, ["emil drum", "dora hum"]);

    await page.goto(`${world.base}/#/user/emil`);
    await page.getByRole("button", { name: "Block emil" }).click();
    const dialog = page.getByRole("dialog", { name: "Block this user?" });
    assert.ok(await dialog.getByRole("button", { name: "Cancel" }).evaluate((button) => button === document.activeElement), "what does no harm has the focus");
    await dialog.getByRole("button", { name: "Block" }).click();
    await toast(page, "You block emil.").waitFor();
    await page.getByRole("link", { name: "Friends" }).click();
    await shows(page, ["dora hum"]);
    await page.goto(`${world.base}/#/people/blocks`);
    await page.getByRole("button", { name: "Unblock emil" }).click();
    await page.getByText("Nobody yet.").waitFor();
    await page.getByRole("link", { name: "Friends" }).click();
    await shows(page, ["dora hum"]);
  });
});

test("notifications are counted, seen, and read one by one or all at once", async () => {
  await world.users("fay", "gus", "hal", "ida");
  for (const actor of ["gus", "hal", "ida", "gus"]) await world.post(actor, "like", "post:1", "fay");
  await world.post("ida", "share", "post:2", "fay");
  await world.follow("hal", "fay");
  const page = { unseen: 0, unread: 0 };
  const counts = async () => Object.assign(page, await world.ask("GET", "/v1/feeds/fay/notifications"));
  await counts();
  assert.deepEqual([page.unseen, page.unread], [3, 3]);
  await on(world, { user: "fay" }, async (page) => {
    const badge = page.getByRole("navigation", { name: "Main" }).locator(".badge");
    await until("the badge tells how many are new", async () => (await badge.count()) === 1 && (await badge.innerText()).startsWith("3"));
    await page.getByRole("link", { name: "Notifications" }).click();
    await shows(page, ["hal followed you", "ida share post:2", "gus, ida and hal like post:1 (4 times)"].map(String));
    assert.equal(await articles(page).getByText("New", { exact: true }).count(), 3);
    await until("they were seen", async () => (await counts()).unseen === 0);
    await until("the badge is gone", async () => (await badge.count()) === 0);
    assert.equal((await counts()).unread, 3, "seen is not read");

    await articles(page).nth(1).getByRole("button", { name: "Mark as read" }).click();
    await page.locator("[data-counts]").getByText("0 new · 2 unread").waitFor();
    await until("it was read", async () => (await counts()).unread === 2);
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await page.locator("[data-counts]").getByText("0 new · 0 unread").waitFor();
    assert.equal((await counts()).unread, 0);
    assert.equal(await page.getByRole("button", { name: "Mark as read" }).count(), 0);

    // News in a group that was read is news.
    await world.post("hal", "like", "post:1", "fay");
    await page.locator(".pill").getByText("1 new").click();
    await until("it stands on top, once", async () => (await sentences(page))[0] === "hal, gus and ida like post:1 (5 times)");
    assert.equal(await articles(page).count(), 3);
    assert.equal(await articles(page).first().getByText(/New|Unread/).count(), 1);
  });
});

test("mentions that arrive wait behind a button", async () => {
  await world.users("jack", "kim");
  await world.post("kim", "call", "first", "jack");
  await on(world, { user: "jack", at: "#/mentions" }, async (page) => {
    await shows(page, ["kim call first → to jack"]);
    await world.post("kim", "call", "second", "jack");
    await world.post("kim", "call", "third", "jack");
    await page.locator(".pill").getByText("2 new").click();
    await shows(page, ["kim call third → to jack", "kim call second → to jack", "kim call first → to jack"]);
  });
});
