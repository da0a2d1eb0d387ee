use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

/// Runs the body of a script; every request is answered with itself.
fn run_body(body: &str) -> Result<Value, ScriptFault> {
    let script = format!("function (accessToken, context, callback) {{ {body} }}");
    let mut asked = Vec::new();
    let echo = |calls| {
        asked.extend::<Vec<Call>>(calls);
        let Call { id, request } = asked.remove(0);
        let body = serde_json::to_string(&request)?;
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        Ok((id, Ok(HttpAnswer { status: 201, headers, body })))
    };
    let result = run(&script, r#"["at-1", {"user": "u-1"}]"#, echo).unwrap()?;
    Ok(serde_json::from_str(&result).unwrap())
}

#[track_caller]
fn check_result(body: &str, expected: Value) {
    assert_eq!(run_body(body), Ok(expected), "{body}");
}

#[track_caller]
fn check_failure(body: &str, expected: &str) {
    assert_eq!(run_body(body), Err(ScriptFault::Failed(expected.to_owned())), "{body}");
}

#[test]
fn the_first_call_back_counts() {
    check_result(
        "callback(null, { t: accessToken, u: context.user });",
        json!({"t": "at-1", "u": "u-1"}),
    );
    check_result("callback(null, 1); callback(new Error('late'));", json!(1));
    check_result("callback(null, 1); throw new Error('late');", json!(1));
    check_result("callback(null, 1); while (true) {}", json!(1));
    check_result("Promise.resolve().then(() => callback(null, 1)); return;", json!(1));
    check_result("return Promise.resolve({ user_id: 1 });", json!({"user_id": 1}));
    check_result("return { then(resolve) { resolve(2); } };", json!(2));
    check_result("callback(undefined, undefined);", Value::Null);
    check_failure("callback(new Error('no'), { user_id: 1 });", "no");
}

#[test]
fn failures_say_what_the_script_says() {
    check_failure("callback('a text');", "a text");
    check_failure("callback(new TypeError());", "TypeError");
    check_failure("throw new Error('thrown');", "thrown");
    check_failure("throw { code: 7 };", "something that is not an error was thrown");
    check_failure("nowhere();", "nowhere is not defined");
    check_failure("return Promise.reject(new Error('rejected'));", "rejected");
    check_failure("fetch('x').then(() => { throw new Error('in the air'); });", "in the air");
    check_failure("request('x', () => { throw new Error('at the answer'); });", "at the answer");
    check_failure("callback(new Error('\\ud800'));", "\u{fffd}");
    check_failure("callback(null, { get user_id() { throw new Error('getter'); } });", "getter");
    for body in ["", "fetch('x');", "return new Promise(() => {});", "return 1;"] {
        assert_eq!(run_body(body), Err(ScriptFault::NoResult), "{body}");
    }
}

/// What goes out for the options of the library.
#[test]
fn requests_are_made_as_the_library_makes_them() {
    let check = |arguments: &str, expected: Value| {
        let given_back = "(error, response, body) => callback(error, JSON.parse(response.body))";
        check_result(&format!("request{arguments}, {given_back});"), expected);
    };
    let plain =
        |method: &str| json!({"method": method, "url": "https://a/", "headers": {}, "body": null});
    check("('https://a/'", plain("GET"));
    check("({ uri: 'https://a/', timeout: 1000 }", plain("GET"));
    check(".get('https://a/', {}", plain("GET"));
    check(".del('https://a/'", plain("DELETE"));
    check(".head({ url: 'https://a/', method: 'POST' }", plain("HEAD"));
    check(
        ".post({ url: 'https://a/', headers: { 'X-A': 1 }, body: 'b' }",
        json!({"method": "POST", "url": "https://a/", "headers": {"x-a": "1"}, "body": "b"}),
    );
    check(
        ".post('https://a/', { form: { a: 'b c', d: '&' } }",
        json!({
            "method": "POST", "url": "https://a/", "body": "a=b+c&d=%26",
            "headers": {"content-type": "application/x-www-form-urlencoded"},
        }),
    );
    check(
        "({ url: 'https://a/?x=1', qs: { y: 2 }, auth: { user: 'u', pass: 'p' } }",
        json!({
            "method": "GET", "url": "https://a/?x=1&y=2", "body": null,
            "headers": {"authorization": "Basic dTpw"},
        }),
    );
    check_result(
        "request.put('https://a/', { json: { a: 1 } }, (e, r, body) => callback(e, body.body));",
        json!("{\"a\":1}"),
    );
    check_failure("request('x', { agent: 1 }, callback);", "request: agent is not supported");
}

#[test]
fn several_requests_wait_together() {
    check_result(
        "const urls = ['https://a/', 'https://b/', 'https://c/'];
         Promise.all(urls.map((url) => fetch(url, { method: 'post' })))
           .then((all) => Promise.all(all.map((answer) => answer.json())))
           .then((all) => callback(null, all.map((it) => it.method + ' ' + it.url)));",
        json!(["POST https://a/", "POST https://b/", "POST https://c/"]),
    );
    check_result(
        "fetch('https://a/').then((a) => [a.ok, a.status, a.headers.get('Content-Type')])
           .then((it) => callback(null, it));",
        json!([true, 201, "application/json"]),
    );
    check_failure(
        "fetch('https://a/', { method: 'POST', body: 'x'.repeat(70000) }).catch(callback);",
        "the body of the request is too long",
    );
}

#[test]
fn a_script_is_a_function() {
    let check_script = |script: &str, expected: Result<(), ScriptFault>| {
        assert_eq!(check(script), expected, "{script}");
    };
    check_script("function (a, b, c) {}", Ok(()));
    check_script("function fetchUserProfile(a, b, c) {};\n", Ok(()));
    check_script("// said before\nasync (a) => {} // said after", Ok(()));
    check_script("(() => { return function () {}; })()", Ok(()));
    check_script("class A {}", Ok(()));
    check_script("1", Err(ScriptFault::NotAFunction));
    check_script("(() => { while (true) {} })()", Err(ScriptFault::TimedOut));
    let missing = ScriptFault::Failed("require is not defined".to_owned());
    check_script("require('x')", Err(missing));
    for (script, line) in [("function () {\n  return }\n}", 3), ("(", 2), ("", 2)] {
        let Err(ScriptFault::Syntax(message)) = check(script) else { panic!("{script}") };
        assert!(message.ends_with(&format!("(line {line})")), "{script}: {message}");
    }
}
