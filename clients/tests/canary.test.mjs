// Every secret that there was is looked for where none may be: in all files of the data
// folder, while the server runs and after it has stopped, and in everything that it printed.

import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { openContext, watch } from "../harness/browser.mjs";
import { Demo, fillLogin } from "../harness/demo.mjs";
import { startDev } from "../harness/dev.mjs";
import { Emulator } from "../harness/emulator.mjs";
import { recordTokenRequests } from "../harness/wire.mjs";

test("no secret reaches the disk or the log in clear", { timeout: 120_000 }, async () => {
  const data = await mkdtemp(join(tmpdir(), "strongroom-canary-"));
  // The more it prints, the more the test shows.
  const dev = await startDev({ data, env: { RUST_LOG: "trace" } });
  const context = await openContext();
  try {
    const emulator = new Emulator(dev.emulator);
    const requests = recordTokenRequests(context, dev.issuer);
    const problems = watch(context, [
      { status: 400, path: "/u/login" },
      { status: 409, path: "/api/events" },
    ]);
    const mistyped = "almost-the-right-password";
    await live(context, dev, emulator, mistyped);
    assert.deepEqual(problems, []);

    const canaries = new Map([
      ...fromAnnouncement(dev),
      ...(await fromEmulator(emulator)),
      ...fromTokenRequests(await requests()),
      ...(await fromCookies(context)),
      ["a mistyped password", mistyped],
    ]);
    assert.ok(canaries.size > 20, [...canaries.keys()].join());

    const running = await contents(data);
    assert.ok(running.has("a database"), "the folder holds what is searched");
    assertClean(running, canaries);
    await dev.stop();
    assertClean(await contents(data), canaries);
    assertClean(new Map([["the output", Buffer.from(dev.output())]]), canaries);
  } finally {
    await context.close();
    await dev.stop();
    await rm(data, { recursive: true, force: true });
  }
});

/** One of everything that leaves traces. */
async function live(context, dev, emulator, mistyped) {
  const page = await context.newPage();
  const demo = new Demo(page, dev, emulator);
  await demo.open();
  await page.click("#login");
  await fillLogin(page, { ...demo.person, password: mistyped });
  await page.locator("[role=alert]").waitFor();
  await fillLogin(page, demo.person);
  await demo.isLoggedInAs(demo.person.email);

  await emulator.behave({
    access_token_lifetime_seconds: 1,
    refresh_tokens: { kind: "rotating", grace_seconds: 0 },
  });
  await demo.connect();
  await sleep(1500);
  await demo.events();
  await emulator.revoke("ada");
  await sleep(1500);
  await page.click("#events");
  await demo.shows(/Connect it again/);
  await demo.disconnect();
  await page.click("#events");
  await demo.shows("Connect your calendar first.");
}

function fromAnnouncement({ management, clients, users, emulator }) {
  const secrets = { management, ...clients };
  return [
    ...Object.entries(secrets)
      .filter(([, { client_secret }]) => client_secret)
      .map(([name, { client_secret }]) => [`the client secret of ${name}`, client_secret]),
    ...users.map(({ email, password }) => [`the password of ${email}`, password]),
    ...emulator.users.map(({ username, password }) => [`the provider password of ${username}`, password]),
  ];
}

async function fromEmulator(emulator) {
  const tokens = await emulator.tokens();
  return tokens.map(({ kind, value }, index) => [`the provider's ${kind} ${index}`, value]);
}

function fromTokenRequests(requests) {
  const names = ["code", "code_verifier", "refresh_token", "access_token", "id_token"];
  return requests.flatMap(({ form, body }, index) =>
    names
      .flatMap((name) => [[name, form[name]], [name, body[name]]])
      .filter(([, value]) => value)
      .map(([name, value]) => [`${name} of token request ${index}`, value]),
  );
}

async function fromCookies(context) {
  const cookies = await context.cookies();
  return cookies
    .filter(({ httpOnly }) => httpOnly)
    .map(({ name, value }) => [`the cookie ${name}`, value]);
}

async function contents(folder) {
  const files = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const bytes = await readFile(path);
    files.set(path, bytes);
    if (bytes.subarray(0, 15).toString() === "SQLite format 3") files.set("a database", bytes);
  }
  return files;
}

/** In clear, and in the two forms to which a careless hand might have encoded it. */
function assertClean(files, canaries) {
  const leaks = [];
  for (const [name, secret] of canaries) {
    const forms = [secret, Buffer.from(secret).toString("base64"), Buffer.from(secret).toString("hex")];
    for (const [path, bytes] of files) {
      if (forms.some((form) => bytes.includes(form.replace(/=+$/, "")))) leaks.push(`${name} in ${path}`);
    }
  }
  assert.deepEqual(leaks, []);
}
