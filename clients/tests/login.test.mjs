import assert from "node:assert/strict";

import { fillLogin } from "../harness/demo.mjs";
import { scene } from "../harness/scene.mjs";

scene(
  "a wrong password is told, and the right one logs in",
  { expected: [{ status: 400, path: "/u/login" }] },
  async ({ page, demo }) => {
    await demo.open();
    await page.click("#login");
    await fillLogin(page, { ...demo.person, password: "not-the-password" });
    await page.locator("[role=alert]").waitFor();
    // What was typed into the first field is still there, what into the second is not.
    assert.equal(await page.inputValue("#username"), demo.person.email);
    assert.equal(await page.inputValue("#password"), "");
    await fillLogin(page, demo.person);
    await demo.isLoggedInAs(demo.person.email);
  },
);

scene("an unknown person is told no more than a wrong password", {
  expected: [{ status: 400, path: "/u/login" }],
}, async ({ page, demo }) => {
  const alertFor = async (person) => {
    await demo.open();
    await page.click("#login");
    await fillLogin(page, person);
    return page.locator("[role=alert]").textContent();
  };
  const unknown = await alertFor({ email: "nobody@strongroom.test", password: "whatever-1" });
  const wrong = await alertFor({ ...demo.person, password: "not-the-password" });
  assert.equal(unknown, wrong);
});

scene("the callback's code is not left in the address", {}, async ({ page, demo }) => {
  await demo.logIn();
  assert.equal(page.url(), demo.url);
});

scene("a popup logs in without leaving the page", {}, async ({ context, page, demo }) => {
  await demo.open();
  const [popup] = await Promise.all([context.waitForEvent("page"), page.click("#login-popup")]);
  await fillLogin(popup, demo.person);
  await demo.shows("You are logged in.");
  await demo.isLoggedInAs(demo.person.email);
  assert.equal(popup.isClosed(), true);
});

scene("a second login in the same browser asks for nothing", {}, async ({ page, demo }) => {
  await demo.logIn();
  await demo.forgetLogin();
  await page.click("#login");
  await demo.isLoggedInAs(demo.person.email);
});
