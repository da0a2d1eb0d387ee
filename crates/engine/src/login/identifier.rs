//! The name by which a person logs in: an e-mail address.

use model::user::normalized_email;

/// Longest identifier, in bytes (RFC 5321 §4.5.3.1).
const IDENTIFIER_BYTES_MAX: usize = 320;
const LOCAL_PART_BYTES_MAX: usize = 64;

/// The form in which identifiers are looked up and counted, so that every spelling of one is one.
/// `None` is what can be nobody's.
pub(crate) fn lookup_form(text: &str) -> Option<String> {
    let form = normalized_email(text);
    let possible = !form.is_empty()
        && form.len() <= IDENTIFIER_BYTES_MAX
        && !form.contains(|c: char| c.is_control() || c.is_whitespace());
    possible.then_some(form)
}

/// An e-mail address that an account may be made for, in its lookup form.
///
/// Stricter than what mail servers take: one `@`, and ASCII alone. Letters that look the same or
/// that Unicode calls equivalent would make two accounts of what people read as one address; an
/// internationalized domain has an ASCII form, which is what is accepted.
pub(crate) fn address_for_signup(text: &str) -> Option<String> {
    let address = lookup_form(text)?;
    let (local, domain) = address.split_once('@')?;
    let local_byte = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let is_local = (1..=LOCAL_PART_BYTES_MAX).contains(&local.len())
        && local.bytes().all(local_byte)
        && !local.split('.').any(str::is_empty);
    (is_local && is_domain(domain)).then_some(address)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.len() <= 255 && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A159: one identity or refused, and the same in lock-out and look-up.
    #[test]
    fn a159_every_spelling_of_an_identifier_is_one() {
        let check = |text: &str, form: Option<&str>| {
            assert_eq!(lookup_form(text).as_deref(), form, "{text:?}");
        };
        check("ada@strongroom.test", Some("ada@strongroom.test"));
        check(" Ada@Strongroom.TEST\t", Some("ada@strongroom.test"));
        check("ADA", Some("ada"));
        check("\u{212A}im@x.test", Some("kim@x.test"));
        check("", None);
        check("  ", None);
        check("a\0b@x.test", None);
        check("a\nb@x.test", None);
        check("a b@x.test", None);
        check(&"a".repeat(321), None);
    }

    #[test]
    fn a159_accounts_are_made_for_unmistakable_addresses_only() {
        for good in ["a@b.test", "A.b+c@x-y.example.test", "o'hara@xn--mnchen-3ya.test"] {
            assert_eq!(address_for_signup(good), Some(good.to_lowercase()), "{good}");
        }
        let bad = [
            "",
            "a",
            "@b.test",
            "a@",
            "a@b",
            "a@b@c.test",
            "a\u{FF20}b.test",
            "a@b\u{FF20}c.test",
            "é@b.test",
            "e\u{301}@b.test",
            "a@münchen.test",
            "\u{0430}da@b.test",
            ".a@b.test",
            "a.@b.test",
            "a..b@c.test",
            "a b@c.test",
            "a\"b@c.test",
            "a@-b.test",
            "a@b-.test",
            "a@b..test",
            "a@b.test.",
            "a@[127.0.0.1]",
            "a\u{200B}@b.test",
            "<a@b.test>",
        ];
        for bad in bad {
            assert_eq!(address_for_signup(bad), None, "{bad:?}");
        }
    }
}
