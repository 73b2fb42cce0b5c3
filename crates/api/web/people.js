// Finding people: all of them by name, and those whom the user follows, is followed by, mutes and blocks.

import { html, useEffect, useId, useRef, useState } from "./html.js";
import * as api from "./api.js";
import { plural } from "./format.js";
import { link, told, user } from "./state.js";
import { Heading } from "./parts.js";
import { Endless, useWalk } from "./feed.js";
import { Avatar, Time, UserLink } from "./activity.js";
import { blocks, learn, mutes, RelationButtons } from "./relations.js";
import { Icon } from "./icons.js";

const LISTS = [["all", "Everybody"], ["following", "Following"], ["followers", "Followers"], ["mutes", "Muted"], ["blocks", "Blocked"]];

/** How each list is read, and whom an item of it is about. */
function loaderOf(kind, prefix) {
  const asker = user.value;
  return async (cursor) => {
    const where = kind === "all" ? "/v1/users" : api.path`/v1/users/${asker}/${kind}`;
    const page = await api.get(where, { limit: 30, cursor, prefix: kind === "all" && prefix ? prefix : null });
    const items = page.items.map((item) => {
      const name = { following: item.followee, followers: item.follower }[kind] ?? item.username;
      return { ...item, name, id: name };
    });
    learn(items.map((item) => item.name)).catch(told);
    return { ...page, items };
  };
}

function List({ kind, prefix }) {
  const list = useRef(null);
  const place = `${user.value}/people/${kind}/${prefix}`;
  const walk = useWalk(place, loaderOf(kind, prefix), list);
  // Who is not muted or blocked any more leaves the list.
  const kept = { mutes, blocks }[kind]?.value;
  useEffect(() => {
    if (kept && walk.isLoaded && walk.items.some((item) => !kept.has(item.name))) {
      walk.items.filter((item) => !kept.has(item.name)).forEach((item) => walk.removed(item.id));
    }
  }, [kept]);
  const empty = kind === "all" ? "Nobody’s name begins like this." : "Nobody yet.";
  return html`
    <${Endless} walk=${walk} list=${list} label="People" noun="person" nouns="people" empty=${empty}>
      ${(person, index) => html`<${Person} key=${person.id} person=${person} index=${index} />`}
    <//>`;
}

function Person({ person, index }) {
  const id = useId();
  return html`
    <article class="card person" data-id=${person.id} tabindex="0" aria-labelledby=${id} aria-posinset=${index + 1} aria-setsize="-1">
      <${Avatar} name=${person.name} />
      <div class="card-body">
        <p class="what" id=${id}><${UserLink} name=${person.name} />${person.display_name && html` <span class="muted"><bdi>${person.display_name}</bdi></span>`}</p>
        <p class="muted small">
          ${person.since ? html`since <${Time} at=${person.since} />` : `${plural(person.followers, "follower")} · ${plural(person.activities, "activity", "activities")}`}
        </p>
      </div>
      <${RelationButtons} name=${person.name} />
    </article>`;
}

export function PeopleView({ kind }) {
  const shown = LISTS.some(([name]) => name === kind) ? kind : "all";
  const [typed, setTyped] = useState("");
  const [prefix, setPrefix] = useState("");
  const id = useId();
  useEffect(() => {
    const timer = setTimeout(() => setPrefix(typed), 200);
    return () => clearTimeout(timer);
  }, [typed]);
  return html`
    <${Heading}>People<//>
    <nav class="tabs" aria-label="Lists of people">
      ${LISTS.map(([name, label]) => html`<a key=${name} href=${link("people", name)} aria-current=${name === shown ? "page" : undefined}>${label}</a>`)}
    </nav>
    ${shown === "all" && html`
      <div class="search" role="search">
        <label for=${id}>Search by the beginning of a name</label>
        <div class="search-box"><${Icon} name="search" />
          <input id=${id} type="search" autocomplete="off" spellcheck=${false} value=${typed} onInput=${(event) => setTyped(event.currentTarget.value)} />
        </div>
      </div>`}
    <${List} key=${`${user.value}/${shown}/${prefix}`} kind=${shown} prefix=${shown === "all" ? prefix : ""} />`;
}
