//! Just enough of an HTML reader to ask a page what is on it.

/// A start tag with the text behind it, up to the next tag.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) text: String,
}

impl Element {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Takes a page apart. Strict where a browser forgives: an attribute value stands in double
/// quotes, and a `<` that starts no tag does not occur.
pub(super) fn elements(html: &str) -> Vec<Element> {
    html.split('<')
        .skip(1)
        .filter(|piece| !piece.starts_with(['/', '!']))
        .map(|piece| {
            let (name, mut rest) = piece.split_at(piece.find([' ', '\n', '>']).unwrap());
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{piece}");
            let mut attributes = Vec::new();
            loop {
                rest = rest.trim_start();
                if let Some(text) = rest.strip_prefix('>') {
                    let (name, text) = (name.to_owned(), unescaped(text.trim()));
                    return Element { name, attributes, text };
                }
                let (name, after) = rest.split_at(rest.find([' ', '\n', '>', '=']).unwrap());
                let (value, after) = match after.strip_prefix('=') {
                    Some(value) => value.strip_prefix('"').unwrap().split_once('"').unwrap(),
                    None => ("", after),
                };
                attributes.push((name.to_owned(), unescaped(value)));
                rest = after;
            }
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign))
}
