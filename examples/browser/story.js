// A friends feed in a browser: read once by fetch, then kept up to date by EventSource. No library, no build.
//
// EventSource goes on by itself where a connection breaks, and sends the id of the last event, so nothing is lost and nothing
// has to be read again, unless the server says so (`resync`).

// ?server=http://127.0.0.1:5000, and ?post=… to post something at once.
const asked = new URLSearchParams(location.search);
const server = asked.get("server") ?? location.origin;

class Problem extends Error {
  constructor(problem) {
    super(`${problem.title} (${problem.status}): ${problem.detail}`);
    this.kind = problem.type;
  }
}

export async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method === "POST") headers["Idempotency-Key"] = crypto.randomUUID();
  const answer = await fetch(server + path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Problem(await answer.json());
  return answer.status === 204 ? null : answer.json();
}

/** A copy of a friends feed that follows it. `changed` is called with its activities, newest first. */
export class LiveFeed {
  #activities = new Map();
  #path;
  #changed;
  #stream;

  constructor(username, changed) {
    this.#path = `/v1/feeds/${encodeURIComponent(username)}/friends`;
    this.#changed = changed;
  }

  async start() {
    // The position first: what happens while the feed is read is told again, and does no harm.
    const { position } = await ask("GET", `${this.#path}/changes`);
    await this.#read();
    const stream = new EventSource(`${server}${this.#path}/live?since=${position}`);
    const put = ({ data }) => {
      const activity = JSON.parse(data);
      console.info(`live: ${activity.object}`);
      this.#activities.set(activity.id, activity);
      this.#tell();
    };
    stream.addEventListener("activity.added", put);
    stream.addEventListener("activity.edited", put);
    stream.addEventListener("activity.removed", ({ data }) => {
      this.#activities.delete(JSON.parse(data).id);
      this.#tell();
    });
    stream.addEventListener("resync", () => this.#read());
    await new Promise((done) => stream.addEventListener("open", done, { once: true }));
    this.#stream = stream;
    return stream;
  }

  stop() {
    this.#stream?.close();
  }

  /** The newest hundred; a page that shows more walks on by next_cursor. */
  async #read() {
    const page = await ask("GET", `${this.#path}?limit=100`);
    this.#activities = new Map(page.items.map((activity) => [activity.id, activity]));
    this.#tell();
  }

  #tell() {
    const newestFirst = (one, other) =>
      one.published === other.published ? (one.id < other.id ? 1 : -1) : one.published < other.published ? 1 : -1;
    this.#changed([...this.#activities.values()].sort(newestFirst));
  }
}

const state = document.querySelector("#state");

async function story() {
  const [ivan, eric] = ["ivan", "eric"].map((name) => `${name} ${crypto.randomUUID().slice(0, 8)}`);
  for (const name of [ivan, eric]) await ask("PUT", `/v1/users/${encodeURIComponent(name)}`, {});
  await ask("PUT", `/v1/users/${encodeURIComponent(ivan)}/following/${encodeURIComponent(eric)}`);
  const post = (object) => ask("POST", "/v1/activities", { actor: eric, verb: "shares", object });
  await post("what was there before");

  const list = document.querySelector("#feed");
  const feed = new LiveFeed(ivan, (activities) => {
    list.replaceChildren(
      ...activities.map((activity) => {
        const item = document.createElement("li");
        // As text: what people write is never HTML.
        item.textContent = `${activity.actor} ${activity.verb} ${activity.object ?? ""}`;
        return item;
      }),
    );
  });
  const stream = await feed.start();
  stream.addEventListener("error", () => (state.textContent = "connecting again"));
  stream.addEventListener("open", () => (state.textContent = "live"));
  state.textContent = "live";

  document.querySelector("#post").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    await post(new FormData(form).get("object"));
    form.reset();
  });
  if (asked.has("post")) await post(asked.get("post"));
}

story().catch((error) => (state.textContent = error.message));
