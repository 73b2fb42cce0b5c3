// What all parts of the page know: who is here, what is shown, what was said.

import { computed, signal } from "./html.js";
import * as api from "./api.js";

const USER = "feed-me.user";

/** The name of the user whom this page acts for; null before one is chosen. */
export const user = signal(localStorage.getItem(USER));
/** Whether the server asked for a credential that it was not given. */
export const needsToken = signal(false);
/** What the user's own record says; null before it is known. */
export const me = signal(null);
/** How many notification groups are unseen and unread. */
export const counts = signal({ unseen: 0, unread: 0 });
/** "live", "waiting", "resting" (nobody looks), or "off". */
export const stream = signal("off");
/** Grows when whom the user follows, mutes or blocks changed, so that feeds are read again. */
export const relationsChanged = signal(0);

/** Chooses a user, or none. */
export function become(name) {
  if (name === null) localStorage.removeItem(USER);
  else localStorage.setItem(USER, name);
  me.value = null;
  counts.value = { unseen: 0, unread: 0 };
  user.value = name;
}

/** Reads the user's record again. */
export async function refreshMe() {
  const name = user.value;
  if (name === null) return;
  try {
    const record = await api.get(api.path`/v1/users/${name}`);
    if (user.value === name) me.value = record;
  } catch (problem) {
    if (problem.status === 404 && user.value === name) become(null);
    else told(problem);
  }
}

/* Where we are: the part of the address after #. */

function read() {
  const [view = "", ...names] = location.hash.replace(/^#\/?/, "").split("/");
  try {
    return { view: view || "friends", name: names.length ? decodeURIComponent(names.join("/")) : null };
  } catch {
    return { view: "friends", name: null };
  }
}

export const route = signal(read());
addEventListener("hashchange", () => (route.value = read()));

export const link = (view, name) => `#/${view}${name === undefined || name === null ? "" : `/${encodeURIComponent(name)}`}`;

/* What is told at the edge of the page. */

let nextId = 1;
export const toasts = signal([]);

/** Tells something, with something that can be done about it: `{ label, run }`. */
export function say(text, { kind = "info", action = null } = {}) {
  const toast = { id: nextId++, text, kind, action };
  // What can be taken back is the last thing that was done.
  const others = action ? toasts.value.filter((other) => !other.action) : toasts.value;
  toasts.value = [...others.slice(-2), toast];
  return toast.id;
}

export const dismiss = (id) => (toasts.value = toasts.value.filter((toast) => toast.id !== id));

/** Tells a problem; a missing credential is asked for instead. */
export function told(problem) {
  if (problem.name === "AbortError") return;
  if (problem.status === 401) {
    needsToken.value = true;
    return;
  }
  const wait = problem.retryAfter ? ` Try again in ${problem.retryAfter} s.` : "";
  say(sentence(problem.message) + wait, { kind: "problem" });
}

/** The server's half sentences as whole ones. */
export const sentence = (text) => text.replace(/^\p{Ll}/u, (first) => first.toUpperCase()).replace(/([^.!?])$/, "$1.");

/** What is said only to who listens. */
export const announcement = signal("");
export function announce(text) {
  // The same words again are news too.
  announcement.value = announcement.value === text ? `${text}\u00a0` : text;
}

export const unseenBadge = computed(() => counts.value.unseen);
