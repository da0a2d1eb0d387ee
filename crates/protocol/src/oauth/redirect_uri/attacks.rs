//! A corpus of attacks on redirect URI matching (RFC 9700 §4.1).

use super::REDIRECT_URI_BYTES_MAX;

const EVIL: &str = "evil.test";

/// Everything that has been done, somewhere, to a redirect URI of the form
/// `scheme://host[:port]/path` to make another one pass for it.
pub(super) fn attacks(scheme: &str, host: &str, port: &str, path: &str) -> Vec<String> {
    let authority = format!("{host}{port}");
    [
        on_host(scheme, host, port, path),
        by_user_information(scheme, &authority, path),
        on_port(scheme, host, port, path),
        on_path(scheme, &authority, path),
        on_beginning(scheme, &authority, path),
    ]
    .concat()
}

/// Prefixes, suffixes, look-alikes and other spellings of the host.
fn on_host(scheme: &str, host: &str, port: &str, path: &str) -> Vec<String> {
    let mut attacks = Vec::new();
    for other in [
        EVIL.to_owned(),
        format!("{host}.{EVIL}"),
        format!("{EVIL}.{host}"),
        format!("{host}{EVIL}"),
        format!("x{host}"),
        format!("x.{host}"),
        format!("{host}x"),
        format!("{host}."),
        format!("{host}.."),
        format!(".{host}"),
        format!("{host}%2e{EVIL}"),
        format!("{host}%00.{EVIL}"),
        format!("{host}%09"),
        format!("{host}%20"),
        format!("%20{host}"),
        format!("{host}\u{3002}{EVIL}"),
        format!("{host}\u{ff0e}{EVIL}"),
        format!("{host}\u{ff0f}{EVIL}"),
        format!("{host}\u{2044}{EVIL}"),
        format!("{host}\u{200b}"),
        format!("{host}\u{ad}"),
        host.to_uppercase(),
        host.replace('o', "\u{43e}"),
        host.replacen(|c: char| c.is_ascii_alphabetic(), "%61", 1),
        format!("{host}\\"),
        format!("{host}\\.{EVIL}"),
        format!("{host}\\@{EVIL}"),
        format!("{host};{EVIL}"),
        format!("{host},{EVIL}"),
        format!("{host}&{EVIL}"),
        format!("{host}[{EVIL}]"),
        "[::1]".to_owned(),
        "[::ffff:127.0.0.1]".to_owned(),
        "0x7f.1".to_owned(),
        "2130706433".to_owned(),
        "0177.0.0.1".to_owned(),
        "127.1".to_owned(),
        String::new(),
    ] {
        attacks.push(format!("{scheme}://{other}{port}{path}"));
    }
    attacks
}

fn by_user_information(scheme: &str, authority: &str, path: &str) -> Vec<String> {
    let mut attacks = Vec::new();
    for user in [
        format!("{authority}@{EVIL}"),
        format!("{EVIL}@{authority}"),
        format!("{authority}@@{EVIL}"),
        format!("{authority}:@{EVIL}"),
        format!("{authority}%40{EVIL}"),
        format!(":@{authority}"),
        format!("@{authority}"),
        format!("{EVIL}\\@{authority}"),
        format!("{authority}#@{EVIL}"),
        format!("{authority}?@{EVIL}"),
        format!("{authority}/@{EVIL}"),
    ] {
        attacks.push(format!("{scheme}://{user}{path}"));
    }
    attacks
}

fn on_port(scheme: &str, host: &str, port: &str, path: &str) -> Vec<String> {
    let authority = format!("{host}{port}");
    let mut attacks = Vec::new();
    for other in [":", ":0", ":00", ":80", ":443", ":444", ":65536", ":99999", ":-1", ":+1", ":x"] {
        if other != port {
            attacks.push(format!("{scheme}://{host}{other}{path}"));
        }
    }
    attacks.push(format!("{scheme}://{authority}:1{path}"));
    attacks.push(format!("{scheme}://{authority}.{EVIL}{path}"));
    attacks
}

fn on_path(scheme: &str, authority: &str, path: &str) -> Vec<String> {
    let mut attacks = Vec::new();
    for suffix in [
        "/",
        "//",
        "/.",
        "/..",
        "/../",
        "/../evil",
        "/%2e%2e/evil",
        "/%2e%2e%2fevil",
        "/%252e%252e/evil",
        "%252f",
        "%2f",
        "%5c..%5cevil",
        "/..;/evil",
        ";x=1",
        "/;/evil",
        "/./",
        "/x",
        "x",
        ".evil",
        "%00",
        "%0a",
        "%0d%0aLocation:%20x",
        "%23",
        "%3f",
        "?",
        "?x=1",
        "?code=stolen",
        "&x=1",
        "#",
        "#fragment",
        "#/evil",
        "\t",
        "\r\n",
        "\n",
        " ",
        "\u{0}",
        "\u{7f}",
        "\\",
        "\\..\\evil",
        "?url=https://evil.test",
        "%c0%ae%c0%ae/evil",
        "/*",
        "*",
        "[]",
        "|evil",
        "<script>",
        "\"",
        "'",
        "\u{e9}",
        "\u{202e}",
    ] {
        attacks.push(format!("{scheme}://{authority}{path}{suffix}"));
    }
    attacks.push(format!("{scheme}://{authority}{}", path.to_uppercase()));
    attacks.push(format!("{scheme}://{authority}/x/..{path}"));
    attacks.push(format!("{scheme}://{authority}/.{path}"));
    attacks.push(format!("{scheme}://{authority}/{path}"));
    attacks.push(format!("{scheme}://{authority}"));
    attacks.push(format!("{scheme}://{authority}/"));
    attacks.push(format!("{scheme}://{authority}/%62ack"));
    attacks
}

/// Other schemes, and everything that may stand before the authority.
fn on_beginning(scheme: &str, authority: &str, path: &str) -> Vec<String> {
    let mut attacks = Vec::new();
    for other in ["https", "http", "HTTPS", "ftp", "ws", "file", "javascript", "data", "x-evil"] {
        if other != scheme {
            attacks.push(format!("{other}://{authority}{path}"));
        }
    }
    for beginning in [
        format!("{scheme}:{authority}"),
        format!("{scheme}:/{authority}"),
        format!("{scheme}:///{authority}"),
        format!("{scheme}:\\\\{authority}"),
        format!("{scheme}:/\\{authority}"),
        format!(" {scheme}://{authority}"),
        format!("\t{scheme}://{authority}"),
        format!("{scheme}\n://{authority}"),
        format!("{scheme}%3a//{authority}"),
        format!("//{authority}"),
        authority.to_owned(),
        String::new(),
        format!("javascript://{authority}/%0aalert(1)//"),
        format!("data:text/html,{scheme}://{authority}"),
        format!("https://{EVIL}/?{scheme}://{authority}"),
        format!("https://{EVIL}/{scheme}://{authority}"),
        format!("{scheme}://{EVIL}/{authority}"),
        format!("https://{EVIL}#{scheme}://{authority}"),
        format!("[{scheme}://{authority}"),
        format!("{scheme}://{authority}{path},https://{EVIL}"),
        format!("{scheme}://{authority}{path} https://{EVIL}"),
    ] {
        attacks.push(format!("{beginning}{path}"));
    }
    attacks.push(format!("{scheme}://{authority}{path}").to_uppercase());
    attacks.push(format!("{scheme}://{authority}{path}{}", "x".repeat(REDIRECT_URI_BYTES_MAX)));
    attacks
}
