// `strongroom dev` as a child process, on free ports.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const binary = resolve(process.env.STRONGROOM_BIN ?? join(root, "target/debug/strongroom"));

const READY_WITHIN_MS = 30_000;
const STOPPED_WITHIN_MS = 15_000;

/**
 * Starts `strongroom dev --json`. The result has the members of its one line, `output()`:
 * everything that it printed after that line, and `stop()`.
 *
 * @param {object} options
 * @param {string} [options.data] the folder to keep the database in; without one nothing is kept
 * @param {string[]} [options.people] e-mail addresses of further users
 * @param {string} [options.httpsHost] the host to serve https for, beside http
 * @param {Record<string, string>} [options.env] further environment variables
 */
export async function startDev({ data, people = [], httpsHost, env = {} } = {}) {
  const home = await mkdtemp(join(tmpdir(), "strongroom-dev-"));
  const seed = join(home, "seed.toml");
  // JSON's strings are TOML's.
  await writeFile(seed, people.map((email) => `[[users]]\nemail = ${JSON.stringify(email)}\n`).join(""));
  const child = spawn(
    binary,
    [
      ...["dev", "--json", "--seed", seed],
      ...["--port", "0", "--emulator-port", "0", "--demo-port", "0"],
      ...(data ? ["--data", data] : ["--ephemeral"]),
      ...(httpsHost ? ["--https", "--host", httpsHost, "--http-port", "0"] : []),
    ],
    { cwd: home, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const printed = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => (printed[stream] += text));
  }
  const exited = new Promise((resolve) => child.once("close", resolve));
  const failed = new Promise((_, reject) => child.once("error", reject));

  async function stop() {
    child.kill("SIGTERM");
    const stopped = await Promise.race([exited, afterwards(STOPPED_WITHIN_MS, "late")]);
    if (stopped === "late") {
      child.kill("SIGKILL");
      throw new Error(`strongroom dev did not stop:\n${printed.stderr}`);
    }
    await rm(home, { recursive: true, force: true });
  }

  try {
    const line = await Promise.race([firstLine(child, printed), exited, failed, afterwards(READY_WITHIN_MS)]);
    if (typeof line !== "string") throw new Error(`strongroom dev is not ready:\n${printed.stderr}`);
    const announced = JSON.parse(line);
    const output = () => printed.stdout.slice(line.length + 1) + printed.stderr;
    return { ...announced, output, stop };
  } catch (error) {
    child.kill("SIGKILL");
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

function firstLine(child, printed) {
  return new Promise((resolve) => {
    child.stdout.on("data", () => {
      const end = printed.stdout.indexOf("\n");
      if (end >= 0) resolve(printed.stdout.slice(0, end));
    });
  });
}

function afterwards(milliseconds, value) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, value).unref());
}
