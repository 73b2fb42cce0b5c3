// A feed without an end, in both directions: pages come as they are needed, and what is read stays where it is.

import { html, useCallback, useEffect, useLayoutEffect, useReducer, useRef } from "./html.js";
import { announce, told } from "./state.js";
import { plural } from "./format.js";
import { Walk } from "./walk.js";
import { Icon } from "./icons.js";

/** How far beyond the edge of the window the next page is fetched. */
const AHEAD = "800px 0px";
/** How often feeds without a stream are asked for what is new. */
const LOOK_EVERY_MS = 10_000;

const places = {
  read(key) {
    try {
      return JSON.parse(sessionStorage.getItem(`feed-me.place.${key}`));
    } catch {
      return null;
    }
  },
  write(key, place) {
    if (place) sessionStorage.setItem(`feed-me.place.${key}`, JSON.stringify(place));
    else sessionStorage.removeItem(`feed-me.place.${key}`);
  },
};

/** The first item that can be seen, and how far from the top of the window. */
function anchorIn(list) {
  const edge = topEdge();
  for (const element of list?.children ?? []) {
    const { top, bottom } = element.getBoundingClientRect();
    if (edge < bottom && element.dataset.id) return { id: element.dataset.id, top };
  }
  return null;
}

/** What lies under the bar at the top cannot be seen. */
const topEdge = () => document.querySelector("[data-top]")?.getBoundingClientRect().bottom ?? 0;

/** A walk that is shown: what it holds, and the hand on it. `place` names it, so that who comes back finds it as it was. */
export function useWalk(place, load, list) {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const anchor = useRef(null);
  const walk = useRef(null);

  const open = useCallback(() => {
    walk.current?.close();
    const opened = new Walk(load, (apply) => {
      anchor.current ??= anchorIn(list.current);
      apply();
      if (walk.current === opened && !opened.isClosed) redraw();
    });
    walk.current = opened;
    return opened;
  }, [place]);

  if (walk.current === null || walk.current.name !== place) open().name = place;

  useLayoutEffect(() => {
    const kept = anchor.current;
    anchor.current = null;
    const element = kept && list.current?.querySelector(`[data-id="${CSS.escape(kept.id)}"]`);
    if (!element) return;
    const moved = element.getBoundingClientRect().top - kept.top;
    if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
  });

  useEffect(() => {
    const opened = walk.current;
    const left = places.read(place);
    let isGone = false;
    const begin = async () => {
      try {
        await (left ? opened.restore(left) : opened.start());
        if (left && !isGone) requestAnimationFrame(() => returnTo(list.current, left));
      } catch (problem) {
        if (!isGone) told(problem);
      }
    };
    begin();
    let waiting = 0;
    const remember = () => {
      waiting = 0;
      if (isGone || !opened.isLoaded) return;
      const seen = anchorIn(list.current);
      const isTop = opened.isNewest && scrollY < 40;
      places.write(place, isTop || !seen ? null : { ...opened.placeOf(seen.id), ...seen });
    };
    const onScroll = () => (waiting ||= setTimeout(remember, 150));
    addEventListener("scroll", onScroll, { passive: true });
    addEventListener("pagehide", remember);
    return () => {
      isGone = true;
      clearTimeout(waiting);
      removeEventListener("scroll", onScroll);
      removeEventListener("pagehide", remember);
      opened.close();
    };
  }, [place]);

  return walk.current;
}

function returnTo(list, { id, top }) {
  const element = list?.querySelector(`[data-id="${CSS.escape(id)}"]`);
  if (element) scrollBy({ top: element.getBoundingClientRect().top - top, behavior: "instant" });
}

/** Asks now and then what is new, while somebody looks. */
export function useLooking(walk) {
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) walk.look().catch(() => {});
    }, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [walk]);
}

