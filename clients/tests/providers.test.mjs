// OpenID providers that are not ours, and that rotate their refresh tokens: from the connection
// that an administrator makes to the grant that ends with the account.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { startApplication } from "../harness/application.mjs";
import { openContext, sharedBrowser, takePictures, watch } from "../harness/browser.mjs";
import { fillLogin } from "../harness/demo.mjs";
import { startDev } from "../harness/dev.mjs";
import { ServerApplication, administrator } from "../harness/server_application.mjs";
import { claimsOf } from "../harness/wire.mjs";
import * as djangoOauthToolkit from "../providers/django_oauth_toolkit.mjs";
import * as oidcProvider from "../providers/oidc_provider.mjs";

const TEST_TIMEOUT_MS = 120_000;
const HAPPENS_WITHIN_MS = 15_000;
/** So short that each exchange renews them. */
const SHORT_SECONDS = 20;
const LONG_SECONDS = 3600;
const ROUNDS = 4;
const AT_ONCE = 20;

let dev;
let application;

before(async () => {
  dev = await startDev();
  application = await startApplication();
});

after(async () => {
  application?.close();
  await dev?.stop();
});

withProvider("oidc-provider", oidcProvider);
withProvider("oidc-provider-by-key", { ...oidcProvider, start: oidcProvider.startWithKeys });
withProvider("django-oauth-toolkit", djangoOauthToolkit);

function withProvider(name, { start, missing }) {
  // On CI a test that cannot run has failed.
  const skip = process.env.CI === "true" ? false : missing;
  test(name, { timeout: TEST_TIMEOUT_MS, skip }, async (t) => {
    assert.equal(missing, undefined, missing);
    const provider = await start(new URL("login/callback", dev.issuer).href);
    try {
      await administer(name, provider);
      await t.test("a person logs in with it", () => visit(name, (page) => logIn(page, name, provider)));
      await visit(name, (page) => keep(t, page, name, provider));
    } finally {
      await provider.stop();
    }
  });
}

/** Makes the connection; the provider tells the rest about itself. */
async function administer(name, provider) {
  const manage = await administrator(dev);
  const made = await manage("POST", "connections", {
    name,
    strategy: "oidc",
    options: { ...provider.options, type: "back_channel", revoke_on_disconnect: true },
    authentication: { active: true },
    connected_accounts: { active: true },
    enabled_clients: [dev.clients.web.client_id],
  });
  assert.equal(made.options.oidc_metadata.issuer, provider.issuer);
  if (provider.register) {
    const keys = await manage("POST", `connections/${made.id}/keys`, {});
    provider.register(keys.map(({ jwk }) => jwk));
  }
}

async function logIn(page, name, provider) {
  const arrive = async () => {
    await page.click(`[data-provider=${name}]`);
    await provider.allow(page, "grace");
  };
  const idToken = await new ServerApplication(dev, application.callback).logIn(page, arrive);
  const { iss, sub } = claimsOf(idToken);
  assert.equal(iss, dev.issuer);
  assert.ok(sub.startsWith(`oidc|${name}|`), sub);
}

