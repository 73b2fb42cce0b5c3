// How an application in TypeScript uses the types, here with openapi-fetch. `scripts/typescript-types --check` compiles it, so it is
// true of the server's own OpenAPI document.

import createClient from "openapi-fetch";
import type { components, paths } from "./feed-me.js";

type Activity = components["schemas"]["Activity"];
type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({
  baseUrl: "http://127.0.0.1:5000",
  headers: { Authorization: "Bearer fm_…" },
});

export async function post(actor: string, verb: string, object: string): Promise<Activity> {
  const { data, error } = await client.POST("/v1/activities", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { actor, verb, object },
  });
  if (data === undefined) {
    throw new Error(explained(error));
  }
  return data;
}

/** Every activity of a friends feed, newest first, page by page. */
export async function* friendsFeed(username: string): AsyncGenerator<Activity> {
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = cursor === null ? { limit: 100 } : { limit: 100, cursor };
    const { data, error } = await client.GET("/v1/feeds/{username}/friends", {
      params: { path: { username }, query },
    });
    if (data === undefined) {
      throw new Error(explained(error));
    }
    // The same address has an ActivityStreams page for who asks for that; this client asked for JSON.
    if (!("items" in data)) {
      throw new Error("another form of the feed was answered");
    }
    yield* data.items;
    cursor = data.next_cursor ?? null;
  } while (cursor !== null);
}

function explained(problem: Problem): string {
  const faults = (problem.errors ?? []).map((fault) => `${fault.pointer ?? fault.parameter}: ${fault.detail}`);
  return [problem.detail, ...faults].join("; ");
}

// What the types are for: a mistake does not compile.
// @ts-expect-error a member that activities do not have
export const typo = (activity: Activity): unknown => activity.actr;
// @ts-expect-error a path that the server does not have
export const nowhere = () => client.GET("/v1/nowhere");
