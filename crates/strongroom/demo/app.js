// The quickstart of a single-page application: log in, connect a calendar, list its events.
//
// This page never holds a token of the calendar's provider. It holds two of Strongroom's: one
// for the demo's own API (which exchanges it for the provider's token, see
// `src/dev/demo.rs`), and one for the My Account API, where a person connects and disconnects
// accounts.

import { ConnectError, createAuth0Client } from "./vendor/auth0-spa-js.production.esm.js";

const config = await (await fetch("config.json")).json();
const home = `${location.origin}/`;
const myAccount = `${config.issuer}me/`;

// Creating the client also restores the login, if there is one.
const auth0 = await createAuth0Client({
  // An issuer is the domain with a slash at its end.
  domain: config.issuer.slice(0, -1),
  clientId: config.clientId,
  // A refresh token renews access tokens without the hidden frame that browsers which block
  // third-party cookies would break. The frame remains as the second way: in "memory" mode
  // a reload forgets the refresh token, and the login session can still answer.
  useRefreshTokens: true,
  useRefreshTokensFallback: true,
  // One refresh token serves both audiences below.
  useMrrt: true,
  // Every token is bound to a key which scripts can use but not read: a copied token is
  // worth nothing elsewhere. That is what makes "localstorage" a sound choice.
  useDpop: true,
  cacheLocation: config.cacheLocation,
  // In "memory" mode a worker keeps the refresh token. From a file of ours, so that the
  // Content-Security-Policy can do without "blob:".
  workerUrl: "vendor/auth0-spa-js.worker.production.js",
  authorizationParams: {
    redirect_uri: home,
    audience: config.audience,
    scope: {
      [config.audience]: "openid profile email offline_access read:calendar",
      [myAccount]:
        "openid profile email offline_access create:me:connected_accounts " +
        "read:me:connected_accounts delete:me:connected_accounts",
    },
  },
});

// `fetch` for one audience: adds its access token, a DPoP proof and, when the server asks for
// one, the server's nonce.
const fetchFor = (audience, baseUrl) => {
  const fetcher = auth0.createFetcher({ baseUrl, dpopNonceId: audience });
  return (path, init) => fetcher.fetchWithAuth(path, init, { audience });
};
const calendarApi = fetchFor(config.audience, home);
const myAccountApi = fetchFor(myAccount, `${myAccount}v1/connected-accounts`);

// The SDK looks up a login's scopes by the audience that is named with it.
const forCalendarApi = { audience: config.audience };

const buttons = {
  async login() {
    await auth0.loginWithRedirect({ authorizationParams: forCalendarApi });
  },

  async signup() {
    const authorizationParams = { ...forCalendarApi, screen_hint: "signup" };
    await auth0.loginWithRedirect({ authorizationParams });
  },

  async "login-popup"() {
    await auth0.loginWithPopup({ authorizationParams: forCalendarApi });
    await showUser();
    return "You are logged in.";
  },

  async logout() {
    await auth0.logout({ logoutParams: { returnTo: home } });
  },

  async connect() {
    // `offline_access` asks the provider for a refresh token: without one there is nothing
    // to exchange once its access token has expired.
    await auth0.connectAccountWithRedirect({
      connection: config.connection,
      scopes: ["openid", "profile", "email", "offline_access", "read:calendar"],
    });
  },

  async events() {
    const account = byId("account").value;
    const query = account ? `?${new URLSearchParams({ account })}` : "";
    const response = await calendarApi(`api/events${query}`);
    const answer = await response.json();
    if (!response.ok) throw new Error(problems[answer.error] ?? answer.error);
    byId("event-list").replaceChildren(...answer.events.map(eventItem));
    return `${answer.events.length} events.`;
  },
};

const problems = {
  not_connected: "Connect your calendar first.",
  reconnect_required: "The calendar's provider no longer accepts us. Connect it again.",
};

async function start() {
  try {
    return await handleCallback();
  } finally {
    await showUser();
  }
}

/** Back from the login or from the provider: the answer stands in the query. */
async function handleCallback() {
  const query = new URLSearchParams(location.search);
  const answered = ["code", "connect_code", "error"].some((name) => query.has(name));
  if (!answered || !query.has("state")) return "";
  try {
    const result = await auth0.handleRedirectCallback();
    return result.connection ? "Your calendar is connected." : "You are logged in.";
  } catch (error) {
    if (error instanceof ConnectError) {
      throw new Error(`The calendar was not connected: ${error.message}`);
    }
    throw error;
  } finally {
    // Codes work once: a reload must not present them again.
    history.replaceState(null, "", home);
  }
}

async function showUser() {
  const user = await auth0.getUser();
  for (const part of document.querySelectorAll("[data-when]")) {
    part.hidden = part.dataset.when !== (user ? "logged-in" : "logged-out");
  }
  byId("user").textContent = user?.email ?? "";
  if (user) await showAccounts();
}

async function showAccounts() {
  const { accounts } = await accepted(await myAccountApi("accounts?take=20"));
  byId("accounts").replaceChildren(...accounts.map(accountItem));
}

function accountItem({ id, connection, label, scopes, created_at }) {
  const since = new Date(created_at).toLocaleDateString([], { dateStyle: "medium" });
  const name = element("span", { title: scopes.join(" ") }, `${label} at ${connection}, since ${since}`);
  const button = element("button", { className: "disconnect" }, "Disconnect");
  onClick(button, async () => {
    await accepted(await myAccountApi(`accounts/${id}`, { method: "DELETE" }));
    await showAccounts();
    return "Disconnected: the vault has deleted the tokens.";
  });
  return element("li", {}, name, button);
}

function eventItem({ title, start }) {
  const form = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  const time = element("time", { dateTime: start }, new Date(start).toLocaleString([], form));
  return element("li", {}, time, element("span", {}, title));
}

/** The body of an answer of the My Account API, whose errors carry a `detail`. */
async function accepted(response) {
  const body = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(body.detail);
  return body;
}

/** Does a click's work and tells the person how it ended. */
function onClick(button, work) {
  button.addEventListener("click", () => {
    button.disabled = true;
    report(work()).finally(() => (button.disabled = false));
  });
}

async function report(work) {
  const [main, status] = [document.querySelector("main"), byId("status")];
  main.ariaBusy = "true";
  try {
    status.textContent = (await work) ?? "";
    status.classList.remove("failed");
  } catch (error) {
    status.textContent = error.message;
    status.classList.add("failed");
    // The SDK has forgotten the login by now; so should the page.
    if (error.error === "login_required") await showUser();
  } finally {
    main.ariaBusy = "false";
  }
}

function element(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function byId(id) {
  return document.getElementById(id);
}

for (const [id, work] of Object.entries(buttons)) onClick(byId(id), work);
await report(start());
