// The frame: navigation, the view that is open, and what is told at its edge.

import { html, render, useEffect, useLayoutEffect, useRef } from "./html.js";
import * as api from "./api.js";
import { number } from "./format.js";
import { announcement, become, counts, dismiss, link, me, needsToken, refreshMe, route, toasts, user } from "./state.js";
import { ChooseView, credential, forget, leave, TokenView } from "./session.js";
import { FriendsView, MentionsView, OwnView, Record, UserView } from "./views.js";
import { NotificationsView, useCounts } from "./notifications.js";
import { PeopleView } from "./people.js";
import { GraphView } from "./graph.js";
import { MetricsView } from "./metrics.js";
import { Avatar } from "./activity.js";
import { Icon } from "./icons.js";

const TABS = [
  ["friends", "Friends", "home"],
  ["own", "Your own", "user"],
  ["mentions", "Mentions", "at"],
  ["notifications", "Notifications", "bell"],
  ["people", "People", "people"],
  ["graph", "Graph", "graph"],
  ["metrics", "Metrics", "chart"],
];

const TITLES = { user: "Profile", ...Object.fromEntries(TABS) };

function View() {
  const { view, name } = route.value;
  switch (view) {
    case "own": return html`<${OwnView} key=${user.value} />`;
    case "mentions": return html`<${MentionsView} key=${user.value} />`;
    case "notifications": return html`<${NotificationsView} key=${user.value} />`;
    case "people": return html`<${PeopleView} key=${user.value} kind=${name} />`;
    case "user": return html`<${UserView} key=${name} name=${name ?? user.value} />`;
    case "graph": return html`<${GraphView} key=${name} name=${name ?? user.value} />`;
    case "metrics": return html`<${MetricsView} />`;
    default: return html`<${FriendsView} key=${user.value} />`;
  }
}

const Navigation = () => html`
  <nav class="tabs-main" aria-label="Main">
    ${TABS.map(([view, label, icon]) => {
      const unseen = view === "notifications" ? counts.value.unseen : 0;
      return html`
        <a key=${view} href=${link(view)} aria-current=${route.value.view === view ? "page" : undefined}>
          <${Icon} name=${icon} /><span class="label">${label}</span>
          ${unseen > 0 && html`<span class="badge">${unseen > 99 ? "99+" : number(unseen)}<span class="hidden"> new</span></span>`}
        </a>`;
    })}
  </nav>`;

const Logo = () => html`
  <a class="logo" href=${link("friends")}>
    <svg viewBox="0 0 32 32" aria-hidden="true"><rect class="logo-back" width="32" height="32" rx="9" /><path d="M9 22.5V10.5h10M9 16h7" /><circle cx="22" cy="21" r="2.5" /></svg>
    <span>feed-me</span>
  </a>`;

function Frame() {
  useCounts();
  useEffect(() => void refreshMe(), [user.value, credential.value]);
  return html`
    <header class="top" data-top>
      <${Logo} />
      <div class="who">
        <a class="me" href=${link("user", user.value)}><${Avatar} name=${user.value} small /><bdi>${user.value}</bdi></a>
        <button type="button" class="quiet" onClick=${leave}><${Icon} name="leave" />Switch user</button>
        ${api.token.get() && html`<button type="button" class="quiet" onClick=${forget}>Forget key</button>`}
      </div>
    </header>
    <div class="frame">
      <${Navigation} />
      <main id="main" class=${["metrics", "graph"].includes(route.value.view) ? "wide" : ""}><${View} /></main>
      <aside aria-label="You">
        ${me.value && html`
          <section class="card you">
            <${Avatar} name=${user.value} />
            <h2><bdi>${user.value}</bdi></h2>
            <${Record} record=${me.value} />
            <a class="button" href=${link("graph", user.value)}><${Icon} name="graph" />Who is around you</a>
          </section>`}
      </aside>
    </div>`;
}

const Gate = ({ children }) => html`
  <header class="top" data-top><${Logo} />${api.token.get() && html`<button type="button" class="quiet" onClick=${forget}>Forget key</button>`}</header>
  <main id="main" class="alone">${children}</main>`;

const Toasts = () => html`
  <div class="toasts" role="region" aria-label="Messages" aria-live="polite">
    ${toasts.value.map((toast) => html`<${Toast} key=${toast.id} toast=${toast} />`)}
  </div>`;

const SHOWN_MS = 8000;
/** What can be taken back can be so by who is slow, too. */
const UNDO_MS = 60_000;

function Toast({ toast }) {
  useEffect(() => {
    // What went wrong stays until somebody has read it.
    if (toast.kind === "problem") return undefined;
    const timer = setTimeout(() => dismiss(toast.id), toast.action ? UNDO_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, []);
  const act = () => {
    dismiss(toast.id);
    toast.action.run();
  };
  return html`
    <div class=${`toast ${toast.kind}`}>
      <span><bdi>${toast.text}</bdi></span>
      ${toast.action && html`<button type="button" onClick=${act}>${toast.action.label}</button>`}
      <button type="button" class="quiet icon-only" aria-label="Dismiss" onClick=${() => dismiss(toast.id)}><${Icon} name="close" /></button>
    </div>`;
}

function Page() {
  const shown = needsToken.value ? "token" : user.value === null ? "choose" : `${route.value.view}/${route.value.name ?? ""}`;
  const isFirst = useRef(true);
  useLayoutEffect(() => {
    const title = needsToken.value ? "Sign in" : user.value === null ? "Who are you?" : (TITLES[route.value.view] ?? "Friends");
    document.title = `${title} · feed-me`;
    // The first view is read from its beginning; after that the heading tells where one came to.
    if (!isFirst.current) {
      scrollTo({ top: 0, behavior: "instant" });
      document.querySelector("[data-heading]")?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [shown, user.value]);
  return html`
    <button type="button" class="skip" onClick=${() => document.querySelector("[data-heading]")?.focus()}>Skip to the content</button>
    ${needsToken.value ? html`<${Gate}><${TokenView} /><//>` : user.value === null ? html`<${Gate}><${ChooseView} key=${credential.value} /><//>` : html`<${Frame} key=${credential.value} />`}
    <${Toasts} />
    <div class="hidden" role="status" aria-live="polite">${announcement.value}</div>`;
}

history.scrollRestoration = "manual";
const owner = api.token.user();
if (owner && owner !== user.value) become(owner);
const root = document.getElementById("page");
root.replaceChildren();
render(html`<${Page} />`, root);
