// Debian's Chromium, started once for a test file, and contexts that tell on every page that
// misbehaves.

import { mkdir } from "node:fs/promises";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const failures = fileURLToPath(new URL("../failures/", import.meta.url));

const ACTION_TIMEOUT_MS = 15_000;

let shared;

after(async () => (await shared)?.close());

/** The browser of this file's tests. */
export function sharedBrowser() {
  shared ??= launch();
  return shared;
}

/** A browser of its own, with further command-line switches. Whoever asks for it closes it. */
export function launch(switches = []) {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...switches,
    ],
  });
}

/** A new browser profile: no cookies, no storage. */
export async function openContext(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options });
  context.setDefaultTimeout(ACTION_TIMEOUT_MS);
  return context;
}

/**
 * Notes in `problems` every script error, console error, violated Content-Security-Policy and
 * unexpected error answer in the context.
 *
 * @param {import("playwright-core").BrowserContext} context
 * @param {string[]} problems
 * @param {{ status: number, path: string }[]} expected error answers that belong to the test
 */
export function watch(context, problems, expected = []) {
  context.on("weberror", (event) => problems.push(`script error: ${event.error()}`));
  context.on("console", (message) => {
    // Chromium also logs error answers, without saying more; they are judged below.
    if (message.type() !== "error" || message.text().startsWith("Failed to load resource")) return;
    problems.push(`console, at ${message.location().url}: ${message.text()}`);
  });
  context.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText;
    // Leaving a page aborts what it was loading.
    if (reason !== "net::ERR_ABORTED") problems.push(`${request.url()}: ${reason}`);
  });
  context.on("response", (response) => {
    const status = response.status();
    if (status < 400 || isNonceChallenge(response)) return;
    const { origin, pathname } = new URL(response.url());
    const known = expected.some((one) => one.status === status && one.path === pathname);
    if (!known) problems.push(`${response.request().method()} ${origin}${pathname}: ${status}`);
  });
}

/** RFC 9449 §8 and §9: the first answer of each server to each client. */
function isNonceChallenge(response) {
  return [400, 401].includes(response.status()) && "dpop-nonce" in response.headers();
}

/** Pictures of all pages, for whoever has to find out what went wrong. */
export async function takePictures(contexts, testName) {
  await mkdir(failures, { recursive: true });
  const stem = testName.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase();
  const pages = contexts.flatMap((context) => context.pages());
  for (const [index, page] of pages.entries()) {
    await page.screenshot({ path: `${failures}${stem}-${index}.png` }).catch(() => {});
  }
}
