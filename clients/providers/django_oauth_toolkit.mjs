// django-oauth-toolkit in a process of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { missing, python } from "../harness/python.mjs";

const program = fileURLToPath(new URL("django_oauth_toolkit.py", import.meta.url));

export { missing };

/** Starts it for the client that is called back at `redirectUri`. */
export async function start(redirectUri) {
  const folder = await mkdtemp(join(tmpdir(), "strongroom-django-"));
  const child = spawn(python, [program, folder, redirectUri], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const line = once(createInterface({ input: child.stdout }), "line");
  const ended = exited.then(([code]) => Promise.reject(new Error(`the Django provider ended with ${code}`)));
  const [announced] = await Promise.race([line, ended]);
  ended.catch(() => {});
  const { origin, password, client } = JSON.parse(announced);
  const issuer = `${origin}/o`;

  async function control(name, body) {
    const asked = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${origin}/_test/${name}`, asked);
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    return response;
  }

  return {
    issuer,
    userinfo: `${issuer}/userinfo/`,
    options: {
      ...client,
      issuer,
      scope: "openid email",
      // Its discovery document leaves this one out.
      revocation_endpoint: `${issuer}/revoke_token/`,
    },
    counts: async () => (await control("counts")).json(),
    accessTokensLast: async (seconds) => (await control("lifetime", seconds)).json(),
    withdraw: (username) => control("withdraw", username),

    async allow(page, username) {
      await page.waitForURL((url) => url.origin === origin);
      if (await page.locator("input[name=username]").isVisible()) {
        await page.fill("input[name=username]", username);
        await page.fill("input[name=password]", password);
        await page.click("button[type=submit]");
      }
      await page.click("input[name=allow]");
    },

    async stop() {
      child.kill();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
