//! The Content-Security-Policy of each page (CSP Level 3).
//!
//! No page may load, run or be framed by anything that it does not need: `default-src 'none'`,
//! styles and scripts from our own origin only, never inline.
//!
//! `form-action` needs thought, because Chromium holds every redirect after a form's POST against
//! it: our own `302` to the application, the application's `302` to its start page, and so on
//! until a page is shown. (Firefox checks the first target only.) A policy that forgets a hop
//! makes the button do nothing. So:
//! - Pages with a password, and the page that posts a code, name the origins they may end at: the
//!   redirect URI of this request first, then what the client has registered, because the second
//!   hop is the application's choice. A form that somebody managed to inject can then send the
//!   password to the application at worst. An application that moves on to an origin that it never
//!   registered is refused by Chromium, and has to register it.
//! - Logging in with a provider is a link, not a form: providers hop through hosts that nobody
//!   can list, and `form-action` has no say over links.
//! - The pages that only confirm (connect, log out) hold nothing worth stealing and may end at a
//!   provider. They allow `https:` and name what is not https, such as a native application's
//!   scheme.
//! - Pages without a form allow none.

use url::{Host, Url};

/// Origins named in one policy; a header has to stay short enough for every proxy on the way.
const SOURCES_MAX: usize = 32;

/// What a page does, as far as its policy is concerned. `leads_to` lists absolute URLs; what does
/// not parse as one is left out.
#[derive(Clone, Copy)]
pub enum PageKind<'a> {
    /// Says something; at most has links.
    Message,
    /// Takes a password.
    Credentials {
        /// The redirect URI of this request, then the URLs that the client has registered.
        leads_to: &'a [&'a str],
    },
    /// Asks for a yes or a no.
    Confirmation {
        /// Where both answers may end, as far as that is not https.
        leads_to: &'a [&'a str],
    },
    /// Posts an authorization response to the application by script.
    FormPost {
        /// The redirect URI, then the URLs that the client has registered.
        leads_to: &'a [&'a str],
    },
    /// Hands an authorization response to the window that opened or framed it.
    WebMessage,
}

/// The value of the page's `Content-Security-Policy` header.
pub fn csp_for(kind: PageKind<'_>) -> String {
    let mut policy = String::from("default-src 'none'; base-uri 'none'; style-src 'self'");
    if runs_script(kind) {
        policy.push_str("; script-src 'self'");
    }
    // Logos are the only thing that may come from elsewhere.
    policy.push_str("; img-src 'self' data: https:; form-action ");
    policy.push_str(&form_action(kind));
    if !may_be_framed(kind) {
        policy.push_str("; frame-ancestors 'none'");
    }
    policy
}

fn runs_script(kind: PageKind<'_>) -> bool {
    match kind {
        PageKind::FormPost { .. } | PageKind::WebMessage => true,
        PageKind::Message | PageKind::Credentials { .. } | PageKind::Confirmation { .. } => false,
    }
}

/// Silent authentication loads the web_message page in a hidden frame of the application, which
/// may itself stand in a frame. What the page says is addressed to one origin, so whoever frames
/// it learns nothing.
fn may_be_framed(kind: PageKind<'_>) -> bool {
    match kind {
        PageKind::WebMessage => true,
        PageKind::Message
        | PageKind::Credentials { .. }
        | PageKind::Confirmation { .. }
        | PageKind::FormPost { .. } => false,
    }
}

fn form_action(kind: PageKind<'_>) -> String {
    match kind {
        PageKind::Message | PageKind::WebMessage => "'none'".to_owned(),
        PageKind::Credentials { leads_to } | PageKind::FormPost { leads_to } => {
            with_sources("'self'", leads_to)
        }
        PageKind::Confirmation { leads_to } => with_sources("'self' https:", leads_to),
    }
}

/// Appends the source of each URL, once.
fn with_sources(fixed: &str, urls: &[&str]) -> String {
    let mut named = Vec::new();
    for source in urls.iter().filter_map(|url| source(url)) {
        if named.len() < SOURCES_MAX && !named.contains(&source) {
            named.push(source);
        }
    }
    named.iter().fold(fixed.to_owned(), |list, source| list + " " + source)
}

