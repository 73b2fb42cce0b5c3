// The feeds of activities: friends, own, mentions, and that of another user.

import { html, useEffect, useRef } from "./html.js";
import * as api from "./api.js";
import { moment, number } from "./format.js";
import { link, sentence, stream, told, user } from "./state.js";
import { Heading } from "./parts.js";
import { Endless, useLooking, useWalk } from "./feed.js";
import { ActivityCard, Avatar, done } from "./activity.js";
import { RelationButtons } from "./relations.js";
import { Compose } from "./compose.js";
import { useRecord } from "./record.js";
import { follow } from "./stream.js";
import { Icon } from "./icons.js";

const PAGE = 30;
const loaderOf = (where) => (cursor) => api.page(where, { limit: PAGE, cursor });

/** What was done here to an activity shows here at once. */
function useDone(walk, list, isOwn) {
  const last = useRef(done.value);
  useEffect(() => {
    const what = done.value;
    if (!what || what === last.current) return;
    last.current = what;
    if (what.kind === "edited") walk.edited(what.activity);
    if (what.kind === "posted" && isOwn) show(walk, what.activity).catch(told);
    if (what.kind === "removed") {
      const index = walk.items.findIndex((item) => item.id === what.id);
      walk.removed(what.id);
      // The focus goes on where the activity was.
      if (index >= 0) requestAnimationFrame(() => {
        const articles = list.current?.querySelectorAll("article") ?? [];
        (articles[index] ?? articles[index - 1] ?? document.querySelector("[data-heading]"))?.focus();
      });
    }
  }, [done.value, walk]);
}

/** Shows what was just posted, on top or, where it was published before, further down. */
async function show(walk, activity) {
  await walk.settled();
  walk.added(activity);
  if (walk.waiting.size > 0) await walk.showNewest();
}

/** Follows the stream of the friends feed from the page on that was read. */
function useStream(walk, name) {
  useEffect(() => {
    if (!walk.isLoaded) return undefined;
    const since = walk.pages.find((page) => page.position)?.position ?? null;
    const end = follow(api.path`/v1/feeds/${name}/friends/live`, since, {
      onState: (state) => (stream.value = state),
      onRefused: (problem) => {
        stream.value = "off";
        told(problem);
      },
      onEvent(kind, data) {
        if (kind === "activity.added") walk.added(data);
        if (kind === "activity.edited") walk.edited(data);
        if (kind === "activity.removed") walk.removed(data.id);
        // Too much has moved to be told one by one.
        if (kind === "resync") {
          const first = walk.items[0];
          const place = first && walk.placeOf(first.id);
          (place && !walk.isNewest ? walk.restore(place) : walk.start()).catch(told);
        }
      },
    });
    return () => {
      stream.value = "off";
      end();
    };
  }, [walk, walk.isLoaded, name]);
}

const Feed = ({ walk, list, label, empty, canExplain }) => html`
  <${Endless} walk=${walk} list=${list} label=${label} empty=${empty}>
    ${(activity, index) => html`<${ActivityCard} key=${activity.id} activity=${activity} index=${index} canExplain=${canExplain} />`}
  <//>`;

const STATES = { live: "Live", waiting: "Reconnecting…", resting: "Resting", off: "Not live" };

export function FriendsView() {
  const list = useRef(null);
  const name = user.value;
  const walk = useWalk(`${name}/friends`, loaderOf(api.path`/v1/feeds/${name}/friends`), list);
  useStream(walk, name);
  useDone(walk, list, false);
  return html`
    <div class="head">
      <${Heading}>Friends<//>
      <p class=${`state ${stream.value}`} role="status">${STATES[stream.value]}</p>
    </div>
    <${Compose} />
    <${Feed} walk=${walk} list=${list} label="Activities of your friends" canExplain
      empty=${html`<p>Nothing here yet. Follow somebody, and what they do shows here.</p><a class="button primary" href=${link("people")}>Find people</a>`} />`;
}

export function OwnView() {
  const list = useRef(null);
  const name = user.value;
  const walk = useWalk(`${name}/own`, loaderOf(api.path`/v1/feeds/${name}`), list);
  useLooking(walk);
  useDone(walk, list, true);
  return html`
    <div class="head"><${Heading}>Your own<//></div>
    <${Compose} />
    <${Feed} walk=${walk} list=${list} label="Your own activities" empty="You have not posted anything yet." />`;
}

export function MentionsView() {
  const list = useRef(null);
  const name = user.value;
  const walk = useWalk(`${name}/mentions`, loaderOf(api.path`/v1/feeds/${name}/mentions`), list);
  useLooking(walk);
  useDone(walk, list, false);
  return html`
    <div class="head"><${Heading}>Mentions<//></div>
    <${Feed} walk=${walk} list=${list} label="Activities that mention you" canExplain empty="Nobody mentioned you yet." />`;
}

export function UserView({ name }) {
  const list = useRef(null);
  const walk = useWalk(`${user.value}/user/${name}`, loaderOf(api.path`/v1/feeds/${name}`), list);
  useLooking(walk);
  useDone(walk, list, false);
  return html`
    <div class="head"><${Heading}><bdi>${name}</bdi><//></div>
    <${Profile} name=${name} />
    <${Feed} walk=${walk} list=${list} label=${`Activities of ${name}`} canExplain empty="Nothing posted yet." />`;
}

function Profile({ name }) {
  const found = useRecord(name);
  return html`
    <section class="card profile" aria-label="Profile">
      <${Avatar} name=${name} />
      <div class="card-body">
        ${found?.problem && html`<p class="problem">${sentence(found.problem.message)}</p>`}
        ${found?.record && html`<${Record} record=${found.record} />`}
        <div class="buttons start">
          <${RelationButtons} name=${name} />
          <a class="button quiet" href=${link("graph", name)}><${Icon} name="graph" />Graph</a>
        </div>
      </div>
    </section>`;
}

export const Record = ({ record }) => html`
  ${record.display_name && html`<p><bdi>${record.display_name}</bdi></p>`}
  <dl class="counts">
    <div><dt>Activities</dt><dd>${number(record.activities)}</dd></div>
    <div><dt>Following</dt><dd>${number(record.following)}</dd></div>
    <div><dt>Followers</dt><dd>${number(record.followers)}</dd></div>
  </dl>
  <p class="muted small">here since ${moment(record.created_at)}</p>`;
