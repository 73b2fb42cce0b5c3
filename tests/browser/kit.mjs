// What the tests share: a server of their own, a browser, and pages on which nothing may go wrong unseen.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import { chromium } from "playwright-core";

const BINARY = process.env.FEEDME_BIN;
const CHROMIUM = process.env.CHROMIUM_BIN ?? "/usr/bin/chromium";
const DATA = ["activities", "follows"].map((name) => fileURLToPath(new URL(`../data/${name}.ndjson.gz`, import.meta.url)));

/** Long enough for a machine that does much else at the same time. */
export const PATIENCE_MS = 60_000;

/** The user of the real data with the most followers, and the one with the most activities. */
export const POPULAR = "dev-b237a25325";
export const BUSY = "dev-4c6fe02b40";

/** What has to be ended when the tests of the file are over, whatever came of them: the browser first, then the servers. */
const endings = [];
export async function end() {
  for (const ending of endings.splice(0)) await ending();
}
after(end);

/** A server with a database of its own; `realData` fills it with what is in tests/data. */
export class World {
  static async start({ settings = {}, realData = false } = {}) {
    const world = new World();
    world.folder = mkdtempSync(join(tmpdir(), "feed-me-browser-"));
    world.settings = { FEEDME__LOG__FILTER: "warn", FEEDME__DATABASE__URL: "sqlite://feed-me.db", ...settings };
    world.listen = "127.0.0.1:0";
    if (realData) world.run("import", ...DATA);
    await world.up();
    endings.push(() => world.end());
    return world;
  }

  get environment() {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("FEEDME_"));
    return { ...Object.fromEntries(own), ...this.settings, FEEDME__SERVER__LISTEN: this.listen };
  }

  /** Runs a command of the program and gives what it printed. */
  run(...args) {
    const { status, stdout, stderr } = spawnSync(BINARY, args, { cwd: this.folder, env: this.environment, encoding: "utf8" });
    assert.equal(status, 0, `feed-me ${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  }

  /** Serves, at the same address as before where there was one. */
  async up() {
    this.log = "";
    this.server = spawn(BINARY, ["serve"], { cwd: this.folder, env: this.environment });
    this.gone = new Promise((resolve) => this.server.once("exit", resolve));
    this.base = await new Promise((resolve, reject) => {
      const hear = (part) => {
        this.log += part;
        const told = /feed-me listens on (http:\S+)/.exec(this.log);
        if (told) resolve(told[1]);
      };
      this.server.stdout.on("data", hear);
      this.server.stderr.on("data", hear);
      this.server.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${this.log}`)));
      this.server.once("error", reject);
    });
    this.listen = new URL(this.base).host;
  }

  async down() {
    this.server.kill("SIGTERM");
    await this.gone;
  }

  async end() {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Asks the API; anything but a success fails. */
  async ask(method, path, body, headers = {}) {
    const response = await fetch(this.base + path, {
      method,
      headers: { ...(this.key ? { Authorization: `Bearer ${this.key}` } : {}), ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  users(...names) {
    return Promise.all(names.map((name) => this.ask("PUT", `/v1/users/${encodeURIComponent(name)}`, {})));
  }

  post(actor, verb, object = null, target = null, more = {}) {
    return this.ask("POST", "/v1/activities", { actor, verb, object, target, ...more });
  }

  follow(follower, followee) {
    return this.ask("PUT", `/v1/users/${encodeURIComponent(follower)}/following/${encodeURIComponent(followee)}`, { from: "beginning" });
  }
}

let opened = null;
async function browser() {
  if (!opened) {
    const args = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
    // Chromium's own sandbox cannot be had by root.
    if (process.getuid?.() === 0) args.push("--no-sandbox");
    opened = await chromium.launch({ executablePath: CHROMIUM, args });
    endings.unshift(() => opened.close());
  }
  return opened;
}

/**
 * Opens the page. Whatever is logged as an error, thrown, refused by the Content-Security-Policy or asked of another server is a
 * fault, and `faultless` looks for it; `allows` names statuses of answers that the test brings about.
 */
export async function visit(world, { user = null, at = "#/", width = 1200, height = 850, scheme = "light", motion = "reduce", token = null, allows = [], scale = 1 } = {}) {
  const context = await (await browser()).newContext({
    viewport: { width, height }, colorScheme: scheme, reducedMotion: motion, locale: "en-GB", timezoneId: "UTC", deviceScaleFactor: scale,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.faults = [];
  page.allows = allows;
  page.on("console", (message) => {
    const status = /status of (\d+)/.exec(message.text())?.[1];
    const isAllowed = page.allows.includes(Number(status)) || (page.allows.includes("offline") && /net::ERR_/.test(message.text()));
    if (["error", "warning"].includes(message.type()) && !isAllowed) page.faults.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => page.faults.push(`thrown: ${error.stack}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${world.base}/`)) page.faults.push(`asked elsewhere: ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    page.faults.push(`a dialog of the browser: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.addInitScript(({ user, token }) => {
    addEventListener("securitypolicyviolation", (event) => console.error(`refused: ${event.violatedDirective} ${event.blockedURI}`));
    if (sessionStorage.getItem("test.begun")) return;
    sessionStorage.setItem("test.begun", "yes");
    if (user) localStorage.setItem("feed-me.user", user);
    if (token) sessionStorage.setItem("feed-me.token", token);
  }, { user, token });
  await page.goto(`${world.base}/${at}`);
  await page.locator("[data-heading]").waitFor();
  return page;
}

export function faultless(page) {
  assert.deepEqual(page.faults, [], "something went wrong on the page");
}

/** Opens the page, does what a test does, and closes it: nothing may have gone wrong on it. */
export async function on(world, options, work) {
  const page = await visit(world, options);
  try {
    await work(page);
    faultless(page);
  } catch (error) {
    await keep(page, error);
    throw error;
  } finally {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.context().close();
  }
}

/** What a failed test has seen, for whoever looks for the cause: FEEDME_TEST_PICTURES names a folder. */
async function keep(page, error) {
  error.message += page.faults.length ? `\nfaults: ${page.faults.join("\n")}` : "";
  const folder = process.env.FEEDME_TEST_PICTURES;
  if (!folder) return;
  const name = join(folder, `failed-${Date.now()}`);
  await page.screenshot({ path: `${name}.png` }).catch(() => {});
  writeFileSync(`${name}.txt`, String(error.stack));
}

/** Waits until a thing is so. */
export async function until(what, isSo, patience = PATIENCE_MS) {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await isSo();
    if (found) return found;
    assert.ok(Date.now() < deadline, `never came true: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/* What can be seen on the page. */

export const articles = (page) => page.locator('[role="feed"] article');
/** The sentences of a feed, from the top. */
export const sentences = async (page) => {
  const all = await articles(page).locator(".what").allInnerTexts();
  return all.map((text) => text.replace(/\s+/g, " ").trim());
};
export const ids = (page) => articles(page).evaluateAll((all) => all.map((article) => article.dataset.id));
export const toast = (page, text) => page.getByRole("region", { name: "Messages" }).getByText(text);
export const shows = (page, expected) => until(`the feed shows ${JSON.stringify(expected)}`, async () => {
  page.lastSeen = await sentences(page);
  return JSON.stringify(page.lastSeen) === JSON.stringify(expected);
}).catch(async (error) => {
  throw new Error(`${error.message}; it shows ${JSON.stringify(page.lastSeen)}`);
});
