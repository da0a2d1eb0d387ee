use proptest::prelude::*;

use super::*;
use crate::oauth::scope::InvalidScope;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn parse(query: &str) -> Result<AuthorizeRequest, AuthorizeError> {
    AuthorizeRequest::parse(Parameters::from_query(query).unwrap())
}

fn minimal(extra: &str) -> Result<AuthorizeRequest, AuthorizeError> {
    parse(&format!(
        "client_id=app&redirect_uri=https%3A%2F%2Fa.test%2Fcb&state=s%3D&response_type=code&{extra}"
    ))
}

#[test]
fn a_minimal_request() {
    let request = minimal("").unwrap();
    assert_eq!(
        request.reply_to,
        ReplyTo {
            client_id: "app".to_owned(),
            redirect_uri: Some("https://a.test/cb".to_owned()),
            state: Some("s=".to_owned()),
            response_mode: ResponseMode::Query,
        }
    );
    assert_eq!(request.response_type, ResponseType::Code);
    assert!(request.scope.is_empty() && request.prompt.is_empty());
    assert_eq!(request.max_age, None);
    assert_eq!(request.code_challenge, None);
}

#[test]
fn a_full_request() {
    let request = minimal(&format!(
        "scope=openid+profile&audience=https%3A%2F%2Fapi&nonce=n%3D&response_mode=web_message\
         &code_challenge={CHALLENGE}&code_challenge_method=S256&dpop_jkt={JKT}&prompt=login+consent\
         &max_age=0&login_hint=ada&screen_hint=signup&ui_locales=de-CH+en+%3Cx%3E&display=popup\
         &acr_values=a+b&id_token_hint=t&connection=calendar&connection_scope=x,y&access_type=offline\
         &organization=org_1&invitation=i&auth0Client=e30&ext-theme=dark"
    ))
    .unwrap();
    assert_eq!(request.reply_to.response_mode, ResponseMode::WebMessage);
    assert_eq!(request.scope.to_string(), "openid profile");
    assert_eq!(request.audience.as_deref(), Some("https://api"));
    assert_eq!(request.nonce.as_deref(), Some("n="));
    assert_eq!(request.code_challenge.unwrap().as_str(), CHALLENGE);
    assert_eq!(request.dpop_jkt.unwrap().as_str(), JKT);
    assert_eq!(request.prompt.to_string(), "login consent");
    assert_eq!(request.max_age, Some(Duration::ZERO));
    assert_eq!(request.login_hint.as_deref(), Some("ada"));
    assert_eq!(request.screen_hint, Some(ScreenHint::Signup));
    assert_eq!(request.ui_locales, ["de-CH", "en"]);
    assert_eq!(request.display, Some(Display::Popup));
    assert_eq!(request.acr_values, ["a", "b"]);
    assert_eq!(request.id_token_hint.unwrap().expose(), "t");
    assert_eq!(request.connection.as_deref(), Some("calendar"));
    assert_eq!(request.connection_scope.to_string(), "x y");
    assert_eq!(request.access_type, Some(AccessType::Offline));
    assert_eq!(request.organization.as_deref(), Some("org_1"));
    assert_eq!(request.invitation.as_deref(), Some("i"));
}

#[test]
fn without_a_client_there_is_nobody_to_answer() {
    let error = parse("response_type=code&redirect_uri=https%3A%2F%2Fa.test").unwrap_err();
    assert_eq!(error.cause, InvalidParameter::Missing("client_id").into());
    assert_eq!(error.reply_to, None);
}

#[test]
fn other_errors_know_where_to_answer() {
    let check = |extra: &str, cause: AuthorizeErrorCause, code: ErrorCode| {
        let error = minimal(extra).unwrap_err();
        assert_eq!((error.cause, error.cause.code()), (cause, code), "{extra}");
        let reply_to = error.reply_to.unwrap();
        assert_eq!(reply_to.redirect_uri.as_deref(), Some("https://a.test/cb"));
        assert_eq!(reply_to.state.as_deref(), Some("s="));
    };
    let malformed = |name| AuthorizeErrorCause::from(InvalidParameter::Malformed(name));
    let invalid = ErrorCode::InvalidRequest;
    check("response_mode=header", malformed("response_mode"), invalid);
    for max_age in ["-1", "%2B1", "1.5", "soon", "4294967296", "0x10"] {
        check(&format!("max_age={max_age}"), malformed("max_age"), invalid);
    }
    check("dpop_jkt=short", malformed("dpop_jkt"), invalid);
    check(&format!("nonce={}", "x".repeat(NONCE_BYTES_MAX + 1)), malformed("nonce"), invalid);
    check("prompt=none+login", AuthorizeErrorCause::Prompt(InvalidPrompt::NoneWithOthers), invalid);
    check("prompt=create", AuthorizeErrorCause::Prompt(InvalidPrompt::Unknown), invalid);
    check(
        &format!("code_challenge={CHALLENGE}"),
        AuthorizeErrorCause::Pkce(PkceError::UnsupportedMethod),
        invalid,
    );
    check(
        "scope=a%01b",
        InvalidParameter::Scope(InvalidScope::ForbiddenCharacter).into(),
        ErrorCode::InvalidScope,
    );
    check("request=e30", AuthorizeErrorCause::RequestObject, ErrorCode::RequestNotSupported);
    check(
        "request_uri=urn%3Ax",
        AuthorizeErrorCause::RequestObjectByReference,
        ErrorCode::RequestUriNotSupported,
    );
}

#[test]
fn response_types() {
    let cause = |query: &str| parse(query).unwrap_err().cause;
    assert_eq!(cause("client_id=app"), InvalidParameter::Missing("response_type").into());
    for other in ["token", "id_token", "code+token", "CODE", "none"] {
        let query = format!("client_id=app&response_type={other}");
        assert_eq!(cause(&query), AuthorizeErrorCause::UnsupportedResponseType, "{other}");
    }
}

#[test]
fn an_unknown_mode_falls_back_to_the_query() {
    let error = minimal("response_mode=header").unwrap_err();
    assert_eq!(error.reply_to.unwrap().response_mode, ResponseMode::Query);
}

#[test]
fn a_pending_request_survives_storage() {
    let request = minimal("scope=a&prompt=login&max_age=60&id_token_hint=canary").unwrap();
    let stored = serde_json::to_string(&request).unwrap();
    assert!(!stored.contains("canary"));
    let restored: AuthorizeRequest = serde_json::from_str(&stored).unwrap();
    assert_eq!(restored, AuthorizeRequest { id_token_hint: None, ..request });
}

#[test]
fn descriptions_name_the_parameter_and_no_value() {
    let text = |extra| minimal(extra).unwrap_err().to_string();
    assert_eq!(text("max_age=canary"), "Invalid parameter: max_age");
    assert_eq!(text("response_mode=canary"), "Invalid parameter: response_mode");
    assert_eq!(
        parse("client_id=app").unwrap_err().to_string(),
        "Missing required parameter: response_type"
    );
}

proptest! {
    #[test]
    fn parse_never_panics(query in "((prompt|max_age|scope|response_type|ui_locales|x)=\\PC{0,12}&){0,6}") {
        if let Ok(parameters) = Parameters::from_query(&format!("client_id=app&{query}")) {
            let _ = AuthorizeRequest::parse(parameters).is_ok();
        }
    }

    #[test]
    fn prompts_read_back(text in "((login|consent|select_account|none) ?){0,3}") {
        if let Ok(prompts) = PromptSet::parse(&text) {
            prop_assert_eq!(PromptSet::parse(&prompts.to_string()), Ok(prompts));
        }
    }
}