/** The list, its edges that fetch more, and the pill that tells what waits above. */
export function Endless({ walk, list, label, empty, children, noun = "activity", nouns = "activities", onShown }) {
  const top = useRef(null);
  const end = useRef(null);
  const items = walk.items;
  const count = walk.waiting.size;

  useEffect(() => {
    const watch = (element, wanted, fetch) => {
      if (!element || !wanted) return () => {};
      // A busy browser tells of several moments at once, the oldest first: the last one is how it is.
      const observer = new IntersectionObserver((moments) => {
        if (moments.at(-1).isIntersecting) fetch().catch(told);
      }, { rootMargin: AHEAD });
      observer.observe(element);
      return () => observer.disconnect();
    };
    const idle = walk.isLoaded && !walk.busy && !walk.failed;
    const stops = [
      watch(top.current, idle && !walk.isNewest, () => walk.newer()),
      watch(end.current, idle && walk.hasNext, () => walk.older()),
    ];
    return () => stops.forEach((stop) => stop());
  }, [walk, walk.pages, walk.busy, walk.failed, walk.isNewest]);

  useEffect(() => {
    if (count) announce(`${plural(count, `new ${noun}`, `new ${nouns}`)} above. The button “${count} new” shows them.`);
  }, [count]);

  const showNewest = async () => {
    try {
      await walk.showNewest();
      requestAnimationFrame(() => {
        scrollTo({ top: 0, behavior: "instant" });
        list.current?.querySelector("article")?.focus({ preventScroll: true });
        onShown?.();
      });
    } catch (problem) {
      told(problem);
    }
  };

  return html`
    <div class="pill-place">
      ${count > 0 && html`<button type="button" class="pill" onClick=${showNewest}><${Icon} name="up" />${count} new</button>`}
    </div>
    <div ref=${top} class="edge">
      ${walk.isLoaded && !walk.isNewest && html`<button type="button" class="quiet" onClick=${showNewest}>Back to the newest</button>`}
      ${walk.busy === "newer" && html`<${Loading} what="newer ${nouns}" />`}
      ${["newer", "newest"].includes(walk.failed) && html`<${TryAgain} run=${() => (walk.failed === "newer" ? walk.newer() : walk.showNewest())} />`}
    </div>
    <div role="feed" aria-label=${label} aria-busy=${walk.busy ? "true" : "false"} ref=${list} class="feed" onKeyDown=${move}>
      ${items.map((item, index) => children(item, index))}
    </div>
    <div ref=${end} class="edge">
      ${!walk.isLoaded && walk.busy && html`<${Loading} what=${nouns} />`}
      ${walk.busy === "older" && html`<${Loading} what="older ${nouns}" />`}
      ${["start", "older"].includes(walk.failed) && html`<${TryAgain} run=${() => (walk.failed === "start" ? walk.start() : walk.older())} />`}
      ${walk.isLoaded && !walk.hasNext && items.length > 0 && html`<p class="end">You have reached the end.</p>`}
      ${walk.isLoaded && !walk.busy && items.length === 0 && html`<div class="empty">${empty}</div>`}
    </div>`;
}

const TryAgain = ({ run }) => html`
  <p class="loading">This could not be read. <button type="button" onClick=${() => run().catch(told)}>Try again</button></p>`;

/** Page Down and Page Up go from item to item, as the ARIA feed pattern has it. */
function move(event) {
  const step = { PageDown: 1, PageUp: -1 }[event.key];
  const article = step && !event.target.closest("dialog, input, textarea, pre") && event.target.closest("article");
  if (!article) return;
  const other = step > 0 ? article.nextElementSibling : article.previousElementSibling;
  if (!other) return;
  event.preventDefault();
  other.focus({ preventScroll: true });
  other.scrollIntoView({ block: "nearest", behavior: "instant" });
}

export const Loading = ({ what }) => html`<p class="loading" role="status"><span class="spinner" aria-hidden="true"></span>Loading ${what}…</p>`;
