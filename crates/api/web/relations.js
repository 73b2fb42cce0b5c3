// How the user stands to others: follows, mutes, blocks.

import { effect, html, signal, useEffect, useRef, useState } from "./html.js";
import * as api from "./api.js";
import { refreshMe, say, told, user } from "./state.js";
import { Dialog, Problems } from "./parts.js";
import { Icon } from "./icons.js";

/** What is known of others: `{ following, followedBy }` by name. */
export const standings = signal(new Map());
export const mutes = signal(new Set());
export const blocks = signal(new Set());

/** The most names that one question may have. */
const ASKED_MAX = 100;
/** Lists of mutes and blocks are read up to here. */
const LISTED_MAX = 2000;

const own = (strings, ...parts) => api.path`/v1/users/${user.value}` + api.path(strings, ...parts);

/** Asks how the user stands to these. */
export async function learn(names, signal) {
  const asker = user.value;
  const others = [...new Set(names)].filter((name) => name !== asker);
  for (let from = 0; from < others.length; from += ASKED_MAX) {
    const { relationships } = await api.get(own`/relationships`, { with: others.slice(from, from + ASKED_MAX) }, { signal });
    if (user.value !== asker) return;
    const known = new Map(standings.value);
    for (const { username, following, followed_by: followedBy } of relationships) known.set(username, { following, followedBy });
    standings.value = known;
  }
}

async function listed(kind) {
  const names = new Set();
  for (let cursor = null; names.size < LISTED_MAX; ) {
    const { items, next_cursor: next } = await api.get(own`/${kind}`, { limit: 100, cursor });
    for (const { username } of items) names.add(username);
    if (next === null) break;
    cursor = next;
  }
  return names;
}

effect(() => {
  const asker = user.value;
  standings.value = new Map();
  mutes.value = new Set();
  blocks.value = new Set();
  if (asker === null) return;
  for (const [kind, into] of [["mutes", mutes], ["blocks", blocks]]) {
    listed(kind).then((names) => user.value === asker && (into.value = names), told);
  }
});

const stands = (name, change) => {
  const before = standings.value.get(name) ?? { following: false, followedBy: false };
  standings.value = new Map(standings.value).set(name, { ...before, ...change });
};

const within = (set, name, isIn) => {
  const names = new Set(set.value);
  if (isIn) names.add(name);
  else names.delete(name);
  set.value = names;
};

/** Shows at once what is asked for, and takes it back where the server says no. */
async function attempt(show, takeBack, ask, said, undo) {
  show();
  try {
    await ask();
    say(said, undo && { action: { label: "Undo", run: undo } });
    refreshMe();
    return null;
  } catch (problem) {
    takeBack();
    told(problem);
    return problem;
  }
}

export const follow = (name, undo = () => unfollow(name, null)) =>
  attempt(
    () => stands(name, { following: true }), () => stands(name, { following: false }),
    () => api.put(own`/following/${name}`, { from: "beginning" }), `You follow ${name}.`, undo,
  );

export const unfollow = (name, undo = () => follow(name, null)) =>
  attempt(
    () => stands(name, { following: false }), () => stands(name, { following: true }),
    () => api.remove(own`/following/${name}`), `You follow ${name} no more.`, undo,
  );

export const mute = (name, undo = () => unmute(name, null)) =>
  attempt(
    () => within(mutes, name, true), () => within(mutes, name, false),
    () => api.put(own`/mutes/${name}`), `You mute ${name}.`, undo,
  );

export const unmute = (name, undo = () => mute(name, null)) =>
  attempt(
    () => within(mutes, name, false), () => within(mutes, name, true),
    () => api.remove(own`/mutes/${name}`), `You mute ${name} no more.`, undo,
  );

export const unblock = (name) =>
  attempt(
    () => within(blocks, name, false), () => within(blocks, name, true),
    () => api.remove(own`/blocks/${name}`), `You block ${name} no more.`,
  );

/** A block ends follows both ways, and an unblock brings none back: so it is asked for twice, and not undone. */
function Block({ name, onClose }) {
  const [problem, setProblem] = useState(null);
  const cancel = useRef(null);
  const block = async () => {
    try {
      await api.put(own`/blocks/${name}`);
    } catch (found) {
      return setProblem(found);
    }
    within(blocks, name, true);
    stands(name, { following: false, followedBy: false });
    onClose();
    say(`You block ${name}.`);
    refreshMe();
  };
  return html`
    <${Dialog} title="Block this user?" onClose=${onClose} first=${cancel}>
      <p>You and <strong><bdi>${name}</bdi></strong> will not see each other’s activities. Follows between you end, and do not come back when you unblock.</p>
      <${Problems} problem=${problem} />
      <div class="buttons">
        <button type="button" ref=${cancel} onClick=${onClose}>Cancel</button>
        <button type="button" class="danger" onClick=${block}>Block</button>
      </div>
    <//>`;
}

/** The buttons beside a name. */
export function RelationButtons({ name, all = true }) {
  const [isBlocking, setBlocking] = useState(false);
  useEffect(() => {
    if (name !== user.value && !standings.value.has(name)) learn([name]).catch(told);
  }, [name, user.value]);
  if (name === user.value) return html`<span class="tag">you</span>`;
  const standing = standings.value.get(name);
  const isMuted = mutes.value.has(name);
  const isBlocked = blocks.value.has(name);
  const of = html`<span class="hidden"> ${name}</span>`;
  return html`
    <span class="relations">
      ${standing?.followedBy && html`<span class="tag">follows you</span>`}
      ${!isBlocked && (standing?.following
        ? html`<button type="button" class="following" onClick=${() => unfollow(name)}>Unfollow${of}</button>`
        : html`<button type="button" class="primary" disabled=${!standing} onClick=${() => follow(name)}>Follow${of}</button>`)}
      ${all && html`
        <button type="button" class="quiet" onClick=${() => (isMuted ? unmute(name) : mute(name))}><${Icon} name="mute" />${isMuted ? "Unmute" : "Mute"}${of}</button>
        <button type="button" class="quiet" onClick=${() => (isBlocked ? unblock(name) : setBlocking(true))}><${Icon} name="block" />${isBlocked ? "Unblock" : "Block"}${of}</button>`}
      ${isBlocking && html`<${Block} name=${name} onClose=${() => setBlocking(false)} />`}
    </span>`;
}
