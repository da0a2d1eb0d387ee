// The three exchanges of the vault by SDKs as they are published, over `strongroom dev --https`.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startApplication } from "../harness/application.mjs";
import { launch, openContext, watch } from "../harness/browser.mjs";
import { fillLogin } from "../harness/demo.mjs";
import { startDev } from "../harness/dev.mjs";
import { Emulator } from "../harness/emulator.mjs";
import { missing } from "../harness/python.mjs";
import { startSdk } from "../harness/sdk.mjs";
import { ServerApplication, VAULT_EXCHANGE } from "../harness/server_application.mjs";
import { switchesFor } from "../harness/trust.mjs";
import { generateKeys, vaultRequest } from "../harness/worker.mjs";

const TEST_TIMEOUT_MS = 60_000;

const REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const JWT = "urn:ietf:params:oauth:token-type:jwt";
const FEDERATED_TOKEN = "http://auth0.com/oauth/token-type/federated-connection-access-token";
const VAULT_TOKEN = "http://auth0.com/oauth/token-type/token-vault-access-token";

const CALENDAR_SCOPES = ["openid", "profile", "email", "offline_access", "read:calendar"];
const HERE = ["127.0.0.1", "::1"];
const ELSEWHERE = ["192.0.2.0/28"];

let dev;
/** A person who has connected the calendar, by what their applications hold. */
let person;

before(async () => {
  dev = await startDev({ httpsHost: "localhost" });
  person = await connectSomebody();
});

after(async () => dev?.stop());

withSdk("auth0", { program: "auth0.mjs", failure: "AuthApiError" });
withSdk("@auth0/auth0-auth-js", { program: "auth0_auth_js.mjs", failure: "TokenExchangeError" });
withSdk("auth0-python", { program: "auth0_python.py", failure: "Auth0Error", missing });

function withSdk(name, { program, failure, missing }) {
  // On CI a test that cannot run has failed.
  const skip = process.env.CI === "true" ? false : missing;
  test(name, { timeout: TEST_TIMEOUT_MS, skip }, async (t) => {
    assert.equal(missing, undefined, missing);
    const sdk = startSdk(program, dev);
    try {
      await exchangeThrice(t, sdk, failure);
    } finally {
      await sdk.stop();
    }
  });
}

async function exchangeThrice(t, sdk, failure) {
  const { calendar: connection } = dev.connections;
  const { web, api } = dev.clients;

  async function serves(requested, parameters) {
    const exchange = { connection, requested_token_type: requested, ...parameters };
    const { answer, refusal } = await sdk.order("exchange", exchange);
    assert.equal(refusal, undefined, JSON.stringify(refusal));
    assert.equal(answer.issued_token_type, requested);
    const headers = { authorization: `Bearer ${answer.access_token}` };
    const events = await fetch(new URL("calendar/events", dev.emulator.issuer), { headers });
    assert.equal(events.status, 200);
  }

  async function refuses(status, code, requested, parameters) {
    const exchange = { connection, requested_token_type: requested, ...parameters };
    const { refusal } = await sdk.order("exchange", exchange);
    assert.deepEqual(refusal, { type: failure, status, code });
  }

  await t.test("a web application brings its refresh token", async () => {
    const bringing = { client: web, subject_token_type: REFRESH_TOKEN, subject_token: person.refreshToken };
    await serves(FEDERATED_TOKEN, bringing);
    const unknown = { ...bringing, login_hint: "nobody@strongroom.test" };
    await refuses(401, "federated_connection_refresh_token_not_found", FEDERATED_TOKEN, unknown);
  });

  await t.test("an API brings the access token of its caller", async () => {
    const bringing = { client: api, subject_token_type: ACCESS_TOKEN, subject_token: person.accessToken };
    await serves(FEDERATED_TOKEN, bringing);
    const tampered = { ...bringing, subject_token: `${person.accessToken.slice(0, -8)}AAAAAAAA` };
    await refuses(401, "invalid_token", FEDERATED_TOKEN, tampered);
  });

  await t.test("a privileged worker brings a request that it signed", async () => {
    const authentication = generateKeys();
    const requests = generateKeys();
    const { client_id, kid } = await sdk.order("makeWorker", {
      name: "Nightly sync",
      grant_type: VAULT_EXCHANGE,
      authentication_pem: authentication.publicKey,
      request_pem: requests.publicKey,
      ip_allowlist: HERE,
      grants: [{ connection, scopes: CALENDAR_SCOPES }],
    });
    const signing = { issuer: dev.issuer, clientId: client_id, key: requests.privateKey, kid };
    const bringing = (subject) => ({
      client: { client_id, key: authentication.privateKey },
      subject_token_type: JWT,
      subject_token: subject,
    });
    const anew = () => bringing(vaultRequest({ ...signing, userId: person.userId }));

    const once = anew();
    await serves(VAULT_TOKEN, once);
    await refuses(401, "invalid_token", VAULT_TOKEN, once);
    await sdk.order("confine", { client_id, ip_allowlist: ELSEWHERE });
    await refuses(403, "access_denied", VAULT_TOKEN, anew());
    await sdk.order("confine", { client_id, ip_allowlist: HERE });
    await serves(VAULT_TOKEN, anew());
  });
}

async function connectSomebody() {
  const browser = await launch(await switchesFor(dev.issuer, dev.ca));
  const application = await startApplication();
  try {
    const problems = [];
    const context = await openContext(browser);
    watch(context, problems);
    const page = await context.newPage();
    const app = new ServerApplication(dev, application.callback);
    await app.logIn(page, () => fillLogin(page, dev.users[0]));
    const emulator = new Emulator(dev);
    await app.connect(page, dev.connections.calendar, async () => {
      await emulator.signIn(page, "ada");
      await emulator.decide(page, "allow");
    });
    assert.deepEqual(problems, []);
    const accessToken = await app.accessToken(dev.resource_server, "read:calendar");
    return { userId: dev.users[0].user_id, refreshToken: app.refreshToken, accessToken };
  } finally {
    await browser.close();
    application.close();
  }
}
