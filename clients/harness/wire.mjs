// What goes over the wire between the page and the token endpoint.

/** Collects the exchanges with the token endpoint, in order. */
export function recordTokenRequests(context, issuer) {
  const endpoint = new URL("oauth/token", issuer).href;
  const exchanges = [];
  context.on("response", (response) => {
    const request = response.request();
    if (request.url() !== endpoint || request.method() !== "POST") return;
    // At once: a browser forgets the answers to pages that are left.
    const read = exchange(response);
    exchanges.push(read);
    // Whoever asks for it learns that it failed. A page may close before anybody does.
    read.catch(() => {});
  });
  return () => Promise.all(exchanges);
}

async function exchange(response) {
  const request = response.request();
  const { dpop } = request.headers();
  return {
    form: Object.fromEntries(new URLSearchParams(request.postData())),
    proof: dpop && claimsOf(dpop),
    status: response.status(),
    nonce: response.headers()["dpop-nonce"],
    body: await response.json(),
  };
}

/** The claims of a JWT, not verified. */
export function claimsOf(jwt) {
  return JSON.parse(Buffer.from(jwt.split(".")[1], "base64url").toString());
}
