// gavel-client beside the page, for bids.
import { GavelClient } from "../../clients/typescript/dist/index.js";
import { token } from "../interop/server.mjs";

/** A client of a bidder. It needs no socket. */
export const connect = (server, name) =>
  new GavelClient({ url: server.url, token: () => token(name, ["bidder"]) });
