// Who acts: a credential where the server wants one, and a user, chosen or made.

import { html, signal, useId, useRef, useState } from "./html.js";
import * as api from "./api.js";
import { plural } from "./format.js";
import { become, needsToken, sentence, told, user } from "./state.js";
import { Field, Heading, Problems, useNames } from "./parts.js";
import { Avatar } from "./activity.js";
import { Icon } from "./icons.js";

/** Grows when the credential changed, so that all is asked for anew. */
export const credential = signal(0);

export function useToken(value) {
  api.token.set(value.trim());
  needsToken.value = false;
  credential.value += 1;
  // The token of a user acts as that user alone.
  const owner = api.token.user();
  if (owner) become(owner);
}

export function TokenView() {
  const [value, setValue] = useState("");
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const before = api.token.get();
    api.token.set(value.trim());
    try {
      await api.get("/v1/users", { limit: 1 });
      useToken(value);
    } catch (found) {
      // A key without `read` is a good key all the same.
      if (found.status === 403) return useToken(value);
      api.token.set(before);
      setProblem(found);
    }
  };
  return html`
    <${Heading}>This server asks who you are<//>
    <p>Paste an application key (<code>fm_…</code>) or the token of a user. It is kept in this tab alone, and forgotten when the tab closes.</p>
    <form class="card stack" onSubmit=${submit}>
      <${Problems} problem=${problem} />
      <${Field} label="Key or token">${(props) => html`
        <input ...${props} type="password" name="token" autocomplete="off" required spellcheck=${false} value=${value} onInput=${(event) => setValue(event.currentTarget.value)} />`}<//>
      <div class="buttons start"><button type="submit" class="primary">Continue</button></div>
    </form>`;
}

export function ChooseView() {
  const [typed, setTyped] = useState("");
  const [problem, setProblem] = useState(null);
  const box = useRef(null);
  const id = useId();
  const { prefix, users } = useNames(typed, { limit: 20 });
  const isFresh = prefix === typed && typed !== "" && !users.some(({ username }) => username === typed);
  const create = async (event) => {
    event.preventDefault();
    if (users.some(({ username }) => username === typed)) return become(typed);
    try {
      // No address leads there.
      if (typed === "." || typed === "..") throw new api.Problem({ detail: `'${typed}' cannot be a name` });
      await api.put(api.path`/v1/users/${typed}`, {});
      become(typed);
    } catch (found) {
      setProblem(found);
      if (found.status === 401) told(found);
      box.current?.focus();
    }
  };
  return html`
    <div class="welcome">
      <${Heading}>Who are you?<//>
      <p>Choose a user, or make one: a name is all it takes.</p>
      <form class="card stack" onSubmit=${create}>
        <label for=${id}>Name</label>
        <div class="search-box"><${Icon} name="search" />
          <input id=${id} ref=${box} name="username" autocomplete="off" spellcheck=${false} maxlength="80" value=${typed}
            aria-describedby=${problem ? `${id}-problem` : undefined}
            onInput=${(event) => (setTyped(event.currentTarget.value), setProblem(null))} />
        </div>
        <div role="alert" id=${`${id}-problem`}>${problem && html`<p class="problem">${sentence(problem.message)}</p>`}</div>
        <div class="buttons start">
          <button type="submit" class="primary" disabled=${typed === ""}>
            ${isFresh ? html`<${Icon} name="plus" /><span>Create <bdi>${typed}</bdi></span>` : "Continue"}
          </button>
        </div>
      </form>
      <h2 class="small-head">${typed ? "Users whose names begin like this" : "Users"}</h2>
      <ul class="choices" aria-busy=${prefix !== typed ? "true" : "false"}>
        ${users.map(({ username, followers, activities }) => html`
          <li key=${username}><button type="button" class="choice" onClick=${() => become(username)}>
            <${Avatar} name=${username} />
            <span><bdi class="name">${username}</bdi><span class="muted small">${plural(followers, "follower")} · ${plural(activities, "activity", "activities")}</span></span>
          </button></li>`)}
      </ul>
      ${prefix === typed && users.length === 0 && html`<p class="muted">${typed ? "There is none yet." : "There is nobody yet. Be the first."}</p>`}
    </div>`;
}

export function leave() {
  become(null);
  location.hash = "#/";
}

/** Forgets the credential, and with it who acts. */
export function forget() {
  api.token.set("");
  credential.value += 1;
  leave();
}
