//! Every page in every language and state, read as a browser would read it.

mod markup;
mod samples;

use askama::Template;

use self::markup::{Element, elements};
use super::*;

/// Breaks out of a text, of an attribute in either quotes, and of a script.
const HOSTILE: &str =
    r#""'></script><script>alert(1)</script><img src=x onerror=alert(1)>{tenant}"#;
const PLAIN: &str = "Ada";

/// Every page in every language, as text and taken apart.
fn all(text: &str) -> Vec<(String, Vec<Element>)> {
    let translations = Translations::bundled().unwrap();
    ["en", "de"]
        .into_iter()
        .flat_map(|tag| samples::pages(translations.pick(Some(tag), None), text))
        .map(|html| (elements(&html), html))
        .map(|(elements, html)| (html, elements))
        .collect()
}

#[test]
fn hostile_texts_stay_texts() {
    for (html, elements) in all(HOSTILE) {
        assert!(!html.contains("<script>") && !html.contains("<img src=x"), "{html}");
        for element in elements {
            assert!(element.name != "style" && element.name != "iframe", "{element:?}");
            for (name, value) in &element.attributes {
                assert!(!name.starts_with("on") && name != "style", "{element:?}");
                assert!(!value.starts_with("javascript:"), "{element:?}");
            }
            if element.name == "script" {
                assert!(element.get("src").unwrap().starts_with("/assets/"), "{element:?}");
                assert_eq!(element.text, "", "{element:?}");
            }
        }
    }
}

#[test]
fn hostile_and_plain_texts_make_the_same_document() {
    for ((_, hostile), (_, plain)) in all(HOSTILE).iter().zip(all(PLAIN)) {
        let names = |elements: &[Element]| -> Vec<String> {
            elements.iter().map(|element| element.name.clone()).collect()
        };
        assert_eq!(names(hostile), names(&plain));
    }
}

#[test]
fn every_name_in_a_text_is_filled() {
    for (html, _) in all(PLAIN) {
        // The response of the web_message page is JSON.
        let html = html.replace(r#" data-response="{"#, "").replace(r#"}" data-target"#, "");
        assert!(!html.contains(['{', '}']), "{html}");
    }
}

#[test]
fn pages_work_for_screen_readers() {
    for (html, elements) in all(PLAIN) {
        let of = |name: &str| -> Vec<&Element> {
            elements.iter().filter(|element| element.name == name).collect()
        };
        assert!(of("html")[0].get("lang").is_some_and(|lang| !lang.is_empty()), "{html}");
        assert!(!of("title")[0].text.is_empty(), "{html}");
        for landmark in ["header", "main", "footer", "h1"] {
            assert_eq!(of(landmark).len(), 1, "{landmark} in {html}");
        }

        let ids: Vec<&str> = elements.iter().filter_map(|element| element.get("id")).collect();
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{id} twice in {html}");
        }
        for element in &elements {
            let references = ["for", "aria-describedby", "aria-labelledby"];
            for id in references.iter().filter_map(|name| element.get(name)) {
                assert!(id.split(' ').all(|id| ids.contains(&id)), "{element:?}");
            }
        }
        for input in of("input").iter().filter(|input| input.get("type") != Some("hidden")) {
            let label = of("label").into_iter().find(|label| label.get("for") == input.get("id"));
            assert!(label.is_some_and(|label| !label.text.is_empty()), "{input:?}");
            assert!(input.get("autocomplete").is_some(), "{input:?}");
        }
        assert!(of("img").iter().all(|image| image.get("alt").is_some()), "{html}");
        assert!(of("input").iter().filter(|input| input.get("autofocus").is_some()).count() <= 1);

        let has_error = elements.iter().any(|element| {
            element.get("role") == Some("alert") || element.get("aria-invalid").is_some()
        });
        if has_error {
            let title = &of("title")[0].text;
            assert!(title.starts_with("Error: ") || title.starts_with("Fehler: "), "{title}");
        }
    }
}

#[test]
fn the_login_form_has_the_selectors_that_browser_tests_use() {
    let translations = Translations::bundled().unwrap();
    let pages = samples::pages(translations.pick(None, None), PLAIN);
    let login = elements(&pages[0]);
    let by_id = |id: &str| login.iter().find(|element| element.get("id") == Some(id)).unwrap();
    assert_eq!(
        (by_id("username").name.as_str(), by_id("username").get("name")),
        ("input", Some("username"))
    );
    assert_eq!(by_id("password").get("type"), Some("password"));
    let button = login.iter().find(|element| element.name == "button").unwrap();
    assert_eq!(
        (button.get("type"), button.get("name"), button.get("value"), button.text.as_str()),
        (Some("submit"), Some("action"), Some("default"), "Continue")
    );
    assert!(login.iter().any(|element| element.get("data-provider") == Some(PLAIN)));
    for page in &pages[4..8] {
        let answers: Vec<_> = elements(page)
            .into_iter()
            .filter(|element| element.get("name") == Some("action"))
            .map(|element| element.get("value").map(str::to_owned))
            .collect();
        assert_eq!(answers, [Some("accept".to_owned()), Some("deny".to_owned())]);
    }
}

#[test]
fn a_password_never_comes_back() {
    for (html, elements) in all(PLAIN) {
        let password = elements.iter().find(|element| element.get("id") == Some("password"));
        assert!(password.is_none_or(|password| password.get("value").is_none()), "{html}");
    }
}

#[test]
fn the_response_pages_carry_the_response_exactly() {
    let translations = Translations::bundled().unwrap();
    let messages = translations.pick(None, None);
    let frame = Frame { messages, tenant: PLAIN, logo: None };
    let target = ResponseTarget::parse("https://app.test/callback?a=1&b=2").unwrap();
    let fields = [("code", "c0de"), ("state", HOSTILE)];

    let page = WebMessagePage { frame, target: &target, fields: &fields }.render().unwrap();
    let body = elements(&page).into_iter().find(|element| element.name == "body").unwrap();
    assert_eq!(body.get("data-target-origin"), Some("https://app.test"));
    let response: serde_json::Value =
        serde_json::from_str(body.get("data-response").unwrap()).unwrap();
    assert_eq!(response, serde_json::json!({"code": "c0de", "state": HOSTILE}));

    let page = FormPostPage { frame, target: &target, fields: &fields, leads_to: &[] };
    let page = elements(&page.render().unwrap());
    let form = page.iter().find(|element| element.name == "form").unwrap();
    assert_eq!(form.get("action"), Some("https://app.test/callback?a=1&b=2"));
    let sent: Vec<_> = page
        .iter()
        .filter(|element| element.name == "input")
        .map(|input| (input.get("name").unwrap(), input.get("value").unwrap()))
        .collect();
    assert_eq!(sent, fields);
}

#[test]
fn the_stylesheet_loads_nothing() {
    let css = asset("strongroom.css").unwrap().body;
    assert!(!css.contains("url(") && !css.contains("@import"));
    assert!(asset("messages/en.toml").is_none());
}
