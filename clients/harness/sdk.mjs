// A program of `sdks/` in a process of its own: SDKs read when they start whom they believe.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { python } from "./python.mjs";

/** Starts the program for the server, whose local CA it believes by the usual variables. */
export function startSdk(program, dev) {
  const file = fileURLToPath(new URL(`../sdks/${program}`, import.meta.url));
  const place = JSON.stringify({ domain: new URL(dev.issuer).host, management: dev.management });
  const child = spawn(program.endsWith(".py") ? python : process.execPath, [file, place], {
    env: {
      ...process.env,
      NODE_EXTRA_CA_CERTS: dev.ca,
      // The Authentication API's HTTP client, and the Management API's.
      REQUESTS_CA_BUNDLE: dev.ca,
      SSL_CERT_FILE: dev.ca,
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  return {
    /** Gives one order, and returns what came of it. */
    async order(act, parameters) {
      child.stdin.write(`${JSON.stringify({ act, ...parameters })}\n`);
      const { value, done } = await answers.next();
      assert.ok(!done, `${program} ended while it was to ${act}`);
      return JSON.parse(value);
    },

    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}
