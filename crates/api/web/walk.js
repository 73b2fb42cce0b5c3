// A window on a feed: pages that lie side by side, walked in both directions by the cursors that the API gives.
//
// It holds a bounded number of pages, whatever the length of the walk: what is left behind is let go, and comes back by the
// cursor of the page beside it.

/** The most pages that are held. */
export const PAGES_MAX = 8;
/** The most pages that are fetched at once to come to the newest; from there on the walk begins anew. */
const CATCH_UP_MAX = 4;

/** Newest first: by `published`, then by id. Negative where `one` stands above `other`. */
export function order(one, other) {
  if (one.published !== other.published) return one.published < other.published ? 1 : -1;
  return one.id === other.id ? 0 : one.id < other.id ? 1 : -1;
}

export class Walk {
  /**
   * `load(cursor)` reads a page, `{ items, next_cursor, previous_cursor }`; the newest one where `cursor` is null.
   * `changes(apply)` is called around each change of what is shown, so that the place can be kept.
   */
  constructor(load, changes = (apply) => apply()) {
    this.load = load;
    this.changes = changes;
    this.pages = [];
    /** Whether nothing newer than the first page was there when it was last asked. */
    this.isNewest = false;
    /** What is newer than the first page and not shown, by id. */
    this.waiting = new Set();
    this.busy = null;
    /** What could not be done the last time; nothing is tried again by itself. */
    this.failed = null;
    this.isClosed = false;
  }

  get items() {
    return this.pages.flatMap((page) => page.items);
  }

  get hasNext() {
    return this.pages.length > 0 && this.pages.at(-1).next !== null;
  }

  get isLoaded() {
    return this.pages.length > 0;
  }

  /** One thing at a time: what would only be more of the same is not done while another is under way. */
  async only(name, work) {
    if (this.busy) return false;
    this.busy = name;
    this.failed = null;
    this.changes(() => {});
    const underWay = work();
    this.underWay = underWay;
    try {
      await underWay;
      return true;
    } catch (problem) {
      this.failed = name;
      throw problem;
    } finally {
      this.busy = null;
      this.changes(() => {});
    }
  }

  /** What has to be done whatever is under way is done after it. */
  async next(name, work) {
    await this.settled();
    return this.only(name, work);
  }

  /** Until nothing is under way. */
  async settled() {
    while (this.busy) await this.underWay.catch(() => {});
  }

  async page(cursor) {
    const { items, next_cursor: next, previous_cursor: previous, ...rest } = await this.load(cursor);
    return { items, next, previous, via: cursor, ...rest };
  }

  change(apply) {
    if (!this.isClosed) this.changes(apply);
  }

  /** Begins at the newest. */
  start() {
    return this.next("start", () => this.begin());
  }

  async begin() {
    const first = await this.page(null);
    this.change(() => {
      this.pages = [first];
      this.isNewest = true;
      this.waiting.clear();
    });
  }

  /** Begins where a walk was left, newer and older things on both sides of it; at the newest where that cannot be. */
  restore(place) {
    return this.next("start", async () => {
      try {
        await this.beginAt(place);
        await this.reach(place.id);
      } catch (problem) {
        // The cursor is of another database, or of a user who has gone.
        if (problem.status !== 400) throw problem;
        await this.begin();
      }
    });
  }

  async beginAt({ cursor, previous }) {
    if (cursor) {
      const page = await this.page(cursor);
      if (page.items.length === 0) return this.begin();
      return this.change(() => {
        this.pages = [page];
        this.isNewest = false;
        this.waiting.clear();
      });
    }
    // The first page has no cursor of its own. What was above it leads back to it, exactly.
    const above = await this.page(previous);
    if (above.next === null) return this.begin();
    const page = await this.page(above.next);
    this.change(() => {
      this.pages = above.items.length ? [above, page] : [{ ...page, previous: above.previous }];
      this.isNewest = above.items.length === 0;
      this.waiting.clear();
    });
  }

