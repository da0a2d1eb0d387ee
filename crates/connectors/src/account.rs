//! Whose account it is: the provider's word about a person, made uniform.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use protocol::oidc::id_token::ProviderIdentity;
use serde_json::{Map, Value};

use crate::place;
use crate::provider::Provider;
use crate::quirks::github;
use crate::reply::Reply;
use crate::spec::Quirk;
use crate::token_reply::Extras;

/// Longest subject that is taken, in bytes (OpenID Connect Core §2, `sub`).
const SUBJECT_BYTES_MAX: usize = 255;
/// Longest other attribute that is taken, in bytes.
const ATTRIBUTE_BYTES_MAX: usize = 2048;
/// Longest e-mail address that is taken, in bytes (RFC 5321 §4.5.3.1).
const EMAIL_BYTES_MAX: usize = 320;

/// Claims of an ID token that are about the token and not about the person.
const TOKEN_CLAIMS: [&str; 13] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "nonce",
];

/// An account at a provider.
#[derive(Clone, PartialEq)]
pub struct ProviderAccount {
    /// What identifies it there, for ever; the only safe key.
    pub subject: String,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Whether the provider vouches for that address; only JSON `true` does.
    pub email_verified: bool,
    /// The person's full name.
    pub name: Option<String>,
    /// The person's given name.
    pub given_name: Option<String>,
    /// The person's family name.
    pub family_name: Option<String>,
    /// What the person goes by there.
    pub nickname: Option<String>,
    /// Address of a picture, `https` or `http`.
    pub picture: Option<String>,
    /// By what people tell their accounts apart; never empty.
    pub label: String,
    /// Everything that was said, unchecked.
    pub profile: Map<String, Value>,
}

// By hand: logs need to tell accounts apart, not to describe people.
impl fmt::Debug for ProviderAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderAccount").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// What is known about an account.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountReplies<'a> {
    /// The ID token, verified.
    pub id_token: Option<&'a ProviderIdentity>,
    /// What the connection's script told, in the place of a reply.
    pub script: Option<&'a Map<String, Value>>,
    /// What came with the tokens ([`TokenReply::extras`](crate::TokenReply::extras)).
    pub token: Option<&'a Extras>,
    /// The reply to [`userinfo_request`](crate::userinfo_request).
    pub userinfo: Option<Reply<'a>>,
    /// The reply to [`emails_request`](crate::emails_request).
    pub emails: Option<Reply<'a>>,
}

/// Why an account cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountFault {
    /// The provider vouches for accounts by ID token, and there is none.
    #[error("no ID token")]
    IdTokenMissing,
    /// The access token was refused: wrong scopes, or revoked at once.
    #[error("the userinfo endpoint refuses the access token (status {0})")]
    Refused(u16),
    /// The endpoint may answer later.
    #[error("the userinfo endpoint cannot answer at present (status {status})")]
    Passing {
        /// The status.
        status: u16,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The reply is not an object that describes somebody.
    #[error("the userinfo reply is malformed")]
    Malformed,
    /// Nothing, or nothing usable, stands where the subject should.
    #[error("the provider names no subject")]
    SubjectMissing,
    /// The account is not of the organization that the connection is for.
    #[error("the account belongs to another organization than the connection's")]
    OtherOrganization,
    /// ID token and userinfo speak of different accounts.
    #[error("ID token and userinfo name different subjects")]
    SubjectMismatch,
}

