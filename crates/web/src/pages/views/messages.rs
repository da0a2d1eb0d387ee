//! The texts of the pages, one file per language.
//!
//! A translation is a file in `assets/messages` and a line in `BUNDLED`. Its shape is the struct
//! below: a missing or an unknown key stops the start of the server, and a test compares the
//! names in braces.

use serde::Deserialize;

/// English first: it answers whoever asks for a language that is not here.
const BUNDLED: [&str; 2] = [
    include_str!("../../../assets/messages/en.toml"),
    include_str!("../../../assets/messages/de.toml"),
];

/// Preferences of one request that are looked at; the rest only cost time.
const PREFERENCES_MAX: usize = 16;

/// A bundled message file that does not have the shape of [`Messages`].
#[derive(Debug, thiserror::Error)]
#[error("a bundled message file is broken: {0}")]
pub struct BrokenTranslation(#[from] toml::de::Error);

/// All languages that the pages speak.
pub struct Translations {
    english: Messages,
    others: Vec<Messages>,
}

impl Translations {
    /// Reads the files that were compiled in.
    pub fn bundled() -> Result<Self, BrokenTranslation> {
        let [english, others @ ..] = BUNDLED;
        Ok(Self {
            english: toml::from_str(english)?,
            others: others.into_iter().map(toml::from_str).collect::<Result<_, _>>()?,
        })
    }

    /// The best language for a request: `ui_locales` before the `Accept-Language` header, English
    /// when neither names one that we have.
    pub fn pick(&self, ui_locales: Option<&str>, accept_language: Option<&str>) -> &Messages {
        // OpenID Connect Core §3.1.2.1: a space-separated list of BCP 47 tags in order of
        // preference; an unknown language is no error.
        let asked = ui_locales.unwrap_or_default().split_ascii_whitespace();
        let accepted = by_quality(accept_language.unwrap_or_default());
        asked
            .chain(accepted)
            .take(PREFERENCES_MAX)
            .find_map(|tag| self.lookup(tag))
            .unwrap_or(&self.english)
    }

    /// RFC 4647 §3.4: a tag is shortened from its end until something matches.
    fn lookup(&self, tag: &str) -> Option<&Messages> {
        let mut rest = Some(tag);
        while let Some(range) = rest {
            let found = self.all().find(|m| m.locale.tag.eq_ignore_ascii_case(range));
            if found.is_some() {
                return found;
            }
            rest = range.rsplit_once('-').map(|(shorter, _)| shorter);
        }
        None
    }

    fn all(&self) -> impl Iterator<Item = &Messages> {
        std::iter::once(&self.english).chain(&self.others)
    }
}

/// The language ranges of an `Accept-Language` header, best first (RFC 9110 §12.5.4).
fn by_quality(header: &str) -> impl Iterator<Item = &str> {
    let mut ranges: Vec<(f32, &str)> = header
        .split(',')
        .take(PREFERENCES_MAX)
        .filter_map(|item| {
            let (range, weight) = item.split_once(';').unwrap_or((item, "q=1"));
            let quality = weight.trim().strip_prefix("q=")?.parse::<f32>().ok()?;
            // RFC 9110 §12.4.2: a weight of 0 means "not acceptable".
            (quality > 0.0).then_some((quality, range.trim()))
        })
        .collect();
    ranges.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    ranges.into_iter().map(|(_, range)| range)
}

/// A text with `{names}` that are filled in when it is shown.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Phrase(String);

impl Phrase {
    /// Fills each `{name}` with its value, in one pass: a value that looks like a name stays text.
    pub(super) fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut filled = String::with_capacity(self.0.len());
        let mut rest = self.0.as_str();
        while let Some((before, name, after)) = next_name(rest) {
            filled.push_str(before);
            match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => filled.push_str(value),
                None => filled.extend(["{", name, "}"]),
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// Splits a text around its first `{name}`.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// Every text of the pages in one language.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    pub(super) locale: Locale,
    pub(super) common: Common,
    pub(super) login: Login,
    pub(super) signup: SignUp,
    pub(super) error: RequestError,
    pub(super) provider: ProviderError,
    pub(super) connect: Connect,
    pub(super) connect_error: ConnectError,
    pub(super) logout: Logout,
    pub(super) response: Response,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Locale {
    /// BCP 47, for `<html lang>`.
    pub(super) tag: String,
    /// `ltr` or `rtl`, for `<html dir>`.
    pub(super) direction: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Common {
    pub(super) title: Phrase,
    pub(super) title_with_error: Phrase,
    pub(super) skip_to_content: String,
    pub(super) r#continue: String,
    pub(super) continue_with: Phrase,
    pub(super) or: String,
    pub(super) footer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    pub(super) title: String,
    pub(super) lead: Phrase,
    pub(super) identifier: String,
    pub(super) password: String,
    pub(super) no_account: String,
    pub(super) sign_up: String,
    pub(super) other_ways: String,
    pub(super) wrong_credentials: String,
    pub(super) too_many_attempts: String,
    pub(super) account_blocked: Phrase,
    pub(super) identifier_missing: String,
    pub(super) password_missing: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUp {
    pub(super) title: String,
    pub(super) lead: Phrase,
    pub(super) email: String,
    pub(super) password: String,
    pub(super) rules: String,
    pub(super) rule_min_length: Phrase,
    pub(super) rule_character_classes: String,
    pub(super) rule_no_repeats: String,
    pub(super) rule_not_common: String,
    pub(super) rule_not_personal: String,
    pub(super) rule_met: String,
    pub(super) rule_broken: String,
    pub(super) have_account: String,
    pub(super) log_in: String,
    pub(super) email_invalid: String,
    pub(super) password_weak: String,
    pub(super) not_created: String,
    pub(super) too_many_attempts: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestError {
    pub(super) title: String,
    pub(super) details: String,
    pub(super) code: String,
    pub(super) reference: String,
    pub(super) explanation: String,
    pub(super) unknown_application: Phrase,
    pub(super) callback_mismatch: String,
    pub(super) return_mismatch: String,
    pub(super) invalid_request: String,
    pub(super) expired: String,
    pub(super) other_browser: String,
    pub(super) unavailable: String,
    pub(super) internal: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderError {
    pub(super) title: String,
    pub(super) denied: Phrase,
    pub(super) unavailable: Phrase,
    pub(super) rejected: Phrase,
    pub(super) expired: Phrase,
    pub(super) not_allowed: Phrase,
    pub(super) try_again: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connect {
    pub(super) title: Phrase,
    pub(super) lead: Phrase,
    pub(super) permissions: Phrase,
    pub(super) no_permissions: Phrase,
    pub(super) belongs_to: Phrase,
    pub(super) control: String,
    pub(super) only_if_started: Phrase,
    pub(super) accept: Phrase,
    pub(super) deny: String,
    pub(super) done_title: String,
    pub(super) done: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectError {
    pub(super) title: String,
    pub(super) foreign_link_title: String,
    pub(super) foreign_link: String,
    pub(super) foreign_link_advice: String,
    pub(super) expired: String,
    pub(super) denied: Phrase,
    pub(super) scopes_missing: Phrase,
    pub(super) unavailable: Phrase,
    pub(super) rejected: Phrase,
    pub(super) r#return: Phrase,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logout {
    pub(super) title: String,
    pub(super) question: String,
    pub(super) lead: Phrase,
    pub(super) lead_client: Phrase,
    pub(super) accept: String,
    pub(super) deny: String,
    pub(super) done_title: String,
    pub(super) done: String,
    pub(super) stayed_title: String,
    pub(super) stayed: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Response {
    pub(super) form_post_title: String,
    pub(super) form_post_help: String,
    pub(super) web_message_title: String,
    pub(super) web_message_help: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_phrase_is_filled_in_one_pass() {
        let phrase = Phrase("{a} and {b}, {unknown}".into());
        assert_eq!(phrase.fill(&[("a", "{b}"), ("b", "2")]), "{b} and 2, {unknown}");
        assert_eq!(Phrase("an open { brace".into()).fill(&[("", "x")]), "an open { brace");
    }

    #[test]
    fn the_language_is_what_was_asked_for_first_and_exists() {
        let translations = Translations::bundled().unwrap();
        let check = |ui_locales: &str, accept_language: &str, expected: &str| {
            let messages = translations.pick(Some(ui_locales), Some(accept_language));
            assert_eq!(messages.locale.tag, expected, "{ui_locales:?} {accept_language:?}");
        };
        check("", "", "en");
        check("de", "en", "de");
        check("tlh de-AT-1996 en", "", "de");
        check("fr", "DE-ch, en;q=0.8", "de");
        check("", "de;q=0.7, en;q=0.9", "en");
        check("", "de;q=0, fr", "en");
        check("", "de;level=1, *;q=0.5", "en");
        check("- -- de-", "", "de");
    }

    #[test]
    fn translations_have_the_same_keys_and_names() {
        let [english, others @ ..] = BUNDLED.map(|file| names_by_key(file.parse().unwrap()));
        assert!(english.len() > 60, "{}", english.len());
        for other in others {
            assert_eq!(other, english);
        }
    }

    /// Each `table.key` with the sorted names that stand in its text.
    fn names_by_key(file: toml::Table) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        for (table, entries) in file {
            for (key, text) in entries.as_table().unwrap() {
                let mut names = Vec::new();
                let mut rest = text.as_str().unwrap();
                while let Some((_, name, after)) = next_name(rest) {
                    names.push(name.to_owned());
                    rest = after;
                }
                names.sort();
                found.insert(format!("{table}.{key}"), names);
            }
        }
        found
    }
}
