// Server-Sent Events as they come in: cut anywhere.

/** Reads events from chunks of text, as the HTML standard has it. */
export class EventReader {
  constructor() {
    this.rest = "";
    this.id = null;
    this.retryMs = null;
    this.clear();
  }

  clear() {
    this.data = [];
    this.kind = "";
  }

  /** The events that a chunk completes. */
  read(chunk) {
    this.rest += chunk;
    const events = [];
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!end) return events;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      if (line === "") {
        if (this.data.length) events.push({ id: this.id, kind: this.kind || "message", data: this.data.join("\n") });
        this.clear();
      } else {
        this.field(line);
      }
    }
  }

  field(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "event") this.kind = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}
