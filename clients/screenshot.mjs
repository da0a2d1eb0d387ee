// The README's picture: the real demo, showing the events of a connected calendar.

import { fileURLToPath } from "node:url";

import { scene } from "./harness/scene.mjs";

const picture = fileURLToPath(new URL("../docs/demo.png", import.meta.url));

scene("the README's picture", {
  browser: { viewport: { width: 1280, height: 720 }, deviceScaleFactor: 2, colorScheme: "light" },
}, async ({ page, dev, demo }) => {
  await demo.logIn(dev.users[0]);
  await demo.connect();
  await demo.events();
  await page.screenshot({ path: picture });
});
