// What concerns the user, in groups, with what was seen and what was read.

import { html, useEffect, useId, useRef } from "./html.js";
import * as api from "./api.js";
import { andOthers, number, plural } from "./format.js";
import { announce, counts, told, user } from "./state.js";
import { Heading } from "./parts.js";
import { Endless, useLooking, useWalk } from "./feed.js";
import { Avatar, Time, UserLink } from "./activity.js";
import { Icon } from "./icons.js";

/** How often the counts are asked for. */
const COUNT_EVERY_MS = 10_000;

const feedOf = (name) => api.path`/v1/feeds/${name}/notifications`;

async function read(name, query) {
  const page = await api.get(feedOf(name), query);
  if (name === user.value) counts.value = { unseen: page.unseen, unread: page.unread };
  return page;
}

/** Keeps the counts true, while somebody looks. */
export function useCounts() {
  useEffect(() => {
    const name = user.value;
    if (name === null) return undefined;
    const ask = () => {
      if (!document.hidden) read(name, { limit: 1 }).catch((problem) => problem.status === 401 && told(problem));
    };
    ask();
    const timer = setInterval(ask, COUNT_EVERY_MS);
    document.addEventListener("visibilitychange", ask);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", ask);
    };
  }, [user.value]);
}

const mark = (body) => api.post(`${feedOf(user.value)}/marks`, body);

export function NotificationsView() {
  const list = useRef(null);
  const name = user.value;
  const load = async (cursor) => {
    const { groups, ...page } = await read(name, { limit: 20, cursor });
    return { ...page, items: groups };
  };
  const walk = useWalk(`${name}/notifications`, load, list);
  useLooking(walk);

  // What is on the screen was seen. It keeps its look until it is left, so that one finds it.
  const see = async () => {
    if (document.hidden || counts.value.unseen === 0) return;
    try {
      await mark({ seen: "all" });
      counts.value = { ...counts.value, unseen: 0 };
    } catch (problem) {
      told(problem);
    }
  };
  useEffect(() => {
    if (!walk.isLoaded) return undefined;
    const timer = setTimeout(see, 1000);
    return () => clearTimeout(timer);
  }, [walk.isLoaded, walk.pages, counts.value.unseen]);

  const readAll = async () => {
    try {
      await mark({ read: "all" });
      walk.items.forEach((group) => walk.edited({ ...group, seen: true, read: true }));
      counts.value = { unseen: 0, unread: 0 };
      announce("All is read.");
    } catch (problem) {
      told(problem);
    }
  };
  const readOne = async (group) => {
    walk.edited({ ...group, seen: true, read: true });
    try {
      await mark({ read: [group.id] });
      const { unseen, unread } = counts.value;
      counts.value = { unseen: Math.max(unseen - (group.seen ? 0 : 1), 0), unread: Math.max(unread - 1, 0) };
      list.current?.querySelector(`[data-id="${CSS.escape(group.id)}"]`)?.focus();
    } catch (problem) {
      walk.edited(group);
      told(problem);
    }
  };

  const { unseen, unread } = counts.value;
  return html`
    <div class="head">
      <${Heading}>Notifications<//>
      <p class="muted" data-counts>${number(unseen)} new · ${number(unread)} unread</p>
      <button type="button" onClick=${readAll} disabled=${unread === 0}><${Icon} name="check" />Mark all as read</button>
    </div>
    <${Endless} walk=${walk} list=${list} label="Notifications" noun="notification" nouns="notifications" empty="Nobody mentioned or followed you yet.">
      ${(group, index) => html`<${Group} key=${group.id} group=${group} index=${index} onRead=${() => readOne(group)} />`}
    <//>`;
}

function Group({ group, index, onRead }) {
  const id = useId();
  const others = andOthers(group.actor_count, group.actors.length);
  const names = group.actors.map((name, at) => html`${at > 0 && (at === group.actors.length - 1 && !others ? " and " : ", ")}<${UserLink} name=${name} />`);
  const state = !group.seen ? "New" : group.read ? "" : "Unread";
  return html`
    <article class=${`card group${group.read ? "" : " unread"}`} data-id=${group.id} tabindex="0" aria-labelledby=${id} aria-posinset=${index + 1} aria-setsize="-1">
      <span class="stack-of">${group.actors.slice(0, 2).map((name) => html`<${Avatar} key=${name} name=${name} />`)}</span>
      <div class="card-body">
        <p class="what" id=${id}>
          ${names} ${others}${" "}
          ${group.verb === "follow" && group.latest === null
            ? html`<span class="verb">followed you</span>`
            : html`<span class="verb"><bdi>${group.verb}</bdi></span>${" "}${group.object !== null && html`<span class="object"><bdi>${group.object}</bdi></span>`}`}
          ${group.activity_count > group.actor_count && html` <span class="muted">(${plural(group.activity_count, "time")})</span>`}
        </p>
        <div class="meta">
          <span>${state && html`<span class="tag strong">${state}</span> `}<${Time} at=${group.updated_at} /></span>
          ${!group.read && html`<button type="button" class="quiet" onClick=${onRead}><${Icon} name="check" />Mark as read</button>`}
        </div>
      </div>
    </article>`;
}
