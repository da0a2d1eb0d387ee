// The README's picture: the real demo, showing the events of a connected calendar.

import { fileURLToPath } from "node:url";

import { scene } from "./harness/scene.mjs";

const picture = fileURLToPath(new URL("../docs/demo.png", import.meta.url));

scene("the README's picture", {
  browser: { viewport: { width: 880, height: 940 }, deviceScaleFactor: 2, colorScheme: "light" },
}, async ({ page, demo }) => {
  await demo.logIn();
  await demo.connect();
  await demo.events();
  await page.screenshot({ path: picture });
});
