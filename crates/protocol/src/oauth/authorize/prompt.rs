use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A page that a request insists on, or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// No page at all may be shown.
    None,
    /// The person logs in again.
    Login,
    /// The person consents again.
    Consent,
    /// The person chooses an account.
    SelectAccount,
}

impl Prompt {
    const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The value within `prompt`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// The value of `prompt`: prompts without repetition, `none` only alone.
/// Serialized as the space-separated string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptSet(Vec<Prompt>);

impl PromptSet {
    /// Reads a space-separated list; empty text is the empty set.
    pub fn parse(text: &str) -> Result<Self, InvalidPrompt> {
        let mut prompts = Vec::new();
        for word in text.split_ascii_whitespace() {
            let known = Prompt::ALL.into_iter().find(|prompt| prompt.as_str() == word);
            let prompt = known.ok_or(InvalidPrompt::Unknown)?;
            if !prompts.contains(&prompt) {
                prompts.push(prompt);
            }
        }
        // OpenID Connect Core §3.1.2.1: if this parameter contains none with
        // any other value, an error is returned.
        if prompts.contains(&Prompt::None) && prompts.len() > 1 {
            return Err(InvalidPrompt::NoneWithOthers);
        }
        Ok(Self(prompts))
    }

    /// Whether the request names this prompt.
    pub fn contains(&self, prompt: Prompt) -> bool {
        self.0.contains(&prompt)
    }

    /// Whether the request names no prompt.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for PromptSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|prompt| prompt.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl Serialize for PromptSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PromptSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Why a text is no set of prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrompt {
    /// A prompt that we do not know.
    #[error("unknown prompt")]
    Unknown,
    /// `none` together with another.
    #[error("none cannot be combined")]
    NoneWithOthers,
}
