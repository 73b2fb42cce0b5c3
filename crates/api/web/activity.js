// One activity: who did what, why it is here, and what can be done about it.

import { html, signal, useEffect, useId, useRef, useState } from "./html.js";
import * as api from "./api.js";
import { ago, hueOf, initials, moment } from "./format.js";
import { announce, link, say, sentence, told, user } from "./state.js";
import { Icon } from "./icons.js";
import { Dialog, Problems } from "./parts.js";
import { ActivityFields, contentOf, draftOf } from "./compose.js";

/** What was just done to an activity here: `{ kind: "posted" | "edited" | "removed", id, activity }`. */
export const done = signal(null);

export const Avatar = ({ name, small = false }) => html`
  <span class=${`avatar hue-${hueOf(name)}${small ? " small" : ""}`} aria-hidden="true">${initials(name)}</span>`;

/** Names are isolated, so that the direction of one never turns the sentence around it. */
export const UserLink = ({ name }) => html`<a class="name" href=${link("user", name)}><bdi>${name}</bdi></a>`;

export function Time({ at }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  return html`<time datetime=${at} title=${moment(at)}>${ago(at)}</time>`;
}

export const Sentence = ({ activity }) => html`
  <${UserLink} name=${activity.actor} />${" "}
  <span class="verb"><bdi>${activity.verb}</bdi></span>${" "}
  ${activity.object !== null && html`<span class="object"><bdi>${activity.object}</bdi></span>${" "}`}
  ${activity.target !== null && html`<span class="to"><span aria-hidden="true">→</span><span class="hidden"> to </span></span>${" "}<${UserLink} name=${activity.target} />`}`;

export function ActivityCard({ activity, index, canExplain = true }) {
  const [open, setOpen] = useState(null);
  const id = useId();
  const isMine = activity.actor === user.value;
  const hasData = Object.keys(activity.data ?? {}).length > 0;
  return html`
    <article class="card" data-id=${activity.id} tabindex="0" aria-labelledby=${`${id}-what`} aria-posinset=${index + 1} aria-setsize="-1">
      <${Avatar} name=${activity.actor} />
      <div class="card-body">
        <p class="what" id=${`${id}-what`}><${Sentence} activity=${activity} /></p>
        ${hasData && html`
          <details class="data"><summary>Data</summary><pre tabindex="0" aria-label="Data">${JSON.stringify(activity.data, null, 2)}</pre></details>`}
        <div class="meta">
          <span><${Time} at=${activity.published} />${activity.edited_at && html` · <span title=${moment(activity.edited_at)}>edited</span>`}</span>
          <span class="actions">
            ${canExplain && html`
              <button type="button" class="quiet" aria-expanded=${open === "why"} onClick=${() => setOpen(open === "why" ? null : "why")}>
                <${Icon} name="why" />Why do I see this?
              </button>`}
            ${isMine && html`
              <button type="button" class="quiet" onClick=${() => setOpen("edit")}><${Icon} name="edit" />Edit</button>
              <button type="button" class="quiet" onClick=${() => setOpen("delete")}><${Icon} name="trash" />Delete</button>`}
          </span>
        </div>
        ${open === "why" && html`<${Why} activity=${activity} />`}
        ${open === "edit" && html`<${Edit} activity=${activity} onClose=${() => setOpen(null)} />`}
        ${open === "delete" && html`<${Delete} activity=${activity} onClose=${() => setOpen(null)} />`}
      </div>
    </article>`;
}

function Why({ activity }) {
  const [answer, setAnswer] = useState(null);
  useEffect(() => {
    const ended = new AbortController();
    const where = api.path`/v1/feeds/${user.value}/friends/explain`;
    api.get(where, { activity: activity.id }, { signal: ended.signal }).then(setAnswer, (problem) => {
      if (!ended.signal.aborted) setAnswer({ problem });
    });
    return () => ended.abort();
  }, [activity.id]);
  return html`<div class="why" role="status">${answer ? reason(answer, activity) : "Asking…"}</div>`;
}

