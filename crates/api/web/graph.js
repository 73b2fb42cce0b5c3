// Who follows whom around a user.

import { html, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import * as api from "./api.js";
import { plural } from "./format.js";
import { link, sentence, told } from "./state.js";
import { Heading } from "./parts.js";
import { Loading } from "./feed.js";
import { UserLink } from "./activity.js";
import { hueOf, initials } from "./format.js";
import { layout } from "./force.js";

/** More names than this are not told apart. */
const NEIGHBOURS_MAX = 24;
const ASKED_AT_ONCE = 4;
const SIZE = { width: 760, height: 600, edge: 56 };

/** Reads the neighbours of a user, and how these stand to each other. */
async function neighbourhood(name, signal) {
  const list = (kind) => api.get(api.path`/v1/users/${name}/${kind}`, { limit: 100 }, { signal });
  const [following, followers] = await Promise.all([list("following"), list("followers")]);
  const out = following.items.map((follow) => follow.followee);
  const back = followers.items.map((follow) => follow.follower);
  const isBack = new Set(back);
  const isOut = new Set(out);
  // Both ways first: they are the nearest.
  const mutual = out.filter((other) => isBack.has(other));
  const oneWay = interleaved(out.filter((other) => !isBack.has(other)), back.filter((other) => !isOut.has(other)));
  const all = [...mutual, ...oneWay];
  const names = [name, ...all.slice(0, NEIGHBOURS_MAX)];
  const numbers = new Map(names.map((each, index) => [each, index]));
  const edges = [];
  names.slice(1).forEach((other, index) => {
    if (isOut.has(other)) edges.push([0, index + 1]);
    if (isBack.has(other)) edges.push([index + 1, 0]);
  });
  const others = names.slice(1);
  const ask = async (from) => {
    const rest = others.slice(from + 1);
    if (rest.length === 0) return;
    const one = others[from];
    const { relationships } = await api.get(api.path`/v1/users/${one}/relationships`, { with: rest }, { signal });
    for (const { username, following: goes, followed_by: comes } of relationships) {
      if (goes) edges.push([numbers.get(one), numbers.get(username)]);
      if (comes) edges.push([numbers.get(username), numbers.get(one)]);
    }
  };
  for (let from = 0; from < others.length; from += ASKED_AT_ONCE) {
    await Promise.all(others.slice(from, from + ASKED_AT_ONCE).map((_, index) => ask(from + index)));
  }
  const hasMore = all.length > NEIGHBOURS_MAX || following.next_cursor !== null || followers.next_cursor !== null;
  return { names, edges, hasMore };
}

function interleaved(ones, others) {
  const all = [];
  for (let index = 0; index < Math.max(ones.length, others.length); index += 1) all.push(...ones.slice(index, index + 1), ...others.slice(index, index + 1));
  return all;
}

export function GraphView({ name }) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    const ended = new AbortController();
    setFound(null);
    neighbourhood(name, ended.signal).then((graph) => setFound({ graph }), (problem) => {
      if (ended.signal.aborted) return;
      setFound({ problem });
      if (problem.status === 401) told(problem);
    });
    return () => ended.abort();
  }, [name]);
  return html`
    <div class="head"><${Heading}>Around <bdi>${name}</bdi><//><a class="button quiet" href=${link("user", name)}>Profile</a></div>
    ${!found && html`<${Loading} what="the graph" />`}
    ${found?.problem && html`<p class="problem" role="alert">${sentence(found.problem.message)}</p>`}
    ${found?.graph && html`<${Graph} ...${found.graph} />`}`;
}

