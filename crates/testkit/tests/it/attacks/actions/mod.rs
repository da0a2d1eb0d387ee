//! A133: scripts that do what scripts should not.

mod escapes;
mod exhaustion;
mod profiles;

use actions::{ActionError, FetchUserProfile, HttpAnswer, HttpRequest, Pool};
use protocol::secret::{ProviderAccessToken, ProviderIdToken, Secret};
use serde_json::{Map, Value, json};

const ACCESS_TOKEN: &str = "CANARY-access-token-of-the-provider";
const ID_TOKEN: &str = "CANARY-id-token-of-the-provider";

fn pool() -> Pool {
    Pool::new(testkit::actions_worker())
}

/// Runs a script of a tenant; its requests are answered by `call`.
async fn run_with<C: Future<Output = Result<HttpAnswer, String>>>(
    pool: &Pool,
    tenant: &str,
    script: &str,
    call: impl Fn(HttpRequest) -> C,
) -> Result<Map<String, Value>, ActionError> {
    let access_token: ProviderAccessToken = Secret::new(ACCESS_TOKEN);
    let id_token: ProviderIdToken = Secret::new(ID_TOKEN);
    let others = json!({ "user": "u-1" });
    let event = FetchUserProfile {
        access_token: &access_token,
        id_token: Some(&id_token),
        scope: "profile",
        others: others.as_object().unwrap(),
    };
    pool.fetch_user_profile(tenant, script, event, call).await
}

/// Runs a script of a tenant; nobody answers its requests.
async fn run(pool: &Pool, tenant: &str, script: &str) -> Result<Map<String, Value>, ActionError> {
    run_with(pool, tenant, script, async |_| Err("there is no network here".to_owned())).await
}

/// The body of a script, made one.
fn calling(body: &str) -> String {
    format!("function (accessToken, context, callback) {{\n{body}\n}}")
}
