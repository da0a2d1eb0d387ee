//! A155: however a path is written, it leads to no door that the plain one does not lead to.

use reqwest::Method;
use testkit::{Connect, Login, TestServer};
use tokio::io::AsyncWriteExt;

use crate::wire::{Heard, authority, connect, listen};

/// What stands behind a token, with its method.
const PROTECTED: [(&str, &str); 7] = [
    ("GET", "/me/v1/connected-accounts/accounts"),
    ("DELETE", "/me/v1/connected-accounts/accounts/cac_1"),
    ("POST", "/me/v1/connected-accounts/connect"),
    ("GET", "/userinfo"),
    ("GET", "/api/v2/clients"),
    ("DELETE", "/api/v2/clients/x"),
    ("GET", "/api/v2/users/x/federated-connections-tokensets"),
];

/// Other ways to write a path.
fn forms(server: &TestServer, path: &str) -> Vec<String> {
    let host = authority(server);
    let (first, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let (parent, last) = path.rsplit_once('/').unwrap();
    vec![
        format!("/{path}"),
        format!("//{host}{path}"),
        format!("/.{path}"),
        format!("/x/..{path}"),
        format!("/assets/..{path}"),
        format!("/oauth/token/../..{path}"),
        format!("/%2e{path}"),
        format!("/x/%2e%2e{path}"),
        format!("/x/%2e%2e%2f{}", &path[1..]),
        format!("/x/..%2f{}", &path[1..]),
        format!("/x/..%5c{}", &path[1..]),
        format!("/x/..;{path}"),
        format!("/.;{path}"),
        format!("/{first};x=y/{rest}"),
        format!("{path};x=y"),
        format!("{path};.css"),
        format!("{path}/"),
        format!("{path}//"),
        format!("{path}/."),
        format!("{path}/./"),
        format!("{path}/x/.."),
        format!("{path}%2f"),
        format!("{path}%20"),
        format!("{path}%00"),
        format!("{path}%0a"),
        format!("{path}.json"),
        format!("{path}.css"),
        format!("{parent}//{last}"),
        format!("{parent}%2f{last}"),
        format!("{parent}%252f{last}"),
        format!("{parent}\\{last}"),
        with_encoded_letter(path),
        path.to_uppercase(),
        format!("/{}{rest}", first.to_uppercase() + "/"),
        path.replace('/', "%c0%af"),
        path.replace('/', "%e2%88%95"),
        format!("http://{host}{path}"),
        format!("http://ada@{host}{path}"),
        format!("http://evil.example{path}"),
        format!("{path}?x=../.."),
    ]
}

/// Whether a form is the same request, by RFC 9112 §3.2.2 and RFC 3986 §3.4.
fn is_plain(form: &str, path: &str, host: &str) -> bool {
    form == format!("http://{host}{path}") || form == format!("{path}?x=../..")
}

async fn ask(server: &TestServer, method: &str, target: &str, token: Option<&str>) -> Heard {
    let mut stream = connect(server).await;
    let authorization =
        token.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
    let host = authority(server);
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{authorization}\
         Content-Length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    listen(&mut stream).await.remove(0)
}

#[tokio::test]
async fn a155_no_way_to_write_a_path_needs_less() {
    let server = TestServer::start().await;
    let before = crate::checks::events(&server).await;
    for (method, path) in PROTECTED {
        assert_eq!(ask(&server, method, path, None).await.status, 401, "{path}");
        for form in forms(&server, path) {
            let answer = ask(&server, method, &form, None).await;
            let refused = [400, 401, 404, 405, 415, 421].contains(&answer.status);
            assert!(refused, "{method} {form} {answer:?}");
        }
    }
    assert_eq!(crate::checks::events(&server).await, before);
}

#[tokio::test]
async fn a155_no_way_to_write_a_path_leads_elsewhere() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::web()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let account = server.connect_account(&browser, &mine, &Connect::calendar()).await;
    let management = server.management_token().await;
    let host = authority(&server);
    let account = format!("/me/v1/connected-accounts/accounts/{}", account["id"].as_str().unwrap());
    let client = format!("/api/v2/clients/{}", server.seeded().api.client_id);
    for (method, path, token) in [
        ("DELETE", account.as_str(), mine.access_token.as_str()),
        ("DELETE", &client, &management),
        ("GET", "/me/v1/connected-accounts/accounts", &mine.access_token),
        ("GET", "/userinfo", &mine.access_token),
        ("GET", "/api/v2/clients", &management),
    ] {
        for form in forms(&server, path).into_iter().filter(|form| !is_plain(form, path, &host)) {
            // An id that is written otherwise is the same one.
            if method == "DELETE" && form == with_encoded_letter(path) {
                continue;
            }
            let answer = ask(&server, method, &form, Some(token)).await;
            // To delete what is not there succeeds.
            let deleted_nothing = method == "DELETE" && answer.status == 204;
            let refused = [400, 404, 405, 421].contains(&answer.status);
            assert!(refused || deleted_nothing, "{method} {form} {answer:?}");
        }
    }
    assert_eq!(server.connected_accounts(&mine).await.len(), 1);
    let api = &server.seeded().api.client_id;
    let path = format!("clients/{api}");
    server.management(Method::GET, &path, &management).send().await.expect(200);
}

fn with_encoded_letter(path: &str) -> String {
    let (parent, last) = path.rsplit_once('/').unwrap();
    format!("{parent}/%{:02x}{}", last.as_bytes()[0], &last[1..])
}

/// What a request says that its method or path should have been counts for nothing.
#[tokio::test]
async fn a155_no_header_changes_method_or_path() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let tokens = server.log_in(&browser, &Login::web()).await;
    let mine = server.my_account_tokens(&tokens).await;
    let account = server.connect_account(&browser, &mine, &Connect::calendar()).await;
    let path = format!("/me/v1/connected-accounts/accounts/{}", account["id"].as_str().unwrap());
    for (name, value) in [
        ("x-http-method-override", "DELETE"),
        ("x-http-method", "DELETE"),
        ("x-method-override", "DELETE"),
        ("x-original-method", "DELETE"),
    ] {
        for method in [Method::GET, Method::POST] {
            let call = server.call(method, &path).access(&mine).header(name, value);
            call.send().await.expect(405);
        }
    }
    for name in ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-prefix"] {
        let call = server.delete("/me/v1/nothing").access(&mine).header(name, &path);
        call.send().await.expect(404);
    }
    assert_eq!(server.connected_accounts(&mine).await.len(), 1);
}