/// The CSP source that covers a URL: its origin, or its scheme where a source cannot say more.
fn source(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    match url.scheme() {
        "http" | "https" => origin_source(&url),
        // Their "target" would be the page itself or the disk.
        "javascript" | "data" | "blob" | "about" | "file" | "filesystem" => None,
        // A native application's own scheme, whatever follows it.
        scheme => Some(format!("{scheme}:")),
    }
}

fn origin_source(url: &Url) -> Option<String> {
    let scheme = url.scheme();
    let host = match url.host()? {
        Host::Domain(host) if is_source_host(host) => host.to_owned(),
        Host::Domain(_) => return None,
        Host::Ipv4(host) => host.to_string(),
        // CSP3 §2.3.1: `host-source` has no form for IPv6, and Chromium ignores one that tries.
        Host::Ipv6(_) => return Some(format!("{scheme}:")),
    };
    Some(match url.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Whether a host can stand in a policy: the URL standard lets `;` and `,` pass, which would end
/// the directive or the policy. A `*` label is a wildcard to CSP as it is in a registered callback.
fn is_source_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_only_speaks_may_do_nothing() {
        assert_eq!(
            csp_for(PageKind::Message),
            "default-src 'none'; base-uri 'none'; style-src 'self'; \
             img-src 'self' data: https:; form-action 'none'; frame-ancestors 'none'"
        );
    }

    #[test]
    fn only_the_two_response_pages_run_a_script() {
        let with_script = [PageKind::FormPost { leads_to: &[] }, PageKind::WebMessage];
        let without = [
            PageKind::Message,
            PageKind::Credentials { leads_to: &[] },
            PageKind::Confirmation { leads_to: &[] },
        ];
        assert!(with_script.iter().all(|kind| csp_for(*kind).contains("; script-src 'self';")));
        assert!(without.iter().all(|kind| !csp_for(*kind).contains("script-src")));
    }

    #[test]
    fn only_the_web_message_page_may_be_framed() {
        assert!(!csp_for(PageKind::WebMessage).contains("frame-ancestors"));
        assert!(
            csp_for(PageKind::Credentials { leads_to: &[] }).contains("frame-ancestors 'none'")
        );
        assert!(csp_for(PageKind::FormPost { leads_to: &[] }).contains("frame-ancestors 'none'"));
    }

    #[test]
    fn a_password_page_names_its_targets_once() {
        let leads_to = [
            "https://app.test/callback?a=b",
            "https://app.test/other",
            "https://*.preview.test/callback",
            "http://localhost:4002/",
            "http://127.0.0.1:7/",
            "com.example.app://callback",
            "not a url",
        ];
        let policy = csp_for(PageKind::Credentials { leads_to: &leads_to });
        assert!(
            policy.contains(
                "form-action 'self' https://app.test https://*.preview.test \
                 http://localhost:4002 http://127.0.0.1:7 com.example.app:;"
            ),
            "{policy}"
        );
    }

    #[test]
    fn a_confirmation_may_end_anywhere_on_https() {
        let leads_to = ["http://localhost:4001/authorize", "http://[::1]:5000/cb", "myapp:/cb"];
        let policy = csp_for(PageKind::Confirmation { leads_to: &leads_to });
        assert!(
            policy.contains("form-action 'self' https: http://localhost:4001 http: myapp:;"),
            "{policy}"
        );
    }

    #[test]
    fn a_registered_url_cannot_rewrite_the_policy() {
        let leads_to = [
            "https://a;script-src *.test/",
            "https://a,b.test/",
            "https://a'b.test/",
            "javascript:alert(1)",
            "data:text/html,x",
            "x y://z",
        ];
        let policy = csp_for(PageKind::Credentials { leads_to: &leads_to });
        assert!(policy.contains("form-action 'self';"), "{policy}");
    }

    #[test]
    fn the_list_of_targets_ends() {
        let many: Vec<String> = (0..100).map(|n| format!("https://a{n}.test/")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let policy = csp_for(PageKind::Credentials { leads_to: &many });
        assert_eq!(policy.matches("https://").count(), SOURCES_MAX);
    }
}
