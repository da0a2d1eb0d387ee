use proptest::prelude::*;

use super::attacks::attacks;
use super::*;

fn admits(registered: &str, requested: &str) -> bool {
    RedirectUri::matching(requested, [registered]).is_ok()
}

fn check(registered: &str, requested: &str, expected: bool) {
    assert_eq!(admits(registered, requested), expected, "{registered} {requested}");
}

fn check_corpus(registered: &str, good: &str, attacks: &[String]) {
    assert!(admits(registered, good), "{good}");
    assert!(attacks.len() >= 80, "{} attacks", attacks.len());
    for attack in attacks {
        assert!(!admits(registered, attack), "{registered} admits {attack:?}");
    }
}

#[test]
fn a01_https() {
    let uri = "https://app.example.com/back";
    check_corpus(uri, uri, &attacks("https", "app.example.com", "", "/back"));
}

#[test]
fn a01_https_with_port() {
    let uri = "https://app.example.com:8443/back";
    check_corpus(uri, uri, &attacks("https", "app.example.com", ":8443", "/back"));
}

#[test]
fn a01_localhost() {
    let uri = "http://localhost:3000/back";
    check_corpus(uri, uri, &attacks("http", "localhost", ":3000", "/back"));
}

#[test]
fn a01_custom_scheme() {
    let uri = "com.example.app://login/back";
    check_corpus(uri, uri, &attacks("com.example.app", "login", "", "/back"));
}

#[test]
fn a01_wildcard() {
    let registered = "https://*.example.com/back";
    let attacks: Vec<String> = attacks("https", "app.example.com", "", "/back")
        .into_iter()
        // One level below the registered parent is what the entry allows.
        .filter(|uri| uri != "https://xapp.example.com/back")
        .collect();
    check_corpus(registered, "https://app.example.com/back", &attacks);
}

#[test]
fn a01_any_port() {
    let registered = "http://localhost:*/back";
    let attacks: Vec<String> = attacks("http", "localhost", ":3000", "/back")
        .into_iter()
        .filter(|uri| {
            ![":80/", ":443/", ":444/"]
                .iter()
                .any(|port| *uri == format!("http://localhost{port}back"))
        })
        .filter(|uri| uri != "http://localhost:3000:1/back")
        .collect();
    check_corpus(registered, "http://localhost:3000/back", &attacks);
}

#[test]
fn a05_ports_are_open_only_where_the_entry_says_so() {
    check("http://localhost:*", "http://localhost:5000", true);
    check("http://localhost:*", "http://localhost:5000/", false);
    check("http://localhost:*", "http://localhost", false);
    check("http://localhost:*/back", "http://localhost:1/back", true);
    check("http://localhost:*/back", "http://localhost:65535/back", true);
    check("http://localhost:*/back", "http://localhost:65536/back", false);
    check("http://localhost:*/back", "http://localhost:0/back", false);
    check("http://localhost:*/back", "http://localhost:080/back", false);
    check("http://localhost:*/back", "http://127.0.0.1:80/back", false);
    check("http://localhost:*/back", "https://localhost:80/back", false);
    check("http://127.0.0.1:*/back", "http://127.0.0.1:1234/back", true);
    check("http://[::1]:*/back", "http://[::1]:1234/back", true);
    check("http://localhost:3000/back", "http://localhost:3001/back", false);
    check("http://example.com:*/back", "http://example.com:80/back", false);
    check("http://localhost.example.com:*/", "http://localhost.example.com:80/", false);
}

#[test]
fn wildcards_fill_one_label() {
    let entry = "https://*.example.com/back";
    check(entry, "https://a.example.com/back", true);
    check(entry, "https://a-1.example.com/back", true);
    check(entry, "https://a.b.example.com/back", false);
    check(entry, "https://example.com/back", false);
    check(entry, "https://.example.com/back", false);
    check(entry, "https://*.example.com/back", false);
    check(entry, "https://-a.example.com/back", false);
    check(entry, "https://a-.example.com/back", false);
    check(entry, "https://A.example.com/back", false);
    check(entry, "https://a_b.example.com/back", false);
    check(entry, "https://evil.test/.example.com/back", false);
    check(entry, "https://evil.test?.example.com/back", false);
    check(entry, "https://evil.test:1.example.com/back", false);
    check(entry, &format!("https://{}.example.com/back", "a".repeat(63)), true);
    check(entry, &format!("https://{}.example.com/back", "a".repeat(64)), false);
    let entry = "https://pr-*-app.example.com:8443";
    check(entry, "https://pr-17-app.example.com:8443", true);
    check(entry, "https://pr--app.example.com:8443", false);
    check(entry, "https://pr-17-app.example.com", false);
}

