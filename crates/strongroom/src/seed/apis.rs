//! The API that the demo is.

use model::resource_server::{
    Permission, ProofMechanism, ProofOfPossession, ProofRequiredFor, ResourceServer,
    SigningAlgorithm, SubjectTypeAuthorization, TokenDialect,
};
use serde_json::Map;
use store::resource_servers;

use super::{Plot, RESOURCE_SERVER, SeedError};

/// The scope of whoever reads the calendar, here and at the provider.
pub(super) const READ_CALENDAR: &str = "read:calendar";
const WRITE_CALENDAR: &str = "write:calendar";

/// Makes the API if there is none.
pub(super) async fn calendar(plot: &mut Plot<'_>) -> Result<(), SeedError> {
    let Plot { app, tenant, keys: _, tx, now } = plot;
    if resource_servers::find_by_identifier(tx, &tenant.id, RESOURCE_SERVER).await?.is_some() {
        return Ok(());
    }
    let permission = |value: &str, description: &str| Permission {
        value: value.to_owned(),
        description: Some(description.to_owned()),
    };
    let server = ResourceServer {
        id: app.entropy.hex_id(24),
        name: "Calendar".to_owned(),
        identifier: RESOURCE_SERVER.to_owned(),
        scopes: vec![
            permission(READ_CALENDAR, "Read the calendar"),
            permission(WRITE_CALENDAR, "Add events to the calendar"),
        ],
        signing_alg: SigningAlgorithm::RS256,
        allow_offline_access: true,
        skip_consent_for_verifiable_first_party_clients: true,
        token_lifetime: 86_400,
        token_lifetime_for_web: 7_200,
        token_dialect: TokenDialect::default(),
        // Whoever brings a proof gets a bound token; whoever does not, gets a bearer token.
        proof_of_possession: Some(ProofOfPossession {
            mechanism: ProofMechanism::Dpop,
            required: false,
            required_for: ProofRequiredFor::AllClients,
        }),
        subject_type_authorization: SubjectTypeAuthorization::default(),
        is_system: false,
        kept: Map::new(),
    };
    resource_servers::insert(tx, &tenant.id, &server, *now).await?;
    Ok(())
}
