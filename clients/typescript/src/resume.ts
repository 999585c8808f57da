/**
 * Bids once and in order with other clients: urql, Relay, Apollo Client, each with graphql-ws.
 *
 * graphql-ws comes back by itself after a lost connection, and then sends the variables of the
 * first time. Those hold the cursor: an old one brings bids twice, none at all misses some. Here
 * `after` is a getter, which returns the last sequence that came. The subscription needs a variable
 * `after`, and `sequence` among the fields that it selects.
 */

/** A result of an operation. */
export interface ResultLike {
  readonly data?: unknown;
  readonly errors?: unknown;
}

/** An operation, as graphql-ws takes it. */
export interface PayloadLike {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
}

/** What becomes of an operation. */
export interface SinkLike {
  next(result: ResultLike): void;
  error(error: unknown): void;
  complete(): void;
}

/** What is used of a client of graphql-ws. */
export interface GraphqlWsClientLike {
  subscribe(payload: PayloadLike, sink: SinkLike): () => void;
}

/** Variables to subscribe with, and `note`, which is to be called with each result. */
export function resuming<V extends object>(variables: V): { variables: V; note: (result: ResultLike) => void } {
  let last = (variables as { after?: unknown }).after;
  const live = { ...variables };
  Object.defineProperty(live, "after", { enumerable: true, get: () => last });
  const note = ({ data }: ResultLike): void => {
    const [bid] = Object.values((data ?? {}) as Record<string, { sequence?: unknown } | null>);
    if (typeof bid?.sequence === "number") last = bid.sequence;
  };
  return { variables: live, note };
}

/** Whether an operation ended because its client read too slowly: it is to be sent again. */
export function isSlowConsumer(error: unknown): boolean {
  const errors = Array.isArray(error) ? error : ((error as { errors?: unknown } | null)?.errors ?? []);
  return (errors as { extensions?: { code?: unknown } }[]).some(
    ({ extensions }) => extensions?.code === "SLOW_CONSUMER",
  );
}

/** Subscribes with a graphql-ws client; returns what ends it. For urql and Relay. */
export function subscribe(client: GraphqlWsClientLike, payload: PayloadLike, sink: SinkLike): () => void {
  const { variables, note } = resuming(payload.variables ?? {});
  let stop = (): void => {};
  const begin = (): void => {
    stop = client.subscribe({ ...payload, variables }, {
      next: (result) => {
        note(result);
        sink.next(result);
      },
      error: (error) => (isSlowConsumer(error) ? begin() : sink.error(error)),
      complete: () => sink.complete(),
    });
  };
  begin();
  return () => stop();
}

/**
 * Options of graphql-ws's `createClient` for a client that comes back after everything that can
 * pass. A refused token cannot: the close event (code 4403) is what the operation fails with.
 */
export function comesBack(token?: () => string | Promise<string>): {
  retryAttempts: number;
  shouldRetry: (event: unknown) => boolean;
  connectionParams?: () => Promise<{ authorization: string }>;
} {
  return {
    retryAttempts: Infinity,
    shouldRetry: (event) => {
      const { code, reason } = event as { code?: number; reason?: string };
      return code !== 4403 || reason === "Token expired";
    },
    ...(token && { connectionParams: async () => ({ authorization: `Bearer ${await token()}` }) }),
  };
}