/// Reads an account from what the provider says about it.
///
/// A reply that is given must be good, except for the addresses: who can do
/// without the userinfo endpoint, having an ID token, leaves a failure out.
pub fn read_account(
    provider: &Provider,
    replies: &AccountReplies<'_>,
) -> Result<ProviderAccount, AccountFault> {
    let vouched = replies.id_token.map(|identity| {
        let mut claims = identity.claims().clone();
        claims.insert("sub".to_owned(), Value::from(identity.subject()));
        claims
    });
    let vouched = match vouched {
        None if provider.spec.account.id_token => return Err(AccountFault::IdTokenMissing),
        Some(_) if !provider.spec.account.id_token => None,
        Some(_) | None => vouched,
    };
    let userinfo = match replies.script {
        Some(profile) => Some(profile.clone()),
        None => replies.userinfo.as_ref().map(userinfo_members).transpose()?,
    };
    let userinfo = match replies.token {
        Some(extras) if provider.spec.account.from_token => {
            let mut told = extras.as_map().clone();
            told.extend(userinfo.into_iter().flatten());
            Some(told)
        }
        Some(_) | None => userinfo,
    };
    check_organization(provider, vouched.as_ref(), userinfo.as_ref())?;
    let listed = replies.emails.as_ref().and_then(|reply| listed_email(provider, reply));
    assemble(provider, vouched, userinfo, listed)
}

/// A hint in the request is not enough: the person may have chosen another
/// account. Where an ID token vouches, its word counts.
fn check_organization(
    provider: &Provider,
    vouched: Option<&Map<String, Value>>,
    told: Option<&Map<String, Value>>,
) -> Result<(), AccountFault> {
    let Some(rule) = &provider.spec.account.must_match else { return Ok(()) };
    let said = vouched.or(told).and_then(|members| place::descend(members, &rule.place)?.as_str());
    match (said, &provider.must_match) {
        (Some(said), Some(wanted)) if said.eq_ignore_ascii_case(wanted) => Ok(()),
        (Some(_) | None, Some(_) | None) => Err(AccountFault::OtherOrganization),
    }
}

/// An address, and whether the provider vouches for it.
type Email = (String, bool);

fn assemble(
    provider: &Provider,
    vouched: Option<Map<String, Value>>,
    told: Option<Map<String, Value>>,
    listed: Option<Email>,
) -> Result<ProviderAccount, AccountFault> {
    let places = Places { provider };
    let subject = subject(places, vouched.as_ref(), told.as_ref())?;
    let (profile, email) = match &provider.attribute_map {
        Some(map) => {
            let profile = map.apply(vouched.as_ref(), told.as_ref());
            let email = places.email(&profile);
            (profile, email)
        }
        None => bind_all(places, vouched, told),
    };
    let email = listed.or(email);
    let (email, email_verified) = email.map_or((None, false), |(e, verified)| (Some(e), verified));
    let attribute = |name| places.text(&profile, name, ATTRIBUTE_BYTES_MAX);
    let (name, nickname) = (attribute(Attribute::Name), attribute(Attribute::Nickname));
    let label = [attribute(Attribute::Label), email.clone(), nickname.clone(), name.clone()];
    Ok(ProviderAccount {
        label: label.into_iter().flatten().next().unwrap_or_else(|| subject.clone()),
        subject,
        email,
        email_verified,
        name,
        given_name: attribute(Attribute::GivenName),
        family_name: attribute(Attribute::FamilyName),
        nickname,
        picture: attribute(Attribute::Picture).filter(|address| is_web_address(address)),
        profile,
    })
}

/// Everything that was said under the names it was said, and the address.
fn bind_all(
    places: Places<'_>,
    vouched: Option<Map<String, Value>>,
    told: Option<Map<String, Value>>,
) -> (Map<String, Value>, Option<Email>) {
    // An address and the word about it must come from one mouth, or an address
    // that nobody verified could borrow the other's `true`.
    let sources = [told.as_ref(), vouched.as_ref()];
    let email = sources.into_iter().flatten().find_map(|members| places.email(members));
    let mut profile = vouched.unwrap_or_default();
    profile.retain(|name, _| !TOKEN_CLAIMS.contains(&name.as_str()));
    profile.extend(told.into_iter().flatten());
    (profile, email)
}

