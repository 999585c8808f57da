import { GavelError, type GraphQLErrorLike } from "./errors.js";
import { EventStreamParser } from "./event-stream.js";
import { ServerTimeDocument } from "./generated/operations.js";
import { post } from "./http.js";
import type { Link, LinkEvents, Loss, Payload, Result, Sink } from "./link.js";

const OPEN_TIMEOUT_MS = 8_000;
/** The service sends a comment every 12 s: after this silence it is gone. */
const SILENCE_MS = 30_000;
/** What a socket closes with if its token is refused or has expired. */
const FORBIDDEN = 4403;

/** Where a stream link sends its requests. */
export interface StreamPlace {
  readonly fetch: typeof globalThis.fetch;
  /** For queries. */
  readonly url: string;
  readonly streamUrl: string;
}

/** Subscriptions as server-sent events: one request each (graphql-sse, distinct connections). */
export class StreamLink implements Link {
  readonly via = "stream";
  readonly #streams = new Map<AbortController, Sink>();
  #isOver = false;
  #silence: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    private readonly place: StreamPlace,
    private token: string | undefined,
    private readonly events: LinkEvents,
    private readonly localNow: () => number,
  ) {}

  /** Looks whether the service answers; rejects with a `Loss` if not. */
  static async open(
    place: StreamPlace,
    token: string | undefined,
    events: LinkEvents,
    localNow: () => number,
  ): Promise<StreamLink> {
    const link = new StreamLink(place, token, events, localNow);
    await link.#ask(OPEN_TIMEOUT_MS);
    return link;
  }

  subscribe(payload: Payload, sink: Sink): () => void {
    const abort = new AbortController();
    this.#streams.set(abort, sink);
    void this.#run(payload, sink, abort);
    return () => {
      this.#streams.delete(abort);
      abort.abort();
    };
  }

  /** Requests that begin from now on carry it; those that run end with the old one, and resume. */
  renew(token: string): Promise<void> {
    this.token = token;
    return Promise.resolve();
  }

  check(withinMs: number): void {
    this.#ask(withinMs).catch((loss: Loss) => this.#end(loss));
  }

  close(): void {
    this.#end({ reason: "closed by the client", isRefused: false });
  }

  /** Asks for the server's time. */
  async #ask(timeoutMs: number): Promise<void> {
    const asked = this.localNow();
    const { fetch, url } = this.place;
    try {
      const payload = { query: ServerTimeDocument.text };
      const { data, errors } = await post(fetch, url, payload, { token: this.token, timeoutMs });
      if (errors) throw GavelError.from(errors);
      const { serverTime } = data as { serverTime: string };
      this.events.serverTime(asked, serverTime, this.localNow());
    } catch (error) {
      throw lossOf(error);
    }
  }

  async #run(payload: Payload, sink: Sink, abort: AbortController): Promise<void> {
    try {
      const { fetch, streamUrl } = this.place;
      const headers: Record<string, string> = {
        "content-type": "application/json",
        accept: "text/event-stream",
      };
      if (this.token !== undefined) headers["authorization"] = `Bearer ${this.token}`;
      const body = JSON.stringify(payload);
      const response = await fetch(streamUrl, { method: "POST", headers, body, signal: abort.signal });
      const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
      if (!isStream || !response.body) {
        const { errors = [] } = JSON.parse(await response.text()) as Result;
        if (isUnauthenticated(errors)) throw GavelError.from(errors);
        if (this.#streams.delete(abort)) sink.error(errors);
        return;
      }
      await this.#read(response.body, sink, abort);
      // The body ended, and the operation did not: the server stopped, or the token expired.
      this.#end({ reason: "the stream ended", isRefused: false });
    } catch (error) {
      if (this.#streams.has(abort)) this.#end(lossOf(error));
    }
  }

  async #read(body: ReadableStream<Uint8Array>, sink: Sink, abort: AbortController): Promise<void> {
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#heard();
      for (const { event, data } of parser.push(decoder.decode(value, { stream: true }))) {
        if (!this.#streams.has(abort)) return;
        if (event === "next") {
          const result = JSON.parse(data) as Result;
          // The token has expired: the next connection asks for another.
          if (result.errors && isUnauthenticated(result.errors)) {
            return this.#end({ code: FORBIDDEN, reason: "Token expired", isRefused: false });
          }
          sink.next(result);
        } else if (event === "complete") {
          this.#streams.delete(abort);
          sink.complete();
        }
      }
    }
  }

  #heard(): void {
    clearTimeout(this.#silence);
    const lose = (): void => this.#end({ reason: "silent for too long", isRefused: false });
    if (!this.#isOver) this.#silence = setTimeout(lose, SILENCE_MS);
  }

  #end(loss: Loss): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#silence);
    const streams = [...this.#streams];
    this.#streams.clear();
    this.events.lost(loss);
    for (const [abort, sink] of streams) {
      abort.abort();
      sink.lost();
    }
  }
}

function isUnauthenticated(errors: readonly GraphQLErrorLike[]): boolean {
  return GavelError.from(errors).code === "UNAUTHENTICATED";
}

function lossOf(error: unknown): Loss {
  const isRefused = error instanceof GavelError && error.code === "UNAUTHENTICATED";
  const reason = error instanceof Error ? error.message : String(error);
  return { reason, isRefused, ...(isRefused && { code: FORBIDDEN }) };
}