/** The life of a connected account. */
async function keep(t, page, connection, provider) {
  const app = new ServerApplication(dev, application.callback);
  await app.logIn(page, () => fillLogin(page, dev.users[0]));
  const consent = () => provider.allow(page, "ada");
  const token = async () => {
    const { status, body } = await app.exchange(connection);
    assert.equal(status, 200, JSON.stringify(body));
    return body.access_token;
  };
  const shownBy = (accessToken) => ask(provider.userinfo, accessToken);
  const isOver = (accessToken) => until(async () => (await shownBy(accessToken)).status === 401);

  await t.test("an account is connected, and its token serves at the provider", async () => {
    await provider.accessTokensLast(SHORT_SECONDS);
    const account = await app.connect(page, connection, consent);
    assert.equal(account.connection, connection);
    const { status, body } = await shownBy(await token());
    assert.equal(status, 200);
    assert.equal(body.email.split("@")[0], "ada");
  });

  await t.test("its refresh token rotates, time and again", async () => {
    const tokens = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      tokens.push(await token());
      assert.equal((await shownBy(tokens.at(-1))).status, 200);
    }
    assert.equal(new Set(tokens).size, ROUNDS);
    const { refreshes, rotations, refused } = await provider.counts();
    assert.ok(rotations >= ROUNDS, `${rotations} rotations`);
    assert.deepEqual({ refreshes, refused }, { refreshes: rotations, refused: 0 });
  });

  await t.test("a grant that was withdrawn at the provider is refused, with a way back", async () => {
    await provider.accessTokensLast(1);
    const last = await token();
    await provider.withdraw("ada");
    await isOver(last);
    const { status, body } = await until(async () => {
      const answer = await app.exchange(connection);
      return answer.status !== 200 && answer;
    });
    assert.equal(status, 401, JSON.stringify(body));
    assert.equal(body.error, "federated_connection_refresh_token_flow_failed");
    assert.equal((await healthOf(app)).status, "needs_reconnect");

    await provider.accessTokensLast(SHORT_SECONDS);
    await page.goto(body.reconnect_uri);
    await consent();
    await page.waitForURL((url) => url.href.startsWith(dev.issuer));
    assert.equal((await healthOf(app)).reason, undefined);
    await token();
  });

  await t.test(`${AT_ONCE} exchanges at once of a token that ended are one refresh`, async () => {
    await provider.accessTokensLast(1);
    const last = await token();
    // From here on one refresh is enough, whoever comes first: a caller, or the vault by itself.
    const before = await provider.accessTokensLast(LONG_SECONDS);
    await isOver(last);
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, token));
    assert.equal(new Set(answers).size, 1);
    assert.equal((await shownBy(answers[0])).status, 200);
    const { refreshes, refused } = await provider.counts();
    assert.deepEqual({ refreshes, refused }, { refreshes: before.refreshes + 1, refused: before.refused });
  });

  await t.test("disconnecting ends the grant at the provider", async () => {
    const last = await token();
    assert.equal((await shownBy(last)).status, 200);
    const { accounts } = await app.myAccount("GET", "accounts");
    assert.equal(accounts.length, 1);
    await app.myAccount("DELETE", `accounts/${accounts[0].id}`);
    await isOver(last);
    assert.ok((await provider.counts()).revocations > 0);
    const { status, body } = await app.exchange(connection);
    assert.equal(status, 401);
    assert.equal(body.error, "federated_connection_refresh_token_not_found");
  });
}

/** How the person's one account is doing. */
async function healthOf(app) {
  const { accounts } = await app.myAccount("GET", "accounts");
  assert.equal(accounts.length, 1);
  return accounts[0].health;
}

/** A test with a browser profile of its own. */
async function visit(name, act) {
  const context = await openContext(await sharedBrowser());
  try {
    const problems = [];
    watch(context, problems);
    // A provider's page may want a font from the internet.
    const isElsewhere = ({ hostname }) => hostname !== "localhost";
    await context.route(isElsewhere, (route) => route.fulfill({ contentType: "text/css", body: "" }));
    await act(await context.newPage());
    assert.deepEqual(problems, []);
  } catch (error) {
    await takePictures([context], name);
    throw error;
  } finally {
    await context.close();
  }
}

/** What the provider's userinfo endpoint answers to a token. */
async function ask(userinfo, accessToken) {
  const response = await fetch(userinfo, { headers: { authorization: `Bearer ${accessToken}` } });
  const text = await response.text();
  return { status: response.status, body: response.ok ? JSON.parse(text) : text };
}

/** Waits for something true, and returns it. */
async function until(look) {
  const deadline = Date.now() + HAPPENS_WITHIN_MS;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    assert.ok(Date.now() < deadline, `not within ${HAPPENS_WITHIN_MS} ms: ${look}`);
    await setTimeout(50);
  }
}