fn userinfo_members(reply: &Reply<'_>) -> Result<Map<String, Value>, AccountFault> {
    let status = reply.status.as_u16();
    if reply.status.is_server_error() || matches!(status, 408 | 429) {
        return Err(AccountFault::Passing { status, retry_after: reply.retry_after() });
    }
    if !reply.status.is_success() {
        return Err(AccountFault::Refused(status));
    }
    reply.json_object().ok_or(AccountFault::Malformed)
}

fn subject(
    places: Places<'_>,
    vouched: Option<&Map<String, Value>>,
    told: Option<&Map<String, Value>>,
) -> Result<String, AccountFault> {
    let named = |members: &Map<String, Value>| places.subject(members);
    match (vouched.map(named), told.map(named)) {
        // OpenID Connect Core §5.3.2: the sub Claim in the UserInfo Response MUST be
        // verified to exactly match the sub Claim in the ID Token; if they do not
        // match, the UserInfo Response values MUST NOT be used.
        (Some(vouched), Some(told)) if vouched != told => Err(AccountFault::SubjectMismatch),
        (Some(subject), _) | (None, Some(subject)) => subject.ok_or(AccountFault::SubjectMissing),
        (None, None) => Err(AccountFault::SubjectMissing),
    }
}

fn listed_email(provider: &Provider, reply: &Reply<'_>) -> Option<Email> {
    if !reply.status.is_success() {
        return None;
    }
    match provider.spec.quirk {
        Quirk::None => None,
        Quirk::Github => {
            let items = reply.json_array()?;
            let (address, verified) = github::primary_email(&items)?;
            is_address(address).then(|| (address.to_owned(), verified))
        }
    }
}

#[derive(Clone, Copy)]
enum Attribute {
    Subject,
    Email,
    EmailVerified,
    Name,
    GivenName,
    FamilyName,
    Nickname,
    Picture,
    Label,
}

/// Knows where an attribute stands in a provider's profile.
#[derive(Clone, Copy)]
struct Places<'a> {
    provider: &'a Provider,
}

impl<'a> Places<'a> {
    fn subject(self, members: &Map<String, Value>) -> Option<String> {
        self.text(members, Attribute::Subject, SUBJECT_BYTES_MAX)
    }

    /// The address and whether the same object says that it is verified.
    fn email(self, members: &Map<String, Value>) -> Option<Email> {
        let address = self.text(members, Attribute::Email, EMAIL_BYTES_MAX)?;
        let word = place::find(members, &self.of(Attribute::EmailVerified));
        let verified = word == Some(&Value::Bool(true));
        is_address(&address).then_some((address, verified))
    }

    /// A string without control characters, or a whole number as one.
    fn text(
        self,
        members: &Map<String, Value>,
        attribute: Attribute,
        bytes_max: usize,
    ) -> Option<String> {
        let text = place::text(members, &self.of(attribute))?;
        let sound = !text.is_empty() && text.len() <= bytes_max && !text.contains(char::is_control);
        sound.then_some(text)
    }

    fn of(self, attribute: Attribute) -> Cow<'a, [String]> {
        let spec = &self.provider.spec.account;
        let (auth0_name, places) = match attribute {
            Attribute::Subject => ("user_id", &spec.subject),
            Attribute::Email => ("email", &spec.email),
            Attribute::EmailVerified => ("email_verified", &spec.email_verified),
            Attribute::Name => ("name", &spec.name),
            Attribute::GivenName => ("given_name", &spec.given_name),
            Attribute::FamilyName => ("family_name", &spec.family_name),
            Attribute::Nickname => ("nickname", &spec.nickname),
            Attribute::Picture => ("picture", &spec.picture),
            Attribute::Label => ("label", &spec.label),
        };
        match self.provider.fields_map.get(auth0_name) {
            Some(place) => Cow::Owned(vec![place.clone()]),
            None => Cow::Borrowed(places),
        }
    }
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let blank = |c: char| c.is_whitespace() || c.is_control();
    !local.is_empty()
        && !domain.is_empty()
        && text.len() <= EMAIL_BYTES_MAX
        && !text.contains(blank)
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

#[cfg(test)]
mod tests;
