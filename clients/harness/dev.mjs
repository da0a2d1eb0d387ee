// `strongroom dev` as a child process, on free ports.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const binary = resolve(process.env.STRONGROOM_BIN ?? join(root, "target/debug/strongroom"));

const READY_WITHIN_MS = 30_000;
const STOPPED_WITHIN_MS = 15_000;

/**
 * Starts `strongroom dev --json`. The result has the members of its one line, and `output`,
 * everything that it printed after that line.
 *
 * @param {{ data?: string, env?: Record<string, string> }} options `data` is the folder to
 *   keep the database in; without one nothing is kept.
 */
export async function startDev({ data, env = {} } = {}) {
  const [port, emulatorPort, demoPort] = await freePorts(3);
  const home = await mkdtemp(join(tmpdir(), "strongroom-dev-"));
  const storage = data ? ["--data", data] : ["--ephemeral"];
  const ports = ["--port", port, "--emulator-port", emulatorPort, "--demo-port", demoPort];
  const child = spawn(binary, ["dev", "--json", ...ports, ...storage].map(String), {
    cwd: home,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
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

/** Held all at once, so that no port is handed out twice. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve(server.address().port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function afterwards(milliseconds, value) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, value).unref());
}
