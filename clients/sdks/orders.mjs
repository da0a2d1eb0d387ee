// What each program of this folder does: it takes orders, one line of JSON each, and answers
// each with one.

import { createInterface } from "node:readline";

/** The server: its `domain`, as SDKs call its host, and the Management API's client. */
export const place = JSON.parse(process.argv[2]);

/** @param {Record<string, (order: object) => Promise<object>>} acts by name */
export async function takeOrders(acts) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { act, ...order } = JSON.parse(line);
    console.log(JSON.stringify(await acts[act](order)));
  }
}
