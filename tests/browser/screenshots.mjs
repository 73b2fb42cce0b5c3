// Makes the pictures of docs/images anew: the page with the real data, something new in it, and some load.
// Asked for by `make screenshots`; test runs leave the pictures alone.

import { mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { articles, BUSY, end, faultless, POPULAR, until, visit, World } from "./kit.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/images/", import.meta.url));
/** The README shows them: they should be there at once. */
const BYTES_MAX = 200_000;
/** A user whose feed is of many sorts. */
const READER = "dev-485a95a3d8";
/** How long the charts are filled before they are shown. */
const LOAD_MS = 75_000;

async function picture(page, name) {
  const path = `${FOLDER}${name}.png`;
  await page.screenshot({ path });
  const { size } = statSync(path);
  if (size > BYTES_MAX) throw new Error(`${name}.png has ${size} bytes`);
  console.log(`${name}.png: ${size} bytes`);
  faultless(page);
  await page.context().close();
}

async function feed(world, name, options) {
  const page = await visit(world, { user: READER, ...options });
  await articles(page).first().waitFor();
  await page.locator(".state.live").waitFor();
  await articles(page).first().getByRole("button", { name: "Why do I see this?" }).click();
  await page.locator(".why").getByText("Because").waitFor();
  const { items } = await world.ask("GET", `/v1/users/${READER}/following?limit=3`);
  for (const { followee } of items) await world.post(followee, "share", "the release of 1.1.0", null, { data: { stable: true } });
  await page.locator(".pill").getByText("3 new").waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await picture(page, name);
}

/** Requests of all kinds, more and fewer in turn. */
async function load(world, until) {
  while (Date.now() < until) {
    const many = 6 + Math.round(5 * Math.sin(Date.now() / 6000));
    const reads = Array.from({ length: many }, (_, index) => world.ask("GET", ["/v1/feeds/", "/v1/users/"][index % 2] + POPULAR + (index % 4 ? "" : "/friends")));
    await Promise.all([...reads, world.post(BUSY, "measure", "something"), fetch(`${world.base}/v1/users/nobody`)]);
    await new Promise((done) => setTimeout(done, 150));
  }
}

const PICTURES = {
  feed: (world) => feed(world, "feed", { width: 1200, height: 800 }),
  phone: (world) => feed(world, "phone", { width: 360, height: 720, scheme: "dark", scale: 1.5 }),
  async notifications(world) {
    const page = await visit(world, { user: POPULAR, at: "#/notifications", width: 1200, height: 800, scheme: "dark" });
    await articles(page).first().waitFor();
    await articles(page).nth(1).getByRole("button", { name: "Mark as read" }).click();
    await until("they were seen", () => page.locator("[data-counts]").getByText(/^0 new/).isVisible());
    await page.evaluate(() => document.activeElement.blur());
    await picture(page, "notifications");
  },
  async graph(world) {
    const page = await visit(world, { user: POPULAR, at: "#/graph", width: 1200, height: 800 });
    await page.locator("svg.graph a.node").nth(24).waitFor();
    await picture(page, "graph");
  },
  async metrics(world) {
    const page = await visit(world, { user: POPULAR, at: "#/metrics", width: 1200, height: 980, scheme: "dark" });
    await load(world, Date.now() + LOAD_MS);
    await picture(page, "metrics");
  },
};

/** Those that are named, or all of them. */
async function main(names) {
  mkdirSync(FOLDER, { recursive: true });
  const world = await World.start({ realData: true });
  for (const name of names.length ? names : Object.keys(PICTURES)) await PICTURES[name](world);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
}).finally(end);
