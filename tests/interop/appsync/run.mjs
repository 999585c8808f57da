// AppSync's own clients, unchanged, against two servers: one with TLS, which Amplify insists on, and
// one without. Started with NODE_EXTRA_CA_CERTS, so that the certificate of the first is trusted.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Server, token } from "../server.mjs";
import { shortenTimers } from "./steps.mjs";

const [directory] = process.argv.slice(2);
const run = promisify(execFile);

/** An API key, and a file that has it. */
async function apiKeys() {
  const { stdout } = await run(process.env.GAVEL_SERVER, ["api-key", "--name", "page"]);
  const [, key] = /^key[^:]*: (\S+)$/m.exec(stdout);
  const [, entry] = /^entry[^:]*: (\{.*\})$/m.exec(stdout);
  const file = join(directory, "api-keys.json");
  await writeFile(file, JSON.stringify({ keys: [JSON.parse(entry)] }));
  return { key, file };
}

/** gql's transport, in Python. */
async function python(server) {
  const script = join(import.meta.dirname, "client.py");
  const interpreter = join(import.meta.dirname, "..", "venv", "bin", "python");
  const name = "gql AppSyncWebsocketsTransport (Python)";
  const bearer = token("eve", ["bidder"]);
  try {
    const { stdout } = await run(interpreter, [script, server.address, await server.auction(), bearer],
      { timeout: 60_000 });
    process.stdout.write(stdout);
    const [, passed, all] = /(\d+) of (\d+) steps/.exec(stdout);
    return { name, passed: Number(passed), all: Number(all) };
  } catch (error) {
    console.log(`  FAILED  ${name}: ${error.stdout ?? ""}${error.stderr ?? error}`);
    return { name, passed: 0, all: 5 };
  }
}

const { key, file } = await apiKeys();
const flags = ["--api-keys", file];
const tls = ["--tls-cert", join(directory, "cert.pem"), "--tls-key", join(directory, "key.pem")];
const server = await Server.start({ flags: [...flags, ...tls] });
const plain = await Server.start({ flags });
shortenTimers();
const { amplify } = await import("./v4/amplify.mjs");
const { link4 } = await import("./v4/link.mjs");
const { link3 } = await import("./v3/link.mjs");
const results = await Promise.all([
  amplify(server, plain, key), link4(plain), link3(plain), python(plain),
]);
await Promise.all([server.stop(), plain.stop()]);
console.log();
for (const { name, passed, all } of results) console.log(`  ${name}: ${passed} of ${all} steps`);
const summary = results.map(({ passed, all }) => `${passed}/${all}`).join(", ");
const failed = results.some(({ passed, all }) => passed !== all);
console.log(`${failed ? "FAILED" : "passed"}: ${summary}`);
process.exit(failed ? 1 : 0);
