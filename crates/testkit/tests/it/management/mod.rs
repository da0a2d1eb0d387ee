//! The Management API, a file for each noun.

mod client_grants;
mod client_secrets;
mod clients;
mod connection_keys;
mod connections;
mod credentials;
mod event_streams;
mod logs;
mod requests;
mod resource_servers;
mod tokensets;
mod users;

use reqwest::Method;
use serde_json::Value;
use testkit::{Answer, Tenant};

/// Somebody with a token for the Management API.
pub(crate) struct Admin {
    tenant: Tenant,
    token: String,
}

impl Admin {
    /// With every scope.
    pub(crate) async fn of(tenant: &Tenant) -> Self {
        Self { tenant: tenant.clone(), token: tenant.management_token().await }
    }

    /// With these scopes.
    pub(crate) async fn with(tenant: &Tenant, scope: &str) -> Self {
        Self { tenant: tenant.clone(), token: tenant.management_token_with(scope).await }
    }

    /// With a token from elsewhere.
    pub(crate) fn presenting(tenant: &Tenant, token: &str) -> Self {
        Self { tenant: tenant.clone(), token: token.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.tenant.management(Method::GET, path, &self.token).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let call = self.tenant.management(method, path, &self.token);
        match body {
            Some(body) => call.json(body).send().await,
            None => call.send().await,
        }
    }
}

/// Status and error code of a refusal, whose envelope is complete.
#[track_caller]
pub(crate) fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!(body["statusCode"], answer.status, "{answer:?}");
    assert!(body["error"].is_string() && body["message"].is_string(), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    (answer.status, body["errorCode"].as_str().unwrap_or_default().to_owned())
}

/// A refusal in short.
pub(crate) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// The texts of a member of each object of a list.
#[track_caller]
pub(crate) fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let objects = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    objects.iter().map(|object| object[member].as_str().unwrap_or_default()).collect()
}

/// An id of a path segment.
pub(crate) fn segment(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}
