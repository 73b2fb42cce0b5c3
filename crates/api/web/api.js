// The public API, as any client has it: JSON in and out, problems as errors, one position that reads wait for.

const TOKEN = "feed-me.token";

/** What the server said was wrong, or that it said nothing. */
export class Problem extends Error {
  constructor({ status = 0, title = "", detail = "", type = "", errors = [], retryAfter = null }) {
    super(detail || title || `The server answered ${status}.`);
    Object.assign(this, { status, title, detail, type, errors, retryAfter });
  }

  /** What is wrong with a member of the body, where that was said. */
  of(member) {
    const found = this.errors.filter((error) => error.pointer === `/${member}` || error.pointer?.startsWith(`/${member}/`));
    return found.map((error) => error.detail).join("; ");
  }
}

/** The credential of this tab. It goes when the tab does. */
export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
  /** Whose it is, where it is the token of a user. */
  user() {
    try {
      const claims = token.get().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      const bytes = Uint8Array.from(atob(claims), (char) => char.codePointAt(0));
      return JSON.parse(new TextDecoder().decode(bytes)).sub ?? null;
    } catch {
      return null;
    }
  },
};

/** The newest position that an answer of a write told: reads wait for it, whichever instance answers them. */
let position = null;

function sees(told) {
  if (/^\d+$/.test(told ?? "") && (position === null || BigInt(position) < BigInt(told))) position = told;
}

/**
 * One part of a path, escaped. `.` and `..` would lead elsewhere, however they are written, and are nobody's name; what is sent
 * instead is not one either, so the server says what it says of such names.
 */
const escaped = (part) => (part === "." || part === ".." ? `%2F${part}` : encodeURIComponent(part));

/** A path of which every part is escaped. */
export const path = (strings, ...parts) => strings.reduce((whole, text, index) => whole + escaped(parts[index - 1]) + text);

function addressOf(where, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) {
      if (each !== null && each !== undefined) search.append(name, each);
    }
  }
  const text = search.toString();
  return text ? `${where}?${text}` : where;
}

/** A key of an attempt: the same attempt sent again happens once. */
export function attemptKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function problemOf(response) {
  let told = {};
  try {
    told = await response.json();
  } catch {
    // Something between us and the server answered.
  }
  const detail = told.detail ?? told.error ?? "";
  return new Problem({ ...told, detail, status: response.status, retryAfter: response.headers.get("Retry-After") });
}

/** Sends a request; anything but a success is thrown as a `Problem`. */
export async function send(method, where, { query, body, headers = {}, key, signal } = {}) {
  const all = { ...headers };
  if (token.get()) all.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  if (key) all["Idempotency-Key"] = key;
  if (method === "GET" && position !== null && where.startsWith("/v1/")) all["Feed-Position"] = position;
  let response;
  try {
    response = await fetch(addressOf(where, query), {
      method, headers: all, signal, body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "The server cannot be reached", detail: "The server cannot be reached. Try again in a moment." });
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    // A position of another database: the server that we talk to now will never come to it.
    if (problem.type.startsWith("/problems/position") && all["Feed-Position"]) position = null;
    throw problem;
  }
  if (method !== "GET") sees(response.headers.get("Feed-Position"));
  return response;
}

async function json(method, where, options) {
  const response = await send(method, where, options);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

export const get = (where, query, options) => json("GET", where, { query, ...options });
export const put = (where, body) => json("PUT", where, { body });
export const post = (where, body, key = attemptKey()) => json("POST", where, { body, key });
export const patch = (where, body, headers) => json("PATCH", where, { body, headers });
export const remove = (where, query) => json("DELETE", where, { query });

/** A page with the position that it includes. */
export async function page(where, query, signal) {
  const response = await send("GET", where, { query, signal });
  return { ...(await response.json()), position: response.headers.get("Feed-Position") };
}

/** An activity with its tag, so that nobody else's change is written over. */
export async function tagged(id) {
  const response = await send("GET", path`/v1/activities/${id}`);
  return { activity: await response.json(), tag: response.headers.get("ETag") };
}

/** The metrics, as text. */
export const metricsText = async () => (await send("GET", "/metrics")).text();
