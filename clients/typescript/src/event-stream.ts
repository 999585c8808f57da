/** An event of a text/event-stream. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

/** Cuts a text/event-stream into events, as its parts arrive. */
export class EventStreamParser {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #id: string | undefined;

  /** The events that this part completes. */
  *push(part: string): Generator<StreamEvent> {
    this.#rest += part;
    // A carriage return at the end may be half a line break.
    const cut = this.#rest.endsWith("\r") ? this.#rest.length - 1 : this.#rest.length;
    const lines = this.#rest.slice(0, cut).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? "") + this.#rest.slice(cut);
    for (const line of lines) {
      if (line !== "") {
        this.#field(line);
        continue;
      }
      const id = this.#id;
      if (this.#event || this.#data.length > 0) {
        yield {
          event: this.#event || "message",
          data: this.#data.join("\n"),
          ...(id !== undefined && { id }),
        };
      }
      this.#event = "";
      this.#data = [];
    }
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    // A comment, which keeps the connection alive.
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id") this.#id = value;
  }
}
