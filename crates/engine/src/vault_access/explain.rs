//! Why a client gets a person's token, or does not: the decision, check by check.
//!
//! The checks are those of an exchange, by the same lines. What only a real request brings is supposed
//! to be good, and said to be supposed: the client's credentials and the subject token.

mod check;

use std::net::IpAddr;

use connectors::Catalogue;
use model::client::{AppType, Client};
use model::ids::{ClientId, UserId};
use protocol::oauth::exchange::SubjectTokenType;
use protocol::oauth::scope::ScopeSet;
use protocol::time::Timestamp;
use serde::Serialize;
use store::{Database, Query, StoreError, clients};
use vault::refresh::{Refusal, Step};

use super::permit::{Bearer, ExchangePermit, From, Wanted, api_of, holder, may_ask, permit};
use super::policy;
use super::{ExchangeError, step};
use crate::access::AccessError;
use crate::context::Context;
use crate::keys::KeyError;
use crate::tokensets::TokensetError;

pub use check::Check;

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Question {
    /// The client that would ask.
    pub client_id: ClientId,
    /// The person.
    pub user_id: UserId,
    /// The connection's name.
    pub connection: String,
    /// Which of several accounts.
    pub login_hint: Option<String>,
    /// With which scopes.
    pub scope: Option<ScopeSet>,
    /// With which subject token; `None` is the kind that the client is made for.
    pub subject_token_type: Option<SubjectTokenType>,
    /// To which client the person gave the access token; the client itself if none is named.
    pub holder: Option<ClientId>,
    /// From where.
    pub address: Option<IpAddr>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed; nothing after it is looked at.
    Failed,
    /// Only a real request can tell; it is supposed to pass.
    Supposed,
    /// An earlier check failed.
    NotReached,
}

/// A check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The check.
    pub check: Check,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found, in a sentence.
    pub finding: String,
    /// What to do about it, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Every check of an exchange of this kind, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the client would get a token, as far as anybody can tell without asking the provider.
    pub allowed: bool,
    /// The check that fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_check: Option<Check>,
    /// The checks.
    pub checks: Vec<Row>,
}

/// Explains an exchange. Nothing is spent, renewed or written.
pub async fn explain(
    store: &Database,
    catalogue: &Catalogue,
    context: &Context,
    question: &Question,
    now: Timestamp,
) -> Result<Explanation, StoreError> {
    let mut read = store.read().await?;
    let found = clients::find(&mut read, context.tenant_id(), &question.client_id).await?;
    let Some(stored) = found else {
        let kind = question.subject_token_type.unwrap_or(SubjectTokenType::RefreshToken);
        let failed = (Check::Client, "the client does not exist".to_owned());
        return Ok(table(question, kind, Some(&failed), |_| None));
    };
    let client = stored.client;
    let kind = question.subject_token_type.unwrap_or_else(|| kind_of(&client));
    let decided = decide(&mut read, catalogue, context, &client, kind, question, now).await;
    let (failed, step) = match decided {
        Ok((_, Step::Refuse(refusal))) => {
            let finding = match refusal {
                Refusal::NoRefreshToken => "the token ended, and there is no refresh token",
                Refusal::RefreshTokenExpired => "the provider's refresh token has expired",
                Refusal::NeedsReconnect => "the provider has refused the refresh token for good",
            };
            (Some((Check::Tokenset, finding.to_owned())), None)
        }
        Ok((_, step)) => (None, Some(step)),
        Err(
            ExchangeError::Tokenset(TokensetError::Key(KeyError::Store(error)))
            | ExchangeError::HolderRefused(AccessError::Store(error)),
        ) => return Err(error),
        Err(error) => match Check::failed_by(&error) {
            Some(check) => (Some((check, error.to_string())), None),
            None => (Some((Check::Provider, error.to_string())), None),
        },
    };
    let no_address = question.address.is_none() && has_allowlist(&client, kind);
    let will_ask = matches!(step, Some(Step::Refresh { .. }));
    let supposed = |check: Check| match check {
        Check::Authentication => {
            Some("the client is registered to authenticate; whether it can was not tried")
        }
        Check::SubjectToken => Some("supposed to be good: none was presented"),
        Check::IpAllowlist if no_address => Some("supposed to be allowed: no address was named"),
        Check::Provider if will_ask => Some("the provider will be asked for the next token"),
        _ => None,
    };
    Ok(table(question, kind, failed.as_ref(), supposed))
}

/// The exchange that a client is made for.
fn kind_of(client: &Client) -> SubjectTokenType {
    if client.token_vault_privileged_access.is_some() {
        SubjectTokenType::Jwt
    } else if client.app_type == Some(AppType::ResourceServer) {
        SubjectTokenType::AccessToken
    } else {
        SubjectTokenType::RefreshToken
    }
}

fn has_allowlist(client: &Client, kind: SubjectTokenType) -> bool {
    let policy = client.token_vault_policy.as_ref();
    let access = client.token_vault_privileged_access.as_ref();
    policy.is_some_and(|policy| policy.ip_allowlist.is_some())
        || kind == SubjectTokenType::Jwt
            && access.is_some_and(|access| access.ip_allowlist.is_some())
}

/// What `authorize_exchange` decides, for a subject token that nobody has seen.
async fn decide(
    read: &mut impl Query,
    catalogue: &Catalogue,
    context: &Context,
    client: &Client,
    kind: SubjectTokenType,
    question: &Question,
    now: Timestamp,
) -> Result<(ExchangePermit, Step), ExchangeError> {
    let from = match question.address {
        Some(address) => From::Somewhere(Some(address)),
        None => From::WhereItMay,
    };
    may_ask(client, kind, from, now)?;
    let is_privileged = kind == SubjectTokenType::Jwt;
    let holder = match kind {
        SubjectTokenType::AccessToken => {
            let api = api_of(client)?;
            let named = question.holder.as_ref().unwrap_or(&client.client_id);
            let audience = context.tenant.local_audience(api, &context.base);
            holder(read, context, named, &audience).await?
        }
        SubjectTokenType::RefreshToken | SubjectTokenType::Jwt => client.client_id.clone(),
    };
    let tenant = context.tenant_id();
    policy::foresee(read, tenant, client, &question.user_id, now).await??;
    let user_id = question.user_id.clone();
    let bearer = Bearer { user_id, holder, given_at: now, is_privileged };
    let wanted = Wanted {
        connection: &question.connection,
        login_hint: question.login_hint.as_deref(),
        scope: question.scope.as_ref(),
    };
    let permit = permit(read, catalogue, tenant, client, bearer, wanted).await?;
    let step = step(catalogue, &permit, None, now)?;
    Ok((permit, step))
}

fn table(
    question: &Question,
    kind: SubjectTokenType,
    failed: Option<&(Check, String)>,
    supposed: impl Fn(Check) -> Option<&'static str>,
) -> Explanation {
    let failed_check = failed.map(|(check, _)| *check);
    let row = |check: Check| {
        let (outcome, finding, fix) = match failed {
            Some((at, finding)) if *at == check => {
                (Outcome::Failed, finding.clone(), Some(check.fix(question)))
            }
            Some((at, _)) if *at < check => (Outcome::NotReached, "not looked at".to_owned(), None),
            Some(_) | None => match supposed(check) {
                Some(finding) => (Outcome::Supposed, finding.to_owned(), None),
                None => (Outcome::Passed, check.passed().to_owned(), None),
            },
        };
        Row { check, outcome, finding, fix }
    };
    let checks = Check::ALL.into_iter().filter(|check| check.belongs_to(kind)).map(row).collect();
    Explanation { allowed: failed_check.is_none(), failed_check, checks }
}
