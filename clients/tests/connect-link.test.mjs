// The link by which a browser is sent to the provider, in the right browser and in wrong ones.
// Attack: whoever opens somebody else's link would give their account away, or be given one.

import assert from "node:assert/strict";

import { answerConnectPage } from "../harness/demo.mjs";
import { scene } from "../harness/scene.mjs";

const LINK = "/connected-accounts/connect";

/** Begins to connect, and returns the link instead of following it. */
async function beginConnecting({ page }) {
  const isLink = (url) => url.pathname === LINK;
  let followed;
  const link = new Promise((resolve) => (followed = resolve));
  // With this status a browser stays where it is.
  await page.route(isLink, (route) => {
    followed(route.request().url());
    return route.fulfill({ status: 204 });
  });
  await page.click("#connect");
  const url = await link;
  await page.unroute(isLink);
  return url;
}

/** Strongroom's page that asks, about the account that the demo's person is to get. */
async function asksFor(page, person) {
  await page.waitForURL((url) => url.pathname === LINK);
  const text = await page.locator("main").textContent();
  assert.ok(text.includes(person.email), text);
}

scene("who began is led straight to the provider", {}, async ({ page, dev, demo, emulator }) => {
  await demo.logIn();
  const link = await beginConnecting(demo);
  const answers = [];
  page.on("response", (response) => answers.push(response));
  await page.goto(link);
  const ours = answers.filter((response) => response.url().startsWith(dev.issuer));
  assert.equal(ours.length, 1);
  const { location } = ours[0].headers();
  assert.ok(location.startsWith(emulator.issuer), location);
  assert.ok(page.url().startsWith(emulator.issuer), page.url());
});

scene("A100: the link ends in a browser where somebody else is logged in", {
  people: 2,
  expected: [{ status: 403, path: LINK }],
}, async ({ people, page, demo, emulator, anotherBrowser }) => {
  await demo.logIn();
  const link = await beginConnecting(demo);
  const other = await anotherBrowser(people[1]);
  await other.logIn();
  const before = await emulator.requests();

  const answer = await other.page.goto(link);
  assert.equal(answer.status(), 403);
  assert.match(await other.page.locator("h1").textContent(), /belongs to another browser or person/);
  assert.equal(await other.page.locator("button[name=action]").count(), 0);
  const text = await other.page.locator("body").textContent();
  assert.ok(!text.includes(people[0].email), "it does not tell whose link it is");
  assert.deepEqual(await emulator.requests(), before, "the provider is not asked");

  // Bad input changes nothing: who began can still follow it.
  await page.goto(link);
  await demo.consent();
  await demo.shows("Your calendar is connected.");
});

scene("A100: where nobody is logged in, a page names whose account it is about and asks", {}, async ({
  people,
  demo,
  emulator,
  anotherBrowser,
}) => {
  await demo.logIn();
  const link = await beginConnecting(demo);
  const { page } = await anotherBrowser(people[0]);
  const before = await emulator.requests();
  await page.goto(link);
  await asksFor(page, people[0]);
  assert.deepEqual(await emulator.requests(), before);
});

scene("A100: planting the cookie of who began does not take the question away", {
  people: 2,
}, async ({ people, context, dev, demo, emulator, anotherBrowser }) => {
  await demo.logIn();
  const link = await beginConnecting(demo);
  const other = await anotherBrowser(people[1]);
  await other.logIn();
  const cookies = await context.cookies(dev.issuer);
  const session = cookies.find(({ name }) => name === "strongroom_session");
  // A longer path comes first, and leaves the other person's own cookie in place.
  const planted = { name: session.name, value: session.value, domain: "localhost", path: LINK };
  await other.page.context().addCookies([planted]);
  const before = await emulator.requests();
  await other.page.goto(link);
  await asksFor(other.page, people[0]);
  assert.deepEqual(await emulator.requests(), before);
});

scene("A100: consent in another browser brings nothing to who began, and ends the link", {
  expected: [{ status: 403, path: LINK }],
}, async ({ people, page, demo, emulator, anotherBrowser }) => {
  await demo.logIn();
  const link = await beginConnecting(demo);
  const other = await anotherBrowser(people[0]);
  await other.page.goto(link);
  await answerConnectPage(other.page, "accept");
  await other.consent("grace");
  await other.page.waitForURL(other.url);
  await other.isAtRest();
  await other.isLoggedOut();

  const answer = await page.goto(link);
  assert.equal(answer.status(), 403, "the link is the other browser's");
  await demo.open();
  await demo.isLoggedInAs(demo.person.email);
  assert.equal(await demo.accounts().count(), 0);
  assert.equal((await emulator.stats()).calendar, 0);
});

scene("whose session has ended is asked, and connects after agreeing", {}, async ({ page, context, demo }) => {
  await demo.logIn();
  await context.clearCookies({ name: "strongroom_session" });
  await page.click("#connect");
  await asksFor(page, demo.person);
  await answerConnectPage(page, "accept");
  await demo.consent();
  await demo.shows("Your calendar is connected.");
  assert.equal(await demo.accounts().count(), 1);
});

scene("whose session has ended may cancel, and the application is told", {}, async ({
  page,
  context,
  demo,
  emulator,
}) => {
  await demo.logIn();
  await context.clearCookies({ name: "strongroom_session" });
  await page.click("#connect");
  await asksFor(page, demo.person);
  const back = page.waitForRequest((request) => new URL(request.url()).searchParams.has("error"));
  await answerConnectPage(page, "deny");
  const answer = new URL((await back).url());
  assert.equal(answer.origin, new URL(demo.url).origin);
  assert.equal(answer.searchParams.get("error"), "access_denied");
  assert.ok(answer.searchParams.has("state"));
  await demo.shows(/^The calendar was not connected: /);
  await demo.isAtRest();
  assert.equal(await demo.accounts().count(), 0);
  assert.equal((await emulator.requests()).authorize, undefined);
});
