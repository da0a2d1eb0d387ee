//! Connecting an account, as an application and its user do it.

use protocol::oauth::pkce::CodeChallenge;
use protocol::secret::CodeVerifier;
use serde_json::{Value, json};
use strongroom::seed::CALENDAR_CONNECTION;
use url::Url;

use crate::browser::{Browser, Persona};
use crate::call::Call;
use crate::login::Tokens;
use crate::tenant::Tenant;

const REDIRECT_URI: &str = "http://localhost:1/callback";
const SCOPES: [&str; 5] = ["openid", "profile", "email", "offline_access", "read:calendar"];
const MY_ACCOUNT_SCOPE: &str = "openid profile email offline_access \
    create:me:connected_accounts read:me:connected_accounts delete:me:connected_accounts";

/// What an application asks to connect.
#[derive(Clone)]
pub struct Connect {
    /// The connection's name.
    pub connection: String,
    /// The scopes to ask for; `None`: those of the connection.
    pub scopes: Option<Vec<String>>,
    /// Who connects; Ada, if nothing is said.
    pub persona: Option<Persona>,
}

/// A connect that has begun, with what the application keeps of it.
#[derive(Clone)]
pub struct Connecting {
    /// Where the application sends the browser.
    pub url: Url,
    /// What the completion must name.
    pub auth_session: String,
    /// What the answer must carry.
    pub state: String,
    /// What the code is worth nothing without.
    pub verifier: String,
    /// Where the code goes.
    pub redirect_uri: String,
}

impl Connect {
    /// The calendar.
    pub fn calendar() -> Self {
        Self {
            connection: CALENDAR_CONNECTION.to_owned(),
            scopes: Some(SCOPES.map(str::to_owned).into()),
            persona: None,
        }
    }

    /// By somebody else than Ada.
    #[must_use]
    pub fn by_person(mut self, persona: Persona) -> Self {
        self.persona = Some(persona);
        self
    }
}

impl Tenant {
    /// A token for the My Account API, by the refresh token of a login. The result holds the newest
    /// refresh token.
    pub async fn my_account_tokens(&self, tokens: &Tokens) -> Tokens {
        let audience = self.my_account_audience();
        self.refresh(tokens, &[("audience", &audience), ("scope", MY_ACCOUNT_SCOPE)]).await
    }

    /// Connects an account; the answer is the connected account. `tokens` are for the My Account
    /// API.
    pub async fn connect_account(
        &self,
        browser: &Browser,
        tokens: &Tokens,
        connect: &Connect,
    ) -> Value {
        let persona = connect.persona.clone().unwrap_or_else(|| self.ada());
        let connecting = self.start_connecting(tokens, connect).await;
        let code = self.consent_to(browser, &connecting, &persona).await;
        self.complete_connecting(tokens, &connecting, &code).send().await.expect(201).json()
    }

    /// Takes a connect that has begun to the provider and back; the answer is the `connect_code`.
    pub async fn consent_to(
        &self,
        browser: &Browser,
        connecting: &Connecting,
        persona: &Persona,
    ) -> String {
        let page = browser.open(connecting.url.as_str()).await;
        let page = browser.walk(page, persona).await;
        assert!(page.is_at_application, "the connect did not come back: {page:?}");
        assert_eq!(page.expect_parameter("state"), connecting.state);
        page.expect_parameter("connect_code")
    }

    /// Begins to connect an account.
    pub async fn start_connecting(&self, tokens: &Tokens, connect: &Connect) -> Connecting {
        let state = self.world.random_text(16);
        let verifier = self.world.random_text(43);
        let challenge = CodeChallenge::of(&CodeVerifier::new(verifier.clone()));
        let mut body = json!({
            "connection": connect.connection,
            "redirect_uri": REDIRECT_URI,
            "state": state,
            "code_challenge": challenge.as_str(),
            "code_challenge_method": "S256",
        });
        if let Some(scopes) = &connect.scopes {
            body["scopes"] = json!(scopes);
        }
        let call = self.post("/me/v1/connected-accounts/connect").access(tokens).json(&body);
        let begun = call.send().await.expect(201);
        let json = begun.json();
        let mut url = Url::parse(&begun.member("connect_uri")).unwrap();
        let ticket = json["connect_params"]["ticket"].as_str().unwrap();
        url.query_pairs_mut().append_pair("ticket", ticket);
        let redirect_uri = REDIRECT_URI.to_owned();
        Connecting {
            url,
            auth_session: begun.member("auth_session"),
            state,
            verifier,
            redirect_uri,
        }
    }

    /// The request that completes a connect.
    pub fn complete_connecting(
        &self,
        tokens: &Tokens,
        connecting: &Connecting,
        connect_code: &str,
    ) -> Call {
        let body = json!({
            "auth_session": connecting.auth_session,
            "connect_code": connect_code,
            "redirect_uri": connecting.redirect_uri,
            "code_verifier": connecting.verifier,
        });
        self.post("/me/v1/connected-accounts/complete").access(tokens).json(&body)
    }

    /// The connected accounts of whom the tokens are for.
    pub async fn connected_accounts(&self, tokens: &Tokens) -> Vec<Value> {
        let call = self.get("/me/v1/connected-accounts/accounts").access(tokens);
        let answer = call.send().await.expect(200).json();
        answer["accounts"].as_array().unwrap().clone()
    }
}
