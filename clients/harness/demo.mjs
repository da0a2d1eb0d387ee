// The demo page, the way a person uses it.

import assert from "node:assert/strict";

export class Demo {
  /**
   * @param {import("playwright-core").Page} page
   * @param {object} dev what `strongroom dev` announced
   * @param {import("./emulator.mjs").Emulator} emulator
   * @param {{ email: string, password: string }} person who sits in front of it
   */
  constructor(page, dev, emulator, person) {
    this.page = page;
    this.url = dev.demo;
    this.emulator = emulator;
    this.person = person;
  }

  async open() {
    await this.page.goto(this.url);
    await this.isAtRest();
  }

  async reload() {
    await this.page.reload();
    await this.isAtRest();
  }

  /** From the first visit to being logged in. */
  async logIn(person = this.person) {
    await this.open();
    await this.page.click("#login");
    await fillLogin(this.page, person);
    await this.shows("You are logged in.");
    await this.isLoggedInAs(person.email);
  }

  /** From being logged in to a connected calendar of the provider's user. */
  async connect(username = "ada") {
    await this.page.click("#connect");
    await this.consent(username);
    await this.shows("Your calendar is connected.");
  }

  /** At the provider. */
  async consent(username = "ada") {
    await this.emulator.signIn(this.page, username);
    await this.emulator.decide(this.page, "allow");
  }

  /** Asks for the events; the page then shows them, or why there are none. */
  async askForEvents({ account = "" } = {}) {
    await this.page.fill("#account", account);
    await this.page.click("#events");
    await this.isAtRest();
  }

  /** Asks for the events, and returns what the page then shows: their titles. */
  async events(choice) {
    await this.askForEvents(choice);
    await this.shows(/^\d+ events\.$/);
    return this.page.locator("#event-list li span").allTextContents();
  }

  accounts() {
    return this.page.locator("#accounts li");
  }

  async disconnect() {
    await this.accounts().first().locator(".disconnect").click();
    await this.isAtRest();
    await this.shows(/^Disconnected/);
  }

  async logOut() {
    await this.page.click("#logout");
    await this.isLoggedOut();
    assert.equal(this.page.url(), this.url);
  }

  /** As if nobody had ever logged in at this page; Strongroom's own session stays. */
  async forgetLogin() {
    await this.page.evaluate(() => localStorage.clear());
    // By these the SDK remembers that silent authentication may succeed.
    await this.page.context().clearCookies({ name: /^(_legacy_)?auth0\./ });
    await this.open();
    await this.isLoggedOut();
  }

  async isLoggedInAs(email) {
    await this.page.locator("#logout").waitFor();
    assert.equal(await this.page.locator("#user").textContent(), email);
    await this.isAtRest();
  }

  async isLoggedOut() {
    await this.page.locator("#login").waitFor();
    assert.equal(await this.page.locator("#logout").isVisible(), false);
  }

  /** Waits until the page tells the person this. */
  async shows(message) {
    await this.page.locator("#status").filter({ hasText: message }).waitFor();
  }

  /** Waits until nothing is under way. */
  async isAtRest() {
    await this.page.locator("main[aria-busy=false]").waitFor();
  }
}

/** As if the demo had been configured so. */
export async function configure(context, demo, changes) {
  await context.route(new URL("config.json", demo).href, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), ...changes } });
  });
}

/** On Strongroom's page that asks whoever brings a connect link and is not logged in. */
export async function answerConnectPage(page, answer) {
  await page.click(`button[name=action][value=${answer}]`);
}

/** On Strongroom's login page. */
export async function fillLogin(page, { email, password }) {
  await page.fill("input#username", email);
  await page.fill("input#password", password);
  await page.click("button[type=submit][name=action]");
}
