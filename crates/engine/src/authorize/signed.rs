//! Requests that their client signed: RFC 9101, by value.

use model::client::Client;
use protocol::oauth::client_jwt::{Expected, verify_request_object};
use protocol::oauth::parameters::Parameters;
use protocol::secret::ClientJwt;
use protocol::time::Timestamp;
use store::Query;

use super::Unaddressed;
use crate::client_jwt;
use crate::context::Context;

/// The parameters that count.
pub(super) struct Signed {
    pub(super) parameters: Parameters,
    /// Whether the client signed them.
    pub(super) is_signed: bool,
}

/// Reads the parameters of a signed request. RFC 9101 §6.3: the server MUST only use those in the
/// object, whatever stands beside it. Any other request is what it is: a client that has no keys for
/// this is told that its object is not supported.
pub(super) async fn read(
    q: &mut impl Query,
    context: &Context,
    client: Option<&Client>,
    mut parameters: Parameters,
    now: Timestamp,
) -> Result<Signed, Unaddressed> {
    let settings = client.and_then(|client| {
        client.signed_request_object.as_ref().map(|settings| (&client.client_id, settings))
    });
    let Some((client_id, settings)) = settings else {
        return Ok(Signed { parameters, is_signed: false });
    };
    let object: Option<ClientJwt> = parameters.take_secret("request");
    let Some(object) = object else { return Ok(Signed { parameters, is_signed: false }) };
    let refs = &settings.credentials;
    let keys = client_jwt::current_keys(q, context, client_id, refs, now).await?;
    let expected = Expected {
        client_id: client_id.as_str(),
        keys: &keys,
        audiences: &[context.issuer()],
        now,
    };
    let parameters =
        verify_request_object(&object, expected).map_err(Unaddressed::RequestObject)?;
    Ok(Signed { parameters, is_signed: true })
}
