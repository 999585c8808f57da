/**
 * How to connect next. A network that blocks WebSocket and a server that restarts look the same at
 * first: a client that never had a socket tries the stream after one failure, others after two; from
 * then on both in turn.
 */
export function nextVia(transport, attempts) {
    if (transport !== "auto")
        return transport;
    const patience = attempts.hadSocket ? 2 : 1;
    if (attempts.socketFailures < patience)
        return "socket";
    return attempts.last === "socket" ? "stream" : "socket";
}
