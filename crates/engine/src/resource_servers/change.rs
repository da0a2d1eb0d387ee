//! What can be set of a resource server, and what it is when nobody sets it.

use model::ids::ResourceServerId;
use model::resource_server::{
    Permission, ProofOfPossession, ResourceServer, SigningAlgorithm, SubjectTypeAuthorization,
    TokenDialect,
};
use serde_json::{Map, Value};

use crate::change::{Change, merge_members};

const TOKEN_SECONDS: u32 = 86_400;
const TOKEN_FOR_WEB_SECONDS: u32 = 7_200;

/// What is to become of a resource server.
#[derive(Clone, Debug, Default)]
pub struct ResourceServerChange {
    /// What people call it.
    pub name: Change<String>,
    /// The permissions that can be asked for; all of them at once.
    pub scopes: Change<Vec<Permission>>,
    /// The algorithm of its access tokens.
    pub signing_alg: Change<SigningAlgorithm>,
    /// Whether refresh tokens are issued for it.
    pub allow_offline_access: Change<bool>,
    /// Whether a first-party client may have its scopes without asking the person.
    pub skip_consent_for_verifiable_first_party_clients: Change<bool>,
    /// Lifetime of an access token, in seconds.
    pub token_lifetime: Change<u32>,
    /// Lifetime of an access token issued to a browser, in seconds.
    pub token_lifetime_for_web: Change<u32>,
    /// The shape of its access tokens.
    pub token_dialect: Change<TokenDialect>,
    /// Whether access tokens are bound to a key of the client.
    pub proof_of_possession: Change<ProofOfPossession>,
    /// Who may have tokens at all.
    pub subject_type_authorization: Change<SubjectTypeAuthorization>,
    /// Documented members that change nothing here; one that is `null` goes.
    pub kept: Map<String, Value>,
}

impl ResourceServerChange {
    /// The members that are to change, for the audit log and for the rules of system APIs.
    pub(super) fn names(&self) -> Vec<&str> {
        let Self {
            name,
            scopes,
            signing_alg,
            allow_offline_access,
            skip_consent_for_verifiable_first_party_clients,
            token_lifetime,
            token_lifetime_for_web,
            token_dialect,
            proof_of_possession,
            subject_type_authorization,
            kept,
        } = self;
        let named = [
            ("name", name.is_keep()),
            ("scopes", scopes.is_keep()),
            ("signing_alg", signing_alg.is_keep()),
            ("allow_offline_access", allow_offline_access.is_keep()),
            (
                "skip_consent_for_verifiable_first_party_clients",
                skip_consent_for_verifiable_first_party_clients.is_keep(),
            ),
            ("token_lifetime", token_lifetime.is_keep()),
            ("token_lifetime_for_web", token_lifetime_for_web.is_keep()),
            ("token_dialect", token_dialect.is_keep()),
            ("proof_of_possession", proof_of_possession.is_keep()),
            ("subject_type_authorization", subject_type_authorization.is_keep()),
        ];
        let changed = named.into_iter().filter_map(|(name, stays)| (!stays).then_some(name));
        changed.chain(kept.keys().map(String::as_str)).collect()
    }

    /// Does it.
    pub(super) fn apply(self, server: &mut ResourceServer) {
        let Self {
            name,
            scopes,
            signing_alg,
            allow_offline_access,
            skip_consent_for_verifiable_first_party_clients,
            token_lifetime,
            token_lifetime_for_web,
            token_dialect,
            proof_of_possession,
            subject_type_authorization,
            kept,
        } = self;
        name.apply(&mut server.name);
        scopes.apply(&mut server.scopes);
        signing_alg.apply(&mut server.signing_alg);
        allow_offline_access.apply(&mut server.allow_offline_access);
        skip_consent_for_verifiable_first_party_clients
            .apply(&mut server.skip_consent_for_verifiable_first_party_clients);
        token_lifetime.apply_or(&mut server.token_lifetime, TOKEN_SECONDS);
        token_lifetime_for_web.apply_or(&mut server.token_lifetime_for_web, TOKEN_FOR_WEB_SECONDS);
        token_dialect.apply(&mut server.token_dialect);
        proof_of_possession.apply_optional(&mut server.proof_of_possession);
        subject_type_authorization.apply(&mut server.subject_type_authorization);
        merge_members(&mut server.kept, kept);
    }
}

/// A resource server of which nothing is set.
pub(super) fn initial(id: ResourceServerId, identifier: String) -> ResourceServer {
    ResourceServer {
        id,
        name: String::new(),
        identifier,
        scopes: Vec::new(),
        signing_alg: SigningAlgorithm::default(),
        allow_offline_access: false,
        skip_consent_for_verifiable_first_party_clients: false,
        token_lifetime: TOKEN_SECONDS,
        token_lifetime_for_web: TOKEN_FOR_WEB_SECONDS,
        token_dialect: TokenDialect::default(),
        proof_of_possession: None,
        subject_type_authorization: SubjectTypeAuthorization::default(),
        is_system: false,
        kept: Map::new(),
    }
}
