// Runs every check against one server, and prints a table. Exit code 1 if one fails.
import { Server } from "./server.mjs";
import { run as graphqlWs } from "./checks/graphql-ws.mjs";
import { run as graphqlSse } from "./checks/graphql-sse.mjs";
import { run as apollo } from "./checks/apollo.mjs";
import { run as urql } from "./checks/urql.mjs";
import { run as persisted } from "./checks/persisted.mjs";
import { run as relay } from "./checks/relay.mjs";
import { run as appsync } from "./checks/appsync.mjs";
import { run as measure } from "./checks/measure.mjs";
import { run as python } from "./checks/python.mjs";
import { run as codegen } from "./checks/codegen.mjs";
import { run as firstSteps } from "./checks/first-steps.mjs";
import { run as playground } from "./checks/playground.mjs";
import { audits } from "./checks/audits.mjs";

const AUDITS = 61;
const CHECK_TIMEOUT_MS = 180_000;

async function allAudits(server) {
  const results = await audits(server.url);
  for (const { id, name, status, reason } of results) {
    console.log(`  ${status.padEnd(6)} ${id}  ${name}${reason && `\n         ${reason}`}`);
  }
  const ok = results.filter(({ status }) => status === "ok").length;
  if (ok !== AUDITS || results.length !== AUDITS) {
    throw new Error(`${ok} of ${results.length} audits are ok, ${AUDITS} should be`);
  }
  return `${ok} of ${results.length} are ok`;
}

const CHECKS = [
  ["audits of graphql-http", allAudits],
  ["graphql-ws", graphqlWs],
  ["graphql-sse", graphqlSse],
  ["Apollo Client", apollo],
  ["urql", urql],
  ["persisted queries", persisted],
  ["Relay", relay],
  ["gql (Python)", python],
  ["client-sim measure (graphql-ws)", measure],
  ["AppSync's clients (appsync)", appsync],
  ["graphql-codegen", codegen],
  ["docs/CLIENTS.md", firstSteps],
  ["playground (Chromium)", playground],
];

const wanted = process.argv.slice(2);
const chosen = CHECKS.filter(([name]) => !wanted.length || wanted.some((w) => name.includes(w)));
if (!chosen.length) throw new Error(`no check is called ${wanted}`);

const within = (promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("not in time")), CHECK_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const server = await Server.start();
const rows = [];
for (const [name, check] of chosen) {
  const row = await within(check(server)).then(
    (detail) => ["ok", name, detail],
    (error) => {
      const status = error?.cannotRun ? "NOT RUN" : "FAILED";
      return [status, name, error?.message ?? JSON.stringify(error)];
    },
  );
  rows.push(row);
}
await server.stop().then(null, (error) => rows.push(["FAILED", "end of the server", error.message]));

if (!wanted.length) {
  const why = "needs Python 2 and a server that echoes";
  rows.push(["NOT RUN", "autobahntestsuite", why]);
}
console.log();
for (const [status, name, detail] of rows) console.log(`${status.padEnd(8)}${name.padEnd(24)}${detail}`);
const left = rows.filter(([status]) => status === "NOT RUN").map(([, name]) => name);
if (left.length) console.log(`\nNOT RUN, so not proven here: ${left.join(", ")}`);
process.exit(rows.some(([status]) => status === "FAILED") ? 1 : 0);
