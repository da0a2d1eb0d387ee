// An application on a server: it has a secret, and its tokens never reach the browser.

import assert from "node:assert/strict";

import { beginLogin } from "./application.mjs";
import { fetchTrusting } from "./trust.mjs";

export const VAULT_EXCHANGE = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";
const REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token";
const FEDERATED_TOKEN = "http://auth0.com/oauth/token-type/federated-connection-access-token";

const MY_ACCOUNT_SCOPES = ["create", "read", "delete"].map((verb) => `${verb}:me:connected_accounts`).join(" ");

/** One request to Strongroom; the body is null where there is none. */
export async function call(dev, method, path, { token, json, form } = {}) {
  const url = new URL(path, dev.issuer).href;
  const request = {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(json && { "content-type": "application/json" }),
    },
    body: json ? JSON.stringify(json) : form && new URLSearchParams(form),
  };
  if (dev.ca) return fetchTrusting(dev.ca, url, request);
  const response = await fetch(url, request);
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

/** The answer of a request that has to succeed. */
export async function succeed(dev, method, path, content) {
  const { status, body } = await call(dev, method, path, content);
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Calls the Management API with every scope. */
export async function administrator(dev) {
  const { audience, ...client } = dev.management;
  const form = { ...client, audience, grant_type: "client_credentials" };
  const { access_token: token } = await succeed(dev, "POST", "oauth/token", { form });
  return (method, path, json) => succeed(dev, method, `api/v2/${path}`, { token, json });
}

/** The application `web` of `strongroom dev`, and one person who is logged in with it. */
export class ServerApplication {
  constructor(dev, callback) {
    this.dev = dev;
    this.client = dev.clients.web;
    this.callback = callback;
  }

  /** `arrive` is what the person does, from Strongroom's login page on. Returns the ID token. */
  async logIn(page, arrive) {
    const login = beginLogin({
      issuer: this.dev.issuer,
      clientId: this.client.client_id,
      callback: this.callback,
      scope: "openid email offline_access",
    });
    await page.goto(login.url);
    await arrive();
    await page.waitForURL(`${this.callback}?**`);
    const form = { ...Object.fromEntries(login.redemption(page.url())), ...this.client };
    const tokens = await succeed(this.dev, "POST", "oauth/token", { form });
    this.refreshToken = tokens.refresh_token;
    return tokens.id_token;
  }

  /** Connects an account; `consent` is what the person does at the provider. */
  async connect(page, connection, consent) {
    const redirect = { redirect_uri: this.callback };
    const begun = await this.myAccount("POST", "connect", { connection, ...redirect, state: "here" });
    const url = new URL(begun.connect_uri);
    url.searchParams.set("ticket", begun.connect_params.ticket);
    await page.goto(url.href);
    await consent();
    await page.waitForURL(`${this.callback}?**`);
    const answer = new URL(page.url()).searchParams;
    assert.equal(answer.get("state"), "here", page.url());
    const { auth_session } = begun;
    const completion = { auth_session, connect_code: answer.get("connect_code"), ...redirect };
    return this.myAccount("POST", "complete", completion);
  }

  /** The My Account API's answer about connected accounts. */
  async myAccount(method, path, json) {
    const token = await this.accessToken(`${this.dev.issuer}me/`, MY_ACCOUNT_SCOPES);
    return succeed(this.dev, method, `me/v1/connected-accounts/${path}`, { token, json });
  }

  /** The person's access token for an API. */
  async accessToken(audience, scope) {
    const form = {
      ...this.client,
      grant_type: "refresh_token",
      refresh_token: this.refreshToken,
      audience,
      scope,
    };
    return (await succeed(this.dev, "POST", "oauth/token", { form })).access_token;
  }

  /** Asks the vault for the provider's access token. */
  exchange(connection) {
    const form = {
      ...this.client,
      grant_type: VAULT_EXCHANGE,
      subject_token_type: REFRESH_TOKEN,
      subject_token: this.refreshToken,
      requested_token_type: FEDERATED_TOKEN,
      connection,
    };
    return call(this.dev, "POST", "oauth/token", { form });
  }
}