function Graph({ names, edges, hasMore }) {
  const id = useId();
  const card = useRef(null);
  // Where the window is narrow, one looks at the middle first.
  useLayoutEffect(() => {
    card.current.scrollLeft = (card.current.scrollWidth - card.current.clientWidth) / 2;
  }, [names]);
  const places = useMemo(() => layout(names.length, edges).map(({ x, y }) => ({
    x: SIZE.edge + x * (SIZE.width - 2 * SIZE.edge), y: SIZE.edge + y * (SIZE.height - 2 * SIZE.edge),
  })), [names, edges]);
  const goes = new Set(edges.map(([from, to]) => `${from}>${to}`));
  const drawn = edges.filter(([from, to]) => from < to || !goes.has(`${to}>${from}`));
  return html`
    <ul class="legend graph-legend" aria-hidden="true">
      <li><span class="swatch both"></span>follow each other</li><li><span class="swatch one-way"></span>one follows the other</li>
    </ul>
    <section class="card graph-card" aria-label="Graph" ref=${card}>
      <svg class="graph" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="group" aria-label=${`Who follows whom around ${names[0]}: ${plural(names.length, "user")}, ${plural(edges.length, "follow")}`} aria-describedby=${`${id}-text`} onKeyDown=${move}>
        <defs><marker id=${`${id}-arrow`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="arrow" d="M0 0 8 4 0 8Z" /></marker></defs>
        ${drawn.map(([from, to]) => html`<${Edge} key=${`${from}-${to}`} from=${places[from]} to=${places[to]} isBoth=${goes.has(`${to}>${from}`)} touchesFirst=${from === 0 || to === 0} arrow=${`url(#${id}-arrow)`} fromFirst=${from === 0} toFirst=${to === 0} />`)}
        ${names.map((name, index) => html`<${Node} key=${name} name=${name} at=${places[index]} isFirst=${index === 0} />`)}
      </svg>
    </section>
    <section id=${`${id}-text`} class="card graph-text" aria-labelledby=${`${id}-head`}>
      <h2 id=${`${id}-head`}>In words</h2>
      ${hasMore && html`<p class="muted small">Those who are nearest; there are more.</p>`}
      <ul>${names.map((name, index) => html`<li key=${name}><${UserLink} name=${name} />${" "}${words(names, edges, index)}</li>`)}</ul>
    </section>`;
}

function words(names, edges, index) {
  const followed = edges.filter(([from]) => from === index).map(([, to]) => names[to]);
  if (followed.length === 0) return "follows nobody here.";
  return html`follows ${followed.map((name, at) => html`${at > 0 && (at === followed.length - 1 ? " and " : ", ")}<bdi>${name}</bdi>`)}.`;
}

const RADIUS = { first: 30, other: 19 };

function Edge({ from, to, isBoth, touchesFirst, fromFirst, toFirst, arrow }) {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const [dx, dy] = [(to.x - from.x) / length, (to.y - from.y) / length];
  const start = (fromFirst ? RADIUS.first : RADIUS.other) + 3;
  const end = (toFirst ? RADIUS.first : RADIUS.other) + 3;
  return html`<line class=${`link${isBoth ? " both" : ""}${touchesFirst ? " near" : ""}`} x1=${from.x + dx * start} y1=${from.y + dy * start} x2=${to.x - dx * end} y2=${to.y - dy * end}
    marker-end=${arrow} marker-start=${isBoth ? arrow : undefined} />`;
}

/** A node leads to the graph around it. */
const Node = ({ name, at, isFirst }) => html`
  <a class=${`node${isFirst ? " first" : ""}`} href=${isFirst ? link("user", name) : link("graph", name)} data-name=${name} data-x=${at.x} data-y=${at.y}>
    <title>${isFirst ? `${name}, in the middle: open the profile` : `${name}: show who is around`}</title>
    <circle class=${`hue-${hueOf(name)}`} cx=${at.x} cy=${at.y} r=${isFirst ? RADIUS.first : RADIUS.other} />
    <text class="letters" x=${at.x} y=${at.y + 5} text-anchor="middle">${initials(name)}</text>
    <text class="label" x=${at.x} y=${at.y + (isFirst ? 46 : 34)} text-anchor="middle">${name.length > 16 ? `${[...name].slice(0, 15).join("")}…` : name}</text>
  </a>`;

/** The arrow keys go to the nearest node in their direction. */
function move(event) {
  const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key] ?? [0, 0];
  const here = event.target.closest?.(".node");
  if (!here || (dx === 0 && dy === 0)) return;
  event.preventDefault();
  const placeOf = (node) => [Number(node.dataset.x), Number(node.dataset.y)];
  const [x, y] = placeOf(here);
  let best = { cost: Infinity };
  for (const node of event.currentTarget.querySelectorAll(".node")) {
    const [nx, ny] = placeOf(node);
    const along = (nx - x) * dx + (ny - y) * dy;
    const aside = Math.abs((nx - x) * dy) + Math.abs((ny - y) * dx);
    if (along > 1 && along + 2 * aside < best.cost) best = { node, cost: along + 2 * aside };
  }
  best.node?.focus();
}
