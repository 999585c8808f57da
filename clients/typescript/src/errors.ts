/** An error of a GraphQL response. */
export interface GraphQLErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** Codes after which the same request may succeed; docs/ERRORS.md has all codes. */
const RETRYABLE = new Set([
  "CONTENTION",
  "OUTCOME_UNKNOWN",
  "STORE_UNAVAILABLE",
  "OVERLOADED",
  "RATE_LIMITED",
  "SLOW_CONSUMER",
]);

/** An error that the service answered with, or that kept its answer from arriving. */
export class GavelError extends Error {
  override readonly name: string = "GavelError";

  constructor(
    /** A code of docs/ERRORS.md, or NETWORK if there was no usable answer. */
    readonly code: string,
    message: string,
    /** How long to wait before another attempt, if the service said so. */
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the same request may succeed later. */
  get isRetryable(): boolean {
    return this.code === "NETWORK" || RETRYABLE.has(this.code);
  }

  /** The error of a response's `errors`. */
  static from(errors: readonly GraphQLErrorLike[]): GavelError {
    const [first] = errors;
    const { code, retryAfterMs } = first?.extensions ?? {};
    return new GavelError(
      typeof code === "string" ? code : "INTERNAL",
      first?.message ?? "an error without a message",
      typeof retryAfterMs === "number" ? retryAfterMs : undefined,
    );
  }
}

/** It is unknown whether a bid was written: send it again with the same key. */
export class OutcomeUnknownError extends GavelError {
  override readonly name = "OutcomeUnknownError";

  constructor(
    /** The key to send the bid again with. */
    readonly idempotencyKey: string,
    options?: ErrorOptions,
  ) {
    super("OUTCOME_UNKNOWN", "it is unknown whether the bid was accepted", undefined, options);
  }
}
