// Every secret that there was is looked for where none may be: in all files of the data
// folder, while the server runs and after it has stopped, and in everything that it printed.

import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { openContext, sharedBrowser, watch } from "../harness/browser.mjs";
import { Demo, fillLogin } from "../harness/demo.mjs";
import { startDev } from "../harness/dev.mjs";
import { Emulator } from "../harness/emulator.mjs";
import { recordTokenRequests } from "../harness/wire.mjs";

test("no secret reaches the disk or the log in clear", { timeout: 120_000 }, async () => {
  const data = await mkdtemp(join(tmpdir(), "strongroom-canary-"));
  // The more it prints, the more the test shows.
  const dev = await startDev({ data, env: { STRONGROOM_LOG: "trace" } });
  const context = await openContext(await sharedBrowser());
  try {
    const emulator = new Emulator(dev);
    const requests = recordTokenRequests(context, dev.issuer);
    const connecting = recordConnecting(context);
    const problems = [];
    watch(context, problems, [
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
      ...connecting,
      ...(await fromCookies(context)),
      ["a mistyped password", mistyped],
    ]);
    const names = [...canaries.keys()].join();
    assert.ok(canaries.size > 20, names);
    for (const name of ["ticket", "code", "connect_code", "auth_session"]) assert.ok(canaries.has(name), names);

    const running = await contents(data);
    assert.ok(running.has("a database"), "the folder holds what is searched");
    assertClean(running, canaries);
    await dev.stop();
    assertClean(await contents(data), canaries);
    assert.match(dev.output(), /reconnect_required/, "the output tells of what happened");
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
  const demo = new Demo(page, dev, emulator, dev.users[0]);
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
  await emulator.accessTokensAreOver();
  await demo.events();
  await emulator.accessTokensAreOver();
  await emulator.revoke("ada");
  await demo.askForEvents();
  await demo.shows(/Connect it again/);
  await demo.disconnect();
  await demo.askForEvents();
  await demo.shows("Connect your calendar first.");
}

/** What goes through the browser's address bar, and what a connection is completed with. */
function recordConnecting(context) {
  const seen = new Map();
  context.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    for (const name of ["ticket", "code", "connect_code"]) {
      if (searchParams.has(name)) seen.set(name, searchParams.get(name));
    }
    if (pathname === "/me/v1/connected-accounts/complete") {
      seen.set("auth_session", request.postDataJSON().auth_session);
    }
  });
  return seen;
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
