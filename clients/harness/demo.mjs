// The demo page, the way a person uses it.

import assert from "node:assert/strict";

export class Demo {
  /**
   * @param {import("playwright-core").Page} page
   * @param {object} dev what `strongroom dev` announced
   * @param {import("./emulator.mjs").Emulator} emulator
   */
  constructor(page, dev, emulator) {
    this.page = page;
    this.url = dev.demo;
    this.issuer = dev.issuer;
    this.person = dev.users[0];
    this.emulator = emulator;
  }

  async open() {
    await this.page.goto(this.url);
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
    await this.startConnecting();
    await this.emulator.signIn(this.page, username);
    await this.emulator.decide(this.page, "allow");
    await this.shows("Your calendar is connected.");
  }

  /** Up to the provider's sign-in page. */
  async startConnecting() {
    await this.page.click("#connect");
    await answerConnectPage(this.page, "accept");
  }

  /** Asks for the events, and returns what the page then shows: their titles. */
  async events({ account = "" } = {}) {
    await this.page.fill("#account", account);
    await this.page.click("#events");
    await this.shows(/^\d+ events\.$/);
    return this.page.locator("#event-list li span").allTextContents();
  }

  accounts() {
    return this.page.locator("#accounts li");
  }

  async disconnect() {
    await this.accounts().first().locator(".disconnect").click();
    await this.shows(/^Disconnected/);
  }

  async logOut() {
    await this.page.click("#logout");
    await this.page.waitForURL(this.url);
    await this.isLoggedOut();
  }

  async isLoggedInAs(email) {
    await this.page.locator("#logout").waitFor();
    assert.equal(await this.page.locator("#user").textContent(), email);
  }

  async isLoggedOut() {
    await this.page.locator("#login").waitFor();
    assert.equal(await this.page.locator("#logout").isVisible(), false);
  }

  /** Waits until the page tells the person this. */
  async shows(message) {
    await this.page.locator("#status").filter({ hasText: message }).waitFor();
  }
}

/** On Strongroom's page that says what is about to be connected. */
export async function answerConnectPage(page, answer) {
  await page.click(`button[name=action][value=${answer}]`);
}

/** On Strongroom's login page. */
export async function fillLogin(page, { email, password }) {
  await page.fill("input#username", email);
  await page.fill("input#password", password);
  await page.click("button[type=submit][name=action]");
}
