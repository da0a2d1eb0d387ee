//! The scopes that a journey asks for: the request's, the connection's, and on a connect those of an
//! earlier grant that the new one would otherwise take the place of.

use protocol::oauth::scope::ScopeSet;
use serde_json::{Map, Value};

use crate::authorize_url::Purpose;
use crate::options::{Options, OptionsError};
use crate::provider::Provider;
use crate::scopes::{self, ConfiguredScopes, Split};
use crate::spec::{RequestSeparator, Spec};

/// What is asked for.
pub(crate) struct Asked {
    pub(crate) scopes: ScopeSet,
    /// Those among them that are asked for only so that an earlier grant is not lost.
    pub(crate) kept: ScopeSet,
    /// Whether access in the person's absence is asked for.
    pub(crate) offline: bool,
    pub(crate) separator: RequestSeparator,
}

impl Asked {
    /// By a connection at its provider.
    pub(crate) fn at(provider: &Provider, purpose: Purpose<'_>) -> Self {
        let separator = match purpose {
            Purpose::Login { connection_scope: Some(added), .. } if !added.trim().is_empty() => {
                provider.added_separator
            }
            Purpose::Login { .. } | Purpose::Connect { .. } => provider.asks.separator,
        };
        Self { separator, ..Self::of(&provider.spec, &provider.asks, purpose) }
    }

    fn of(spec: &Spec, own: &ConfiguredScopes, purpose: Purpose<'_>) -> Self {
        let (wanted, earlier) = match purpose {
            Purpose::Login { connection_scope, .. } => {
                let added = connection_scope.map(ScopeSet::parse_lenient).unwrap_or_default();
                (own.scopes.union(&added), ScopeSet::empty())
            }
            Purpose::Connect { scopes, earlier } => {
                let adds_up = !spec.scopes.widening.is_empty();
                let earlier = if adds_up { ScopeSet::empty() } else { earlier.clone() };
                (scopes.unwrap_or(&own.scopes).clone(), earlier)
            }
        };
        let Split { scopes, offline_scopes, offline } = scopes::split(spec, &wanted);
        let before = scopes::split(spec, &earlier);
        // Scopes of the request override the connection's, except its offline access.
        let offline_scopes =
            own.offline_scopes.union(&offline_scopes).union(&before.offline_scopes);
        // What is connected is to be used in the person's absence.
        let open = spec.offline.open && keeps_tokens(purpose);
        let offline_scopes =
            if open && offline_scopes.is_empty() { scopes::offline(spec) } else { offline_scopes };
        let scopes = spec.scopes.always.union(&scopes);
        let kept = scopes::beside(spec, &scopes, &before.scopes);
        Self {
            scopes: scopes.union(&kept).union(&offline_scopes),
            kept,
            offline: own.offline || offline || before.offline || open,
            separator: own.separator,
        }
    }
}

/// Whether the tokens of the journey go to the vault.
pub(crate) fn keeps_tokens(purpose: Purpose<'_>) -> bool {
    match purpose {
        Purpose::Login { keeps_tokens, .. } => keeps_tokens,
        Purpose::Connect { .. } => true,
    }
}

/// What a connect will ask the provider for, before anything of the provider is known but its file.
pub fn connect_scopes(
    spec: &Spec,
    options: &Map<String, Value>,
    scopes: Option<&ScopeSet>,
    earlier: &ScopeSet,
) -> Result<ScopeSet, OptionsError> {
    let own = scopes::configured(spec, Options(options))?;
    Ok(Asked::of(spec, &own, Purpose::Connect { scopes, earlier }).scopes)
}
