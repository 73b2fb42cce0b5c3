// Posting.

import { html, useId, useRef, useState } from "./html.js";
import * as api from "./api.js";
import { announce, refreshMe, say, user, link } from "./state.js";
import { Field, Problems, useNames } from "./parts.js";
import { Avatar, done } from "./activity.js";
import { Icon } from "./icons.js";

const VERBS = ["post", "share", "like", "comment", "follow", "merge", "release", "review"];

export const draftOf = ({ verb = "", object = "", target = "", data = {} } = {}) => ({
  verb, object: object ?? "", target: target ?? "", data: Object.keys(data ?? {}).length ? JSON.stringify(data, null, 2) : "",
});

/** What a draft says, as the API takes it; or what is wrong with it. */
export function contentOf({ verb, object, target, data }) {
  const content = { verb, object: object === "" ? null : object, target: target === "" ? null : target };
  try {
    content.data = data.trim() === "" ? {} : JSON.parse(data);
  } catch (error) {
    return { fault: new api.Problem({ errors: [{ pointer: "/data", detail: `This is not JSON: ${error.message}` }] }) };
  }
  return { content };
}

export function ActivityFields({ draft, onChange, problem, first, children }) {
  const set = (member) => (event) => onChange({ ...draft, [member]: event.currentTarget.value });
  const fault = (member) => problem?.of?.(member);
  const id = useId();
  const { users } = useNames(draft.target, { wanted: draft.target !== "" });
  const [hasData, setHasData] = useState(draft.data !== "");
  return html`
    <div class="fields">
      <${Field} label="Verb" fault=${fault("verb")}>${(props) => html`
        <input ...${props} ref=${first} name="verb" list=${`${id}-verbs`} autocomplete="off" required maxlength="80" value=${draft.verb} onInput=${set("verb")} />`}<//>
      <${Field} label="Object" fault=${fault("object")}>${(props) => html`
        <input ...${props} name="object" autocomplete="off" maxlength="1024" value=${draft.object} onInput=${set("object")} />`}<//>
      <${Field} label="Target (a user)" fault=${fault("target")}>${(props) => html`
        <input ...${props} name="target" list=${`${id}-names`} autocomplete="off" maxlength="80" spellcheck=${false} value=${draft.target} onInput=${set("target")} />`}<//>
    </div>
    <datalist id=${`${id}-verbs`}>${VERBS.map((verb) => html`<option value=${verb} />`)}</datalist>
    <datalist id=${`${id}-names`}>${users.map(({ username }) => html`<option value=${username} />`)}</datalist>
    <div class="below">
      <details open=${hasData || Boolean(fault("data"))} onToggle=${(event) => setHasData(event.currentTarget.open)}>
        <summary>Data (optional)</summary>
        <${Field} label="Data, a JSON object" fault=${fault("data")}>${(props) => html`
          <textarea ...${props} name="data" rows="4" spellcheck=${false} value=${draft.data} onInput=${set("data")}></textarea>`}<//>
      </details>
      ${children}
    </div>`;
}

export function Compose() {
  const [draft, setDraft] = useState(draftOf());
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  // The same attempt sent again, after an answer that was lost, happens once.
  const attempt = useRef({ text: null, key: null });
  const first = useRef(null);
  const submit = async (event) => {
    event.preventDefault();
    const { content, fault } = contentOf(draft);
    if (fault) return setProblem(fault);
    const body = { actor: user.value, ...content };
    const text = JSON.stringify(body);
    if (attempt.current.text !== text) attempt.current = { text, key: api.attemptKey() };
    setBusy(true);
    try {
      const activity = await api.post("/v1/activities", body, attempt.current.key);
      attempt.current = { text: null, key: null };
      setDraft(draftOf());
      setProblem(null);
      done.value = { kind: "posted", id: activity.id, activity };
      if (!location.hash.startsWith("#/own")) say("Posted.", { action: { label: "Show", run: () => (location.hash = link("own")) } });
      else announce("Posted.");
      refreshMe();
      first.current?.focus();
    } catch (found) {
      setProblem(found);
    } finally {
      setBusy(false);
    }
  };
  return html`
    <section class="compose card" aria-label="Post an activity">
      <${Avatar} name=${user.value} />
      <form class="card-body stack" onSubmit=${submit}>
        <p class="as">Post as <strong><bdi>${user.value}</bdi></strong></p>
        <${Problems} problem=${problem} />
        <${ActivityFields} draft=${draft} onChange=${setDraft} problem=${problem} first=${first}>
          <button type="submit" class="primary" disabled=${busy}><${Icon} name="plus" />Post</button>
        <//>
      </form>
    </section>`;
}
