// What a user's own record says.

import { useEffect, useState } from "./html.js";
import * as api from "./api.js";
import { me, user } from "./state.js";

/** The record of a user, read when it is first shown; the chosen user's own is kept true elsewhere. */
export function useRecord(name) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    const ended = new AbortController();
    setFound(null);
    api.get(api.path`/v1/users/${name}`, {}, { signal: ended.signal }).then(
      (record) => setFound({ record }),
      (problem) => ended.signal.aborted || setFound({ problem }),
    );
    return () => ended.abort();
  }, [name]);
  return name === user.value && me.value ? { record: me.value } : found;
}
