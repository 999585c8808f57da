// AppSync's own clients, in a process of their own: it trusts a certificate that is made here.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificate } from "../appsync/v4/certificate.mjs";

export async function run() {
  const directory = await mkdtemp(join(tmpdir(), "gavel-appsync-"));
  const { cert } = await certificate(directory);
  const script = join(import.meta.dirname, "..", "appsync", "run.mjs");
  const child = spawn(process.execPath, [script, directory], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: cert },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (text) => { said += text; process.stdout.write(text); });
  const code = await new Promise((resolve) => child.once("close", resolve));
  await rm(directory, { recursive: true });
  const last = said.trim().split("\n").at(-1);
  if (code !== 0) throw new Error(last);
  return `Amplify 6, link 4, link 3, gql: ${last}`;
}
