//! The forms of a page, as much of HTML as our own and the emulator's templates use.

use std::collections::HashMap;

use url::Url;

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it is sent.
    pub action: Url,
    /// Whether it is sent by POST.
    pub is_post: bool,
    /// Its fields with the values that they come with.
    pub fields: Vec<(String, String)>,
    /// Its buttons that send something.
    pub buttons: Vec<Submit>,
}

/// A button of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Its name; empty if it sends nothing of its own.
    pub name: String,
    /// What it sends.
    pub value: String,
}

impl Form {
    /// Whether it has a field of this name.
    pub fn has_field(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// Whether it has a button that sends this.
    pub fn has_button(&self, name: &str, value: &str) -> bool {
        self.buttons.iter().any(|button| button.name == name && button.value == value)
    }

    /// Types into a field.
    pub fn fill(&mut self, name: &str, value: &str) {
        let field = self.fields.iter_mut().find(|(field, _)| field == name);
        let (_, text) = field.unwrap_or_else(|| panic!("no field {name}"));
        value.clone_into(text);
    }

    /// What is sent when a button is pressed.
    pub fn pressed(&self, button: &Submit) -> Vec<(String, String)> {
        let mut pairs = self.fields.clone();
        if !button.name.is_empty() {
            pairs.push((button.name.clone(), button.value.clone()));
        }
        pairs
    }
}

/// The forms of a document.
pub(crate) fn forms(document: &str, base: &Url) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut current: Option<Form> = None;
    for tag in tags(document) {
        match (tag.name, &mut current) {
            ("form", _) => current = Some(form(&tag, base)),
            ("/form", Some(_)) => forms.extend(current.take()),
            ("input", Some(form)) => form.fields.extend(field(&tag)),
            ("button", Some(form)) => form.buttons.extend(button(&tag)),
            _ => {}
        }
    }
    forms
}

/// The targets of a document's links.
pub(crate) fn links(document: &str, base: &Url) -> Vec<Url> {
    tags(document)
        .filter(|tag| tag.name == "a")
        .filter_map(|tag| base.join(tag.attribute("href")?).ok())
        .collect()
}

fn form(tag: &Tag<'_>, base: &Url) -> Form {
    let action = base.join(tag.attribute("action").unwrap_or_default()).unwrap();
    let is_post = tag.attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
    Form { action, is_post, fields: Vec::new(), buttons: Vec::new() }
}

fn field(tag: &Tag<'_>) -> Option<(String, String)> {
    let is_box = matches!(tag.attribute("type"), Some("checkbox" | "radio"));
    if is_box && tag.attribute("checked").is_none() {
        return None;
    }
    let value = tag.attribute("value").unwrap_or_default();
    Some((tag.attribute("name")?.to_owned(), value.to_owned()))
}

fn button(tag: &Tag<'_>) -> Option<Submit> {
    let submits = tag.attribute("type").is_none_or(|kind| kind == "submit");
    let text = |name| tag.attribute(name).unwrap_or_default().to_owned();
    submits.then(|| Submit { name: text("name"), value: text("value") })
}

struct Tag<'a> {
    name: &'a str,
    attributes: HashMap<&'a str, String>,
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

fn tags(document: &str) -> impl Iterator<Item = Tag<'_>> {
    document.split('<').skip(1).filter_map(|rest| {
        let inside = &rest[..end_of_tag(rest)?];
        let name_end = inside.find(|c: char| c.is_ascii_whitespace()).unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(name_end);
        Some(Tag { name: name.trim_end_matches('/'), attributes: attributes_of(attributes) })
    })
}

/// The first `>` outside of quotes. Templates escape `<` in values, so no value holds one.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut is_quoted = false;
    text.char_indices().find_map(|(at, c)| {
        is_quoted ^= c == '"';
        (c == '>' && !is_quoted).then_some(at)
    })
}

fn attributes_of(mut text: &str) -> HashMap<&str, String> {
    let mut attributes = HashMap::new();
    loop {
        text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if text.is_empty() {
            return attributes;
        }
        let end = text.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let (value, rest) = match rest.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => ("", rest.trim_start_matches('=')),
        };
        attributes.insert(name, unescape(value));
        text = rest;
    }
}

fn unescape(text: &str) -> String {
    const NAMED: [(&str, &str); 8] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
    ];
    let text = NAMED.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&#x27;", "'").replace("&#x2F;", "/").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_fields_and_buttons() {
        let document = r#"<h1>Log in</h1><form class="x" method="post" action="/u/login?state=a&amp;b">
            <input type="hidden" name="state" value="&#34;&lt;x&gt;">
            <input id="username" name="username" required
               aria-invalid="true"><input type="checkbox" name="scope" value="a" checked>
            <input type="checkbox" name="scope" value="b"/>
            <button type="submit" name="action" value="default">Go</button>
            <button type="button" name="no">No</button><button>Plain</button></form>
            <a href="/next?a=1&amp;b=2">Next</a>"#;
        let base = Url::parse("http://localhost:4000/authorize").unwrap();
        let [form] = &forms(document, &base)[..] else { panic!("one form") };
        assert_eq!(form.action.as_str(), "http://localhost:4000/u/login?state=a&b");
        assert!(form.is_post);
        let expected = [("state", "\"<x>"), ("username", ""), ("scope", "a")];
        assert_eq!(form.fields, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert!(form.has_button("action", "default") && form.has_button("", ""));
        assert_eq!(form.buttons.len(), 2);
        assert_eq!(links(document, &base)[0].as_str(), "http://localhost:4000/next?a=1&b=2");
    }
}
