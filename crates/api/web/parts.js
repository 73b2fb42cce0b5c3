// Small parts that many views share.

import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "./html.js";
import * as api from "./api.js";
import { sentence, told, user } from "./state.js";
import { Icon } from "./icons.js";

/** A modal dialog. The browser keeps the focus in it, and gives it back when it closes. */
export function Dialog({ title, onClose, first, children }) {
  const dialog = useRef(null);
  const id = useId();
  useLayoutEffect(() => {
    const element = dialog.current;
    element.showModal();
    first?.current?.focus();
    return () => element.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${dialog} aria-labelledby=${id} onCancel=${cancel}>
      <div class="dialog-head">
        <h2 id=${id}>${title}</h2>
        <button type="button" class="quiet icon-only" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
      </div>
      ${children}
    </dialog>`;
}

/** What was wrong with a form, where no field of it shows that. */
export function Problems({ problem, fields = ["verb", "object", "target", "data"] }) {
  if (!problem) return html`<div role="alert"></div>`;
  const isShownByFields = problem.errors?.length > 0 && problem.errors.every(({ pointer }) => fields.some((field) => pointer === `/${field}` || pointer?.startsWith(`/${field}/`)));
  const text = isShownByFields ? "Not everything is right yet. See the fields below." : sentence(problem.message);
  return html`<div role="alert"><p class="problem">${text}</p></div>`;
}

/** A labelled input with its hint and its fault. */
export function Field({ label, hint, fault, children }) {
  const id = useId();
  const about = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ");
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      ${children({ id, "aria-describedby": about || undefined, "aria-invalid": fault ? "true" : undefined })}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${fault && html`<p class="fault" id=${`${id}-fault`}>${sentence(fault)}</p>`}
    </div>`;
}

/** Names of users that begin with a text, a moment after it was typed. */
export function useNames(prefix, { limit = 8, wanted = true } = {}) {
  const [found, setFound] = useState({ prefix: null, users: [] });
  useEffect(() => {
    if (!wanted) return undefined;
    const ended = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { items } = await api.get("/v1/users", { prefix: prefix || null, limit }, { signal: ended.signal });
        setFound({ prefix, users: items });
      } catch (problem) {
        if (!ended.signal.aborted) told(problem);
      }
    }, 150);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [prefix, limit, wanted, user.value]);
  return found;
}

/** The heading of a view, which gets the focus when the view is opened. */
export const Heading = ({ children }) => html`<h1 tabindex="-1" data-heading>${children}</h1>`;
