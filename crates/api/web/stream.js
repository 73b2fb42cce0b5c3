// Server-Sent Events over fetch, which can carry a credential where EventSource cannot.

import { Problem, send } from "./api.js";
import { EventReader } from "./events.js";

const LONGEST_WAIT_MS = 30_000;
/** The server says every 15 s that it lives; a stream that is silent for longer is dead. */
const SILENCE_MS = 40_000;
/** A browser has few connections to one server: tabs that nobody sees for so long let theirs go. */
const UNSEEN_MS = 5000;

/** Until somebody looks at the page again. */
const seen = (signal) => new Promise((done) => {
  const look = () => {
    if (document.hidden && !signal.aborted) return;
    document.removeEventListener("visibilitychange", look);
    signal.removeEventListener("abort", look);
    done();
  };
  document.addEventListener("visibilitychange", look);
  signal.addEventListener("abort", look);
  look();
});

/**
 * Follows a stream from `since` on, and comes again when it breaks, from where it was: nothing is missed and nothing is told
 * twice. `onEvent` gets events, `onState` gets "live", "waiting" or "resting", `onRefused` a problem that another try would not mend.
 * Gives a function that ends it.
 */
export function follow(where, since, { onEvent, onState, onRefused }) {
  const ended = new AbortController();
  const run = async () => {
    let from = since;
    let waitMs = 1000;
    while (!ended.signal.aborted) {
      const attempt = new AbortController();
      const end = () => attempt.abort();
      ended.signal.addEventListener("abort", end, { once: true });
      let silence = setTimeout(end, SILENCE_MS);
      let unseen = 0;
      const look = () => {
        clearTimeout(unseen);
        if (document.hidden) unseen = setTimeout(end, UNSEEN_MS);
      };
      document.addEventListener("visibilitychange", look);
      try {
        const headers = { Accept: "text/event-stream" };
        const response = await send("GET", where, { headers, query: { since: from }, signal: attempt.signal });
        from ??= response.headers.get("Feed-Position");
        onState("live");
        const reader = new EventReader();
        const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let part = await text.read(); !part.done; part = await text.read()) {
          clearTimeout(silence);
          silence = setTimeout(end, SILENCE_MS);
          waitMs = reader.retryMs ?? 1000;
          for (const event of reader.read(part.value)) {
            from = event.id ?? from;
            onEvent(event.kind, JSON.parse(event.data));
          }
        }
      } catch (problem) {
        if (ended.signal.aborted) return;
        const isFinal = problem instanceof Problem && 400 <= problem.status && problem.status < 500 && problem.status !== 429;
        if (isFinal) return onRefused(problem);
      } finally {
        clearTimeout(silence);
        clearTimeout(unseen);
        document.removeEventListener("visibilitychange", look);
        ended.signal.removeEventListener("abort", end);
      }
      if (document.hidden) {
        onState("resting");
        await seen(ended.signal);
        waitMs = 1;
      }
      if (ended.signal.aborted) return;
      onState("waiting");
      // Not all at once after the server was away.
      await new Promise((done) => setTimeout(done, waitMs * (0.5 + Math.random())));
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  };
  run();
  return () => ended.abort();
}
