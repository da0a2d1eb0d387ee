//! A key-encryption key that AWS KMS has encrypted: 1. its ciphertext lies in a file of ours, worth
//! nothing by itself; 2. at the start KMS decrypts it, for whoever signs with the credentials of the
//! environment; 3. from then on it is a key like any other, in memory alone.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Request;
use protocol::time::Timestamp;
use serde::Deserialize;
use url::Url;
use vault::keyring::Kek;
use zeroize::Zeroizing;

use super::remote::{self, RemoteFault};
use super::{KekError, decode};

/// KMS encrypts no more than 4096 bytes, to a little more; in base64.
const CIPHERTEXT_MAX: usize = 8192;
/// What KMS was told when it encrypted, and must be told again: no ciphertext of another application is
/// decrypted for us, whatever else the key is used for.
const ENCRYPTION_CONTEXT: (&str, &str) = ("strongroom", "kek");

/// Where KMS decrypts, with which key, and who asks.
#[derive(Debug)]
pub struct AwsKms {
    key: String,
    region: String,
    endpoint: Url,
    credentials: Credentials,
}

/// Why it is not known where or by whom KMS is asked.
#[derive(Debug, thiserror::Error)]
pub enum AwsEnvironmentError {
    /// A variable is missing.
    #[error("for AWS KMS the variable {0} is not set")]
    Missing(&'static str),
    /// The variables lead nowhere.
    #[error("AWS_REGION and AWS_ENDPOINT_URL_KMS lead to no URL")]
    NotAUrl(#[from] url::ParseError),
}

#[derive(Deserialize)]
struct Decrypted {
    #[serde(rename = "Plaintext")]
    plaintext: String,
}

impl AwsKms {
    /// Takes the id, ARN or alias of the key, and what the usual variables say.
    pub fn from_variables(
        key: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, AwsEnvironmentError> {
        let needed = |name| variable(name).ok_or(AwsEnvironmentError::Missing(name));
        let region = needed("AWS_REGION")?;
        let endpoint = variable("AWS_ENDPOINT_URL_KMS")
            .unwrap_or_else(|| format!("https://kms.{region}.amazonaws.com/"));
        let credentials = Credentials::new(
            needed("AWS_ACCESS_KEY_ID")?,
            needed("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Self { key: key.to_owned(), region, endpoint: Url::parse(&endpoint)?, credentials })
    }

    /// Has the ciphertext of a file decrypted.
    pub async fn kek(&self, ciphertext: &Path, now: Timestamp) -> Result<Kek, KekError> {
        let text = fs::read_to_string(ciphertext)
            .map_err(|source| KekError::Unreadable { path: ciphertext.to_owned(), source })?;
        let text = text.trim();
        let is_base64 = BASE64_STANDARD.decode(text).is_ok_and(|bytes| !bytes.is_empty());
        if !is_base64 || text.len() > CIPHERTEXT_MAX {
            return Err(KekError::NotAnAwsCiphertext { path: ciphertext.to_owned() });
        }
        let host = self.endpoint.host_str().unwrap_or_default().to_owned();
        let plaintext = self
            .decrypted(text, now)
            .await
            .map_err(|source| KekError::AwsKms { host: host.clone(), source })?;
        decode(&plaintext, &format!("what AWS KMS at {host} decrypted"))
    }

    async fn decrypted(
        &self,
        ciphertext: &str,
        now: Timestamp,
    ) -> Result<Zeroizing<String>, RemoteFault> {
        let (name, value) = ENCRYPTION_CONTEXT;
        let body = serde_json::json!({
            "CiphertextBlob": ciphertext,
            "EncryptionContext": { name: value },
            "KeyId": self.key,
        });
        let request = Request::post(self.endpoint.as_str())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "TrentService.Decrypt")
            .body(body.to_string().into_bytes())?;
        let decrypted: Decrypted = remote::ask(self.signed(request, now)?).await?;
        Ok(Zeroizing::new(decrypted.plaintext))
    }

    fn signed(
        &self,
        mut request: Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Request<Vec<u8>>, RemoteFault> {
        let since_epoch = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("kms")
            .time(SystemTime::UNIX_EPOCH + since_epoch)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| RemoteFault::Client(error.into()))?
            .into();
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = request.uri().to_string();
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new("POST", uri, headers, body)?;
        let (signature, _) = sign(signable, &parameters)?.into_parts();
        signature.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: Result<&str, &str>) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let kms = AwsKms::from_variables("alias/strongroom", variable);
        let told = kms.map(|kms| kms.endpoint.to_string()).map_err(|error| error.to_string());
        match expected {
            Ok(endpoint) => assert_eq!(told.as_deref(), Ok(endpoint)),
            Err(words) => assert!(told.as_ref().is_err_and(|e| e.contains(words)), "{told:?}"),
        }
    }

    #[test]
    fn the_usual_variables_say_where_and_by_whom_kms_is_asked() {
        let id = ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        let secret = ("AWS_SECRET_ACCESS_KEY", "secret");
        let region = ("AWS_REGION", "eu-central-1");
        let elsewhere = ("AWS_ENDPOINT_URL_KMS", "https://kms.example/");
        check(&[id, secret, region], Ok("https://kms.eu-central-1.amazonaws.com/"));
        check(&[id, secret, region, elsewhere], Ok("https://kms.example/"));
        check(&[id, secret, elsewhere], Err("AWS_REGION is not set"));
        check(&[secret, region], Err("AWS_ACCESS_KEY_ID is not set"));
        check(&[id, region], Err("AWS_SECRET_ACCESS_KEY is not set"));
        check(&[id, secret, ("AWS_REGION", "eu central/")], Err("lead to no URL"));
    }
}
