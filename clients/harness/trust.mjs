// Whom https is believed: the local CA that `strongroom dev --https` announces, and nothing else.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:tls";
import { promisify } from "node:util";

/** Chromium's switches for a host on this machine whose certificate the CA has issued. */
export async function switchesFor(url, ca) {
  const { hostname } = new URL(url);
  return [
    `--host-resolver-rules=MAP ${hostname} 127.0.0.1`,
    // Chromium takes no CA from its command line, but the one key that the CA vouches for.
    `--ignore-certificate-errors-spki-list=${await vouchedKey(url, ca)}`,
  ];
}

/** SHA-256 of the server's public key, after its certificate has been verified. */
async function vouchedKey(url, ca) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: "127.0.0.1", port, servername: hostname, ca: await readFile(ca) });
  await once(socket, "secureConnect");
  const key = socket.getPeerX509Certificate().publicKey.export({ type: "spki", format: "der" });
  socket.destroy();
  return createHash("sha256").update(key).digest("base64");
}

/** In a process of its own: Node reads `NODE_EXTRA_CA_CERTS` only when it starts. */
const FETCH = `
  import dns from "node:dns";
  // As if the host stood in the hosts file.
  const { lookup } = dns;
  dns.lookup = (_, options, callback) => lookup("127.0.0.1", options, callback);
  const [url, request] = process.argv.slice(1);
  try {
    const response = await fetch(url, JSON.parse(request));
    const text = await response.text();
    console.log(JSON.stringify({ status: response.status, body: text === "" ? null : JSON.parse(text) }));
  } catch (error) {
    console.log(JSON.stringify({ refused: error.cause?.code ?? String(error) }));
  }
`;

/** What a Node program gets that trusts the system's authorities and, if given, `ca`. */
export async function fetchTrusting(ca, url, init) {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  if (ca) env.NODE_EXTRA_CA_CERTS = ca;
  const request = new Request(url, init);
  const { method } = request;
  const headers = Object.fromEntries(request.headers);
  const body = (await request.text()) || undefined;
  const script = ["--input-type=module", "--eval", FETCH, url, JSON.stringify({ method, headers, body })];
  const { stdout } = await promisify(execFile)(process.execPath, script, { env });
  return JSON.parse(stdout);
}
