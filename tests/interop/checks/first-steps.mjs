// The programs of docs/CLIENTS.md, as they stand there: each shows the bids of a lot, also those that
// come while the server restarts.
import { execFile, spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import puppeteer from "puppeteer-core";
import { Server, token } from "../server.mjs";
import { browserPath } from "./playground.mjs";

const DOCS = join(import.meta.dirname, "../../../docs/CLIENTS.md");
const PACKAGE = join(import.meta.dirname, "../../../clients/typescript");

/** The block that follows a file's name, for a server. */
async function block(name, server) {
  const text = await readFile(DOCS, "utf8");
  const found = new RegExp(`<!-- ${name} -->\n\`\`\`\\w+\n([^]*?)\n\`\`\``).exec(text);
  if (!found) throw new Error(`docs/CLIENTS.md has no ${name}`);
  return found[1].replaceAll("127.0.0.1:8080", server.address);
}

const missing = (what) => Object.assign(new Error(what), { cannotRun: true });

const has = (tool, ...flags) => promisify(execFile)(tool, flags).then(() => true, () => false);

/** Runs a program, and expects it to print three bids; the server restarts after the first. */
async function program(server, lot, command, flags, options = {}) {
  const child = spawn(command, flags, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let failure = "";
  child.stderr.on("data", (data) => { failure += data; });
  const seen = [];
  try {
    await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`${command} ended with ${code}: ${failure}`)));
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (!/^\d+ \d+ \S+$/.test(line)) return;
        seen.push(line);
        const [sequence] = line.split(" ");
        const next = async () => {
          if (sequence === "1") await server.restart();
          if (sequence !== "3") await server.bid(lot, 1000 + 100 * Number(sequence), "zoe");
          else resolve();
        };
        next().catch(reject);
      });
    });
  } finally {
    child.removeAllListeners("exit");
    child.kill();
  }
  const expected = [["1", "1000"], ["2", "1100"], ["3", "1200"]];
  const found = seen.map((line) => line.split(" ").slice(0, 2));
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`printed ${seen.join("; ")}`);
}

/** Runs with a server of its own, and a file of the docs in a folder of its own. */
async function withFile(name, { folder = tmpdir(), flags = [] } = {}, use) {
  const server = await Server.start({ flags });
  const directory = await mkdtemp(join(folder, "first-"));
  try {
    const lot = await server.auction();
    const file = join(directory, name);
    await writeFile(file, await block(name, server));
    await use({ server, lot, file });
  } finally {
    await rm(directory, { recursive: true });
    await server.stop();
  }
}

async function node() {
  // Inside the package, where its own name leads to it. Older versions have no WebSocket of their own.
  const isOld = Number(process.versions.node.split(".")[0]) < 22;
  const flags = isOld ? ["--experimental-websocket"] : [];
  await withFile("bids.mjs", { folder: PACKAGE }, async ({ server, lot, file }) => {
    const env = { ...process.env, TOKEN: token("ann", ["bidder"]) };
    await program(server, lot, process.execPath, [...flags, file], { env });
  });
}

async function python() {
  await withFile("bids.py", {}, async ({ server, lot, file }) => {
    await server.bid(lot, 1000, "zoe");
    await program(server, lot, join(import.meta.dirname, "../venv/bin/python"), [file]);
  });
}

async function go() {
  if (!(await has("go", "version"))) throw missing("Go was not found");
  await withFile("bids.go", {}, async ({ server, lot, file }) => {
    await server.bid(lot, 1000, "zoe");
    const binary = file.replace(/\.go$/, "");
    await promisify(execFile)("go", ["build", "-o", binary, file], { env: { ...process.env, GO111MODULE: "off" } });
    await program(server, lot, binary, [lot]);
  });
}

async function browser() {
  const executablePath = await browserPath();
  let page = "";
  const files = createServer((_, response) => response.setHeader("content-type", "text/html").end(page));
  await new Promise((resolve) => files.listen(0, "127.0.0.1", resolve));
  const origin = `http://localhost:${files.address().port}`;
  const chromium = await puppeteer.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    await withFile("bids.html", { flags: ["--allow-origin", origin] }, async ({ server, lot, file }) => {
      page = await readFile(file, "utf8");
      await server.bid(lot, 1000, "zoe");
      const tab = await chromium.newPage();
      await tab.goto(`${origin}/bids.html`);
      const shows = (text) => tab.waitForFunction(
        (text) => document.querySelector("ol").innerText === text, { timeout: 20_000, polling: 50 }, text);
      await shows("1000 by zoe");
      await server.restart();
      await server.bid(lot, 1100, "zoe");
      await shows("1000 by zoe\n1100 by zoe");
    });
  } finally {
    await chromium.close();
    files.close();
  }
}

export async function run() {
  const done = [];
  const left = [];
  for (const [name, check] of [["Node", node], ["Python", python], ["Go", go], ["a browser", browser]]) {
    try {
      await check();
      done.push(name);
    } catch (error) {
      if (!error.cannotRun) throw new Error(`${name}: ${error.message}`, { cause: error });
      left.push(`${name} (${error.message})`);
    }
  }
  if (left.length) throw missing(`not in ${left.join(", ")}; ran in ${done.join(", ")}`);
  return `in ${done.join(", ")}: bids across a restart`;
}
