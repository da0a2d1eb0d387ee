import { scene } from "../harness/scene.mjs";

scene("a new person signs up, and logs in again later", {}, async ({ page, demo }) => {
  const person = { email: "new@strongroom.test", password: "correct horse battery 1" };
  await demo.open();
  await page.click("#signup");
  await page.fill("#email", person.email);
  await page.fill("#password", person.password);
  await page.click("button[type=submit][name=action]");
  await demo.isLoggedInAs(person.email);

  await demo.logOut();
  await demo.logIn(person);
});
