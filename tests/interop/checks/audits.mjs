// The 61 audits of GraphQL over HTTP that npm graphql-http has for servers.
import { serverAudits } from "graphql-http";

/** Runs them all; returns each with its verdict. */
export async function audits(url) {
  const results = [];
  for (const audit of serverAudits({ url, fetchFn: fetch })) {
    const result = await audit.fn();
    const reason = result.status === "ok" ? "" : String(result.reason);
    results.push({ id: audit.id, name: audit.name, status: result.status, reason });
  }
  return results;
}

if (process.argv[1] === import.meta.filename) {
  const results = await audits(process.argv[2] ?? "http://127.0.0.1:8080/graphql");
  for (const { id, name, status, reason } of results) {
    console.log(`${status.padEnd(6)} ${id}  ${name}${reason && `\n       ${reason}`}`);
  }
  const ok = results.filter((result) => result.status === "ok").length;
  console.log(`\n${ok} of ${results.length} audits are ok`);
  process.exitCode = ok === results.length && ok > 0 ? 0 : 1;
}