function reason(answer, activity) {
  const author = html`<bdi>${activity.actor}</bdi>`;
  if (answer.problem) return sentence(answer.problem.message);
  if (answer.because?.follow) {
    const { since, from } = answer.because.follow;
    const reach = from === null ? "with all that was posted before" : html`with what was posted from ${moment(from)} on`;
    return html`Because you follow ${author}, since ${moment(since)}, ${reach}.`;
  }
  if (answer.because?.kept_history) {
    const { from, until } = answer.because.kept_history;
    return html`Because you followed ${author} and kept the history ${from ? html`from ${moment(from)} ` : ""}${until ? html`until ${moment(until)}` : ""}.`;
  }
  const otherwise = {
    own: "This is your own. It is in your own feed and not in that of your friends.",
    "not-followed": html`You do not follow ${author}, so this is not in your friends feed.`,
    unfollowed: html`You follow ${author} no more, so this is not in your friends feed.`,
    "before-follow-window": html`You follow ${author} from a later time on, so this is not in your friends feed.`,
    muted: html`You mute ${author}, so this is not in your friends feed.`,
    blocked: html`You block ${author}, so this is not in your friends feed.`,
  };
  return otherwise[answer.reason] ?? sentence(answer.detail ?? "This is not in your friends feed");
}

function Edit({ activity, onClose }) {
  const [stored, setStored] = useState(null);
  const [draft, setDraft] = useState(draftOf(activity));
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const read = async () => {
    try {
      const found = await api.tagged(activity.id);
      setStored(found);
      setDraft(draftOf(found.activity));
      setProblem(null);
    } catch (found) {
      setProblem(found);
    }
  };
  useEffect(() => void read(), []);
  const save = async (event) => {
    event.preventDefault();
    const { content, fault } = contentOf(draft);
    if (fault) return setProblem(fault);
    setBusy(true);
    try {
      const changed = await api.patch(api.path`/v1/activities/${activity.id}`, content, { "If-Match": stored.tag });
      done.value = { kind: "edited", id: activity.id, activity: changed };
      announce("Saved.");
      onClose();
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  const isOutdated = problem?.status === 412;
  return html`
    <${Dialog} title="Edit activity" onClose=${onClose}>
      <form onSubmit=${save} class="stack">
        <${Problems} problem=${problem} />
        ${isOutdated && html`<button type="button" onClick=${read}>Read the stored version again</button>`}
        <${ActivityFields} draft=${draft} onChange=${setDraft} problem=${problem} />
        <div class="buttons">
          <button type="button" onClick=${onClose}>Cancel</button>
          <button type="submit" class="primary" disabled=${busy || !stored}>Save</button>
        </div>
      </form>
    <//>`;
}

function Delete({ activity, onClose }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const cancel = useRef(null);
  const remove = async () => {
    setBusy(true);
    try {
      await api.remove(api.path`/v1/activities/${activity.id}`);
    } catch (found) {
      if (found.status !== 404) {
        setBusy(false);
        return setProblem(found);
      }
    }
    done.value = { kind: "removed", id: activity.id };
    onClose();
    say("Deleted.", { action: { label: "Undo", run: () => again(activity) } });
  };
  return html`
    <${Dialog} title="Delete this activity?" onClose=${onClose} first=${cancel}>
      <p class="what"><${Sentence} activity=${activity} /></p>
      <p>It goes from every feed at once.</p>
      <${Problems} problem=${problem} />
      <div class="buttons">
        <button type="button" ref=${cancel} onClick=${onClose}>Cancel</button>
        <button type="button" class="danger" disabled=${busy} onClick=${remove}>Delete</button>
      </div>
    <//>`;
}

/** Posts once more what was deleted, where it stood. */
async function again({ actor, verb, object, target, data, published, external_id }) {
  try {
    const activity = await api.post("/v1/activities", { actor, verb, object, target, data, published, external_id });
    done.value = { kind: "posted", id: activity.id, activity };
    say("It is back.");
  } catch (problem) {
    told(problem);
  }
}
