// The provider emulator: its controls, and its pages as a person uses them.

import { setInterval } from "node:timers/promises";

import { claimsOf } from "./wire.mjs";

const EXPIRED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;

export class Emulator {
  /**
   * @param {object} announced what `strongroom dev --json` printed
   * @param {{ issuer: string, users: { username: string, password: string }[] }} announced.emulator
   * @param {{ url: string, secret: string }} announced.control
   */
  constructor({ emulator: { issuer, users }, control }) {
    this.issuer = issuer;
    this.users = users;
    this.control = control;
  }

  user(username) {
    const user = this.users.find((one) => one.username === username);
    if (!user) throw new Error(`the emulator has no user ${username}`);
    return user;
  }

  /** As it was when it started; only `tokens()` still tells what it had issued. */
  async reset() {
    await this.#call("POST", "reset");
  }

  /** What was asked of the provider, counted. */
  async stats() {
    return (await this.#call("GET", "stats")).total;
  }

  /** How often each of its endpoints was called, whatever became of it. */
  async requests() {
    return (await this.#call("GET", "stats")).requests;
  }

  /** How often the calendar was read, by subject. */
  async calendarReads() {
    const { users } = await this.#call("GET", "stats");
    return Object.fromEntries(Object.entries(users).map(([sub, { calendar }]) => [sub, calendar]));
  }

  /** Subject and e-mail of the user who most recently allowed an application in. */
  async latestIdentity() {
    const idTokens = (await this.tokens()).filter(({ kind }) => kind === "id_token");
    const { sub, email } = claimsOf(idTokens.at(-1).value);
    return { sub, email };
  }

  /** Every code and token that was ever issued. */
  async tokens() {
    return (await this.#call("GET", "tokens")).tokens;
  }

  /** Waits until every access token that was issued has expired. */
  async accessTokensAreOver() {
    const deadline = Date.now() + EXPIRED_WITHIN_MS;
    for await (const _ of setInterval(LOOK_EVERY_MS)) {
      const tokens = await this.tokens();
      if (!tokens.some(({ kind, active }) => kind === "access_token" && active)) return;
      if (Date.now() > deadline) throw new Error("the provider's access tokens do not expire");
    }
  }

  /** Changes how the OpenID provider treats its tokens, from the next one on. */
  async behave(changes) {
    const { oidc } = await this.#call("GET", "behaviours");
    await this.#call("PUT", "behaviours/oidc", { ...oidc, ...changes });
  }

  /** As if the person had withdrawn the application's access. */
  async revoke(username) {
    await this.#call("POST", "revoke", { user: username });
  }

  async #call(method, command, body) {
    const { url, secret } = this.control;
    const response = await fetch(new URL(`_emulator/${command}`, url), {
      method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} _emulator/${command}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** On the provider's sign-in page. */
  async signIn(page, username) {
    const { password } = this.user(username);
    await page.waitForURL((url) => url.href.startsWith(this.issuer));
    await page.fill("#username", username);
    await page.fill("#password", password);
    await page.click("button[type=submit]");
  }

  /** Makes the provider forget who was signed in with this browser. */
  async signOut(context) {
    await context.clearCookies({ name: "emulator_browser" });
  }

  /** On the provider's consent page. */
  async decide(page, decision) {
    await page.click(`button[name=decision][value=${decision}]`);
  }
}