#[test]
fn what_may_be_registered() {
    let check = |entry: &str, expected| assert_eq!(check_registrable(entry), expected, "{entry}");
    check("https://app.example.com/back?tenant=1", Ok(()));
    check("com.example.app:/back", Ok(()));
    check("http://localhost:3000", Ok(()));
    check("http://[::1]:3000/back", Ok(()));
    check("https://*.example.co.uk", Ok(()));

    let misplaced = Err(RedirectUriError::WildcardMisplaced);
    for entry in [
        "*",
        "https://*",
        "https://*/back",
        "https://*.com",
        "https://*.com./x.y",
        "https://*.com:8443/x.y",
        "https://sub.*.example.com",
        "https://*.*.example.com",
        "https://example.com/*",
        "https://example.com/back?x=*",
        "https://example.com:*/back",
        "https://*:*/back",
        "http://localhost:3*/back",
        "http://localhost:*0/back",
        "com.example.app://*.example.com",
        "https://a@*.example.com",
        "https://*.example.com./back",
    ] {
        check(entry, misplaced);
    }
    check("back", Err(RedirectUriError::NotAbsolute));
    check("https://", Err(RedirectUriError::NotAbsolute));
    check("https://app.example.com/back#x", Err(RedirectUriError::Fragment));
    check("https://ada@app.example.com/", Err(RedirectUriError::UserInfo));
    check("com.example.app://ada@back", Err(RedirectUriError::UserInfo));
    check("https://app.example.com/{organization_name}", Err(RedirectUriError::ForbiddenCharacter));
    check("https://caf\u{e9}.example.com/", Err(RedirectUriError::ForbiddenCharacter));
    check("javascript:alert(1)", Err(RedirectUriError::ForbiddenScheme));
    check("https://APP.example.com/", Err(RedirectUriError::AmbiguousHost));
    check("https://0177.0.0.1/", Err(RedirectUriError::AmbiguousHost));
    check("https://%61pp.example.com/", Err(RedirectUriError::AmbiguousHost));
    let long = format!("https://app.example.com/{}", "x".repeat(REDIRECT_URI_BYTES_MAX));
    check(&long, Err(RedirectUriError::TooLong));
}

#[test]
fn the_default_is_the_first_entry_if_it_leaves_nothing_open() {
    let first = |entries: &[&str]| RedirectUri::first_of(entries).map(|uri| uri.0);
    assert_eq!(first(&["https://a.test/", "https://b.test/"]).as_deref(), Ok("https://a.test/"));
    assert_eq!(first(&["http://localhost:*"]), Err(RedirectUriError::NotRegistered));
    assert_eq!(first(&[]), Err(RedirectUriError::NotRegistered));
}

#[test]
fn answers_are_appended() {
    let uri = |text: &str| RedirectUri::matching(text, [text]).unwrap();
    let answer = [("code", "a&b"), ("state", "x=\r\n\"")];
    assert_eq!(
        uri("https://a.test/cb").with_query(&answer),
        "https://a.test/cb?code=a%26b&state=x%3D%0D%0A%22"
    );
    assert_eq!(
        uri("https://a.test/cb?x=1").with_query(&[("code", "c")]),
        "https://a.test/cb?x=1&code=c"
    );
    assert_eq!(
        uri("http://localhost:5000").with_query(&[("code", "c")]),
        "http://localhost:5000?code=c"
    );
    assert_eq!(
        uri("https://a.test/cb").with_fragment(&[("code", "c")]),
        "https://a.test/cb#code=c"
    );
}

#[test]
fn origins() {
    let origin = |text: &str| RedirectUri::matching(text, [text]).unwrap().origin();
    assert_eq!(origin("https://a.test:443/cb").as_deref(), Some("https://a.test"));
    assert_eq!(origin("http://localhost:5000").as_deref(), Some("http://localhost:5000"));
    assert_eq!(origin("com.example.app:/cb"), None);
}

proptest! {
    #[test]
    fn matching_never_panics(requested in "\\PC*", entry in "\\PC*") {
        let _ = admits(&entry, &requested);
    }

    // Whatever is admitted by a wildcard lies on a sub-domain of its parent.
    #[test]
    fn admitted_hosts_are_children(requested in "https://[a-z.@:/?*-]{1,12}\\.example\\.com/back") {
        if let Ok(uri) = RedirectUri::matching(&requested, ["https://*.example.com/back"]) {
            let url = Url::parse(uri.as_str()).unwrap();
            let host = url.host_str().unwrap();
            prop_assert!(host.ends_with(".example.com") && host.split('.').count() == 3);
            prop_assert_eq!(url.path(), "/back");
        }
    }
}
