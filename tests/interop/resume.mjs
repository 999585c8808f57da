// Bids once and in order with clients that copy an operation's variables: urql, Relay, Apollo Client.
//
// Each sends its operations by graphql-ws, which sends the same variables again after a lost
// connection. Here `after` is a getter that returns the last sequence that came. The subscription has
// the variable `after` and selects `sequence`.

/** Variables to subscribe with, and `note`, which is to be called with each result. */
export function resuming(variables) {
  let last = variables.after;
  const live = { ...variables };
  Object.defineProperty(live, "after", { enumerable: true, get: () => last });
  const note = ({ data }) => {
    const [bid] = Object.values(data ?? {});
    if (typeof bid?.sequence === "number") last = bid.sequence;
  };
  return { variables: live, note };
}

/** Whether an operation ended because its client read too slowly: it is to be sent again. */
export function isSlowConsumer(error) {
  const errors = Array.isArray(error) ? error : (error?.errors ?? []);
  return errors.some(({ extensions }) => extensions?.code === "SLOW_CONSUMER");
}

/** Subscribes with a graphql-ws client; returns what ends it. For urql and Relay. */
export function subscribe(client, payload, sink) {
  const { variables, note } = resuming(payload.variables ?? {});
  let stop;
  const begin = () => {
    stop = client.subscribe({ ...payload, variables }, {
      next: (result) => { note(result); sink.next(result); },
      error: (error) => (isSlowConsumer(error) ? begin() : sink.error(error)),
      complete: () => sink.complete(),
    });
  };
  begin();
  return () => stop();
}
