//! What an operator does.

use protocol::oauth::token::GrantType;
use reqwest::Method;

use crate::call::Call;
use crate::tenant::Tenant;

impl Tenant {
    /// A token for the Management API with every scope.
    pub async fn management_token(&self) -> String {
        self.management_token_for(None).await
    }

    /// A token for the Management API with these scopes.
    pub async fn management_token_with(&self, scope: &str) -> String {
        self.management_token_for(Some(scope)).await
    }

    async fn management_token_for(&self, scope: Option<&str>) -> String {
        let client = &self.seeded().management;
        let audience = self.management_audience();
        let mut fields = vec![
            ("grant_type", GrantType::ClientCredentials.as_str()),
            ("client_id", client.client_id.as_str()),
            ("client_secret", client.client_secret.expose()),
            ("audience", &audience),
        ];
        fields.extend(scope.map(|scope| ("scope", scope)));
        let answer = self.post("/oauth/token").form(&fields).send().await.expect(200);
        answer.member("access_token")
    }

    /// A request to the Management API; `path` stands below `/api/v2/`.
    pub fn management(&self, method: Method, path: &str, token: &str) -> Call {
        self.call(method, &format!("/api/v2/{path}")).bearer(token)
    }
}