  /** What came in since may have pushed an item onto the page beside the one that it was left on. */
  async reach(id) {
    const isMissing = () => id !== undefined && !this.items.some((item) => item.id === id);
    if (isMissing() && this.hasNext) await this.forth();
    if (isMissing() && !this.isNewest) await this.back();
  }

  /** Where a walk can begin again so that `item` is in its first page. */
  placeOf(id) {
    const page = this.pages.find((page) => page.items.some((item) => item.id === id));
    return page && { cursor: page.via, previous: page.previous };
  }

  /** Walks on, toward what is older. */
  older() {
    if (!this.hasNext) return Promise.resolve(false);
    return this.only("older", () => this.forth());
  }

  async forth() {
    const page = await this.page(this.pages.at(-1).next);
    this.change(() => {
      this.pages = [...this.pages, page];
      const over = this.pages.length - PAGES_MAX;
      if (over > 0) {
        this.pages = this.pages.slice(over);
        this.isNewest = false;
        this.waiting.clear();
      }
    });
  }

  /** Walks back, toward what is newer. */
  newer() {
    if (!this.isLoaded || this.isNewest) return Promise.resolve(false);
    return this.only("newer", () => this.back());
  }

  async back() {
    const page = await this.page(this.pages[0].previous);
    this.change(() => {
      if (page.items.length === 0) {
        this.isNewest = true;
        this.waiting.clear();
        return;
      }
      for (const item of page.items) this.waiting.delete(item.id);
      // What has moved up since it was read stands there once.
      const ids = new Set(page.items.map((item) => item.id));
      const below = this.pages.map((other) => ({ ...other, items: other.items.filter((item) => !ids.has(item.id)) }));
      this.pages = [page, ...below].slice(0, PAGES_MAX);
    });
    return page.items.length;
  }

  /** Shows what waits: the pages between, or the newest one where these are many. */
  showNewest() {
    return this.next("newest", async () => {
      if (!this.isNewest || this.pages.length === 0) return this.begin();
      this.isNewest = false;
      for (let pages = 0; pages < CATCH_UP_MAX; pages += 1) {
        await this.back();
        if (this.isNewest) return;
      }
      await this.begin();
    });
  }

  /** Asks how much is newer than what is shown. */
  async look() {
    if (!this.isLoaded || !this.isNewest || this.busy) return;
    const first = this.pages[0];
    const page = await this.page(first.previous);
    if (this.isClosed || this.busy || this.pages[0] !== first) return;
    const ids = page.items.map((item) => item.id);
    if (ids.length !== this.waiting.size || ids.some((id) => !this.waiting.has(id))) {
      this.change(() => (this.waiting = new Set(ids)));
    }
  }

  /* What a stream tells. */

  /** Something came in: on top it waits; between what is shown it is put in its place; below, the walk will come to it. */
  added(activity) {
    if (!this.isLoaded) return;
    const shown = this.items;
    if (shown.some((item) => item.id === activity.id)) return this.edited(activity);
    if (shown.length === 0 || order(activity, shown[0]) < 0) {
      return this.change(() => (this.waiting = new Set(this.waiting).add(activity.id)));
    }
    const at = this.pages.findIndex((page) => page.items.length && order(activity, page.items.at(-1)) < 0);
    if (at < 0 && this.hasNext) return;
    this.change(() => {
      const index = at < 0 ? this.pages.length - 1 : at;
      const items = [...this.pages[index].items, activity].sort(order);
      this.pages = this.pages.map((page, each) => (each === index ? { ...page, items } : page));
    });
  }

  edited(activity) {
    if (!this.items.some((item) => item.id === activity.id)) return;
    const changed = (item) => (item.id === activity.id ? activity : item);
    this.change(() => (this.pages = this.pages.map((page) => ({ ...page, items: page.items.map(changed) }))));
  }

  removed(id) {
    const isShown = this.items.some((item) => item.id === id);
    if (!isShown && !this.waiting.has(id)) return;
    this.change(() => {
      this.waiting = new Set([...this.waiting].filter((other) => other !== id));
      this.pages = this.pages.map((page) => ({ ...page, items: page.items.filter((item) => item.id !== id) }));
    });
  }

  close() {
    this.isClosed = true;
  }
}
