// What a script finds beside the language: `request` as the Node.js library of that name has it,
// `fetch`, and a `console` that says nothing, because what is logged may be a token.
//
// It runs before the script, in the same context, so a script may break it, for itself: no limit
// and no check is kept here.
(function (send, finish) {
  'use strict';

  // Calls without an answer, by id.
  const waiting = new Map();

  function ask(request, then) {
    waiting.set(send(JSON.stringify(request)), then);
  }

  function describe(error) {
    const message = error instanceof Error ? error.message || error.name : error;
    return String(message).toWellFormed();
  }

  const succeed = (result) => finish(true, JSON.stringify(result) ?? 'null');
  const fail = (error) => finish(false, describe(error));

  function lowerCased(headers) {
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers ?? {});
    return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), String(value)]));
  }

  function formEncoded(members) {
    const encode = (text) => encodeURIComponent(text).replace(/%20/g, '+');
    const pair = ([name, value]) => `${encode(name)}=${encode(value)}`;
    return Object.entries(members).map(pair).join('&');
  }

  function authorization({ user, username, pass, password, bearer }) {
    if (bearer !== undefined) return `Bearer ${bearer}`;
    return `Basic ${btoa(`${user ?? username ?? ''}:${pass ?? password ?? ''}`)}`;
  }

  // What means nothing here: nothing is followed, time and size have limits of their own.
  const IGNORED = ['followAllRedirects', 'followRedirect', 'gzip', 'maxRedirects', 'timeout'];

  function prepare({ url, uri, method, headers, body, json, form, qs, auth, ...others }) {
    const unknown = Object.keys(others).filter((name) => !IGNORED.includes(name));
    if (unknown.length > 0) throw new TypeError(`request: ${unknown[0]} is not supported`);
    const prepared = lowerCased(headers);
    if (form !== undefined) {
      body = typeof form === 'string' ? form : formEncoded(form);
      prepared['content-type'] ??= 'application/x-www-form-urlencoded';
    }
    if (json) {
      if (json !== true) body = json;
      prepared.accept ??= 'application/json';
      if (body !== undefined && typeof body !== 'string') {
        body = JSON.stringify(body);
        prepared['content-type'] ??= 'application/json';
      }
    }
    if (auth) prepared.authorization ??= authorization(auth);
    let address = String(url ?? uri);
    if (qs) address += (address.includes('?') ? '&' : '?') + formEncoded(qs);
    body = body === undefined || body === null ? null : String(body);
    return { method: String(method ?? 'GET').toUpperCase(), url: address, headers: prepared, body };
  }

  function parsed(text) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  function caller(method) {
    return function (target, options, callback) {
      if (typeof options === 'function') [options, callback] = [undefined, options];
      const named = typeof target === 'string' ? { url: target } : target;
      const all = { ...named, ...options, ...(method && { method }) };
      const then = callback ?? all.callback ?? (() => {});
      delete all.callback;
      ask(prepare(all), ({ Ok: answer, Err: reason }) => {
        if (answer === undefined) return then(new Error(reason));
        const body = all.json ? parsed(answer.body) : answer.body;
        then(null, { statusCode: answer.status, headers: answer.headers, body }, body);
      });
    };
  }

  const request = caller();
  for (const name of ['get', 'post', 'put', 'patch', 'head', 'delete']) {
    request[name] = caller(name.toUpperCase());
  }
  request.del = request.delete;

  async function fetch(resource, { method, headers, body } = {}) {
    const outgoing = prepare({ url: resource, method, headers, body });
    const outcome = await new Promise((resolve) => ask(outgoing, resolve));
    if (outcome.Ok === undefined) throw new TypeError(`fetch failed: ${outcome.Err}`);
    const { status, headers: received, body: text } = outcome.Ok;
    return {
      ok: status >= 200 && status < 300,
      status,
      headers: {
        get: (name) => received[name.toLowerCase()] ?? null,
        has: (name) => name.toLowerCase() in received,
      },
      text: async () => text,
      json: async () => JSON.parse(text),
    };
  }

  const silent = () => {};
  const console = { debug: silent, error: silent, info: silent, log: silent, warn: silent };
  Object.assign(globalThis, { request, fetch, console });

  return {
    // Calls the script. It calls back, or it is an async function and returns.
    start(script, serialized) {
      const callback = (error, result) => (error ? fail(error) : succeed(result));
      const returned = script(...JSON.parse(serialized), callback);
      if (typeof returned?.then !== 'function') return;
      returned.then((result) => result === undefined || succeed(result), fail);
    },
    // Goes on with the answer to a call.
    settle(id, serialized) {
      const then = waiting.get(id);
      waiting.delete(id);
      then(JSON.parse(serialized));
    },
  };
})
