// `strongroom dev --https --host`: the same server under a name, for SDKs that insist on https.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { beginLogin, startApplication } from "../harness/application.mjs";
import { launch, openContext, takePictures, watch } from "../harness/browser.mjs";
import { Demo, configure, fillLogin } from "../harness/demo.mjs";
import { startDev } from "../harness/dev.mjs";
import { Emulator } from "../harness/emulator.mjs";
import { fetchTrusting, switchesFor } from "../harness/trust.mjs";
import { claimsOf } from "../harness/wire.mjs";

const HOST = "acme.strongroom.test";
const TEST_TIMEOUT_MS = 60_000;

let dev;
let browser;

before(async () => {
  dev = await startDev({ httpsHost: HOST });
  browser = await launch(await switchesFor(dev.issuer, dev.ca));
});

after(async () => {
  await browser?.close();
  await dev?.stop();
});

test("Node trusts the server by the announced CA, and not without it", async () => {
  const metadata = new URL(".well-known/openid-configuration", dev.issuer).href;
  const { status, body } = await fetchTrusting(dev.ca, metadata);
  assert.equal(status, 200);
  assert.equal(body.issuer, dev.issuer);
  assert.equal(new URL(body.token_endpoint).origin, new URL(dev.issuer).origin);

  const { refused } = await fetchTrusting(null, metadata);
  assert.equal(refused, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
});

visit("a login under the host's name keeps its cookies to that host and to TLS", {}, async ({ context, page, application }) => {
  const { callback } = application;
  const login = beginLogin({ issuer: dev.issuer, clientId: dev.clients.spa.client_id, callback });
  await page.goto(login.url);
  assert.equal(new URL(page.url()).origin, new URL(dev.issuer).origin);
  await fillLogin(page, dev.users[0]);
  await page.waitForURL(`${callback}?**`);

  const cookies = await context.cookies(dev.issuer);
  const names = cookies.map(({ name }) => name).sort();
  assert.deepEqual(names, ["__Host-strongroom_browser", "__Host-strongroom_session"]);
  for (const { name, domain, path, secure, httpOnly } of cookies) {
    const expected = { domain: HOST, path: "/", secure: true, httpOnly: true };
    assert.deepEqual({ domain, path, secure, httpOnly }, expected, name);
  }
  assert.deepEqual(await redeemed(login, page), { iss: dev.issuer, email: dev.users[0].email });
});

visit("a login through the provider comes back to the host's name", {}, async ({ page, application, emulator }) => {
  const { callback } = application;
  const login = beginLogin({ issuer: dev.issuer, clientId: dev.clients.spa.client_id, callback });
  await page.goto(login.url);
  await page.click("[data-provider=calendar]");
  await emulator.signIn(page, "ada");
  await emulator.decide(page, "allow");
  await page.waitForURL(`${callback}?**`);
  const { email } = await emulator.latestIdentity();
  assert.deepEqual(await redeemed(login, page), { iss: dev.issuer, email });
});

// The demo is at home at plain http and its policy allows no other issuer; its API neither.
visit("the SDK logs in and connects under the host's name", { bypassCSP: true }, async ({ context, page, emulator }) => {
  await configure(context, dev.demo, { issuer: dev.issuer });
  const demo = new Demo(page, dev, emulator, dev.users[0]);
  await demo.logIn();
  await demo.connect();
  assert.equal(await demo.accounts().count(), 1);
  await demo.disconnect();
  await demo.logOut();
});

visit("plain http on localhost stays, with a session of its own", {}, async ({ context, page, emulator }) => {
  const demo = new Demo(page, dev, emulator, dev.users[0]);
  await demo.logIn();
  await demo.connect();
  assert.ok((await demo.events()).length > 0);
  const cookies = await context.cookies(dev.local_issuer);
  assert.ok(cookies.some(({ name, secure }) => name === "strongroom_session" && !secure));
  assert.deepEqual(await context.cookies(dev.issuer), []);
});

/** A test with a browser profile of its own. */
function visit(name, options, act) {
  test(name, { timeout: TEST_TIMEOUT_MS }, async () => {
    const application = await startApplication();
    const context = await openContext(browser, options);
    try {
      const problems = [];
      watch(context, problems);
      const page = await context.newPage();
      await act({ context, page, application, emulator: new Emulator(dev) });
      assert.deepEqual(problems, []);
    } catch (error) {
      await takePictures([context], name);
      throw error;
    } finally {
      await context.close();
      application.close();
    }
  });
}

/** Who issued the ID token, and to whom. */
async function redeemed(login, page) {
  const url = new URL("oauth/token", dev.issuer).href;
  const { status, body } = await fetchTrusting(dev.ca, url, { method: "POST", body: login.redemption(page.url()) });
  assert.equal(status, 200, JSON.stringify(body));
  const { iss, email } = claimsOf(body.id_token);
  return { iss, email };
}
