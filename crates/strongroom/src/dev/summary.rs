//! The announcement for people: where to go, whom to be, what to do next.

use std::fmt::{self, Display, Write};
use std::io::{IsTerminal, stdout};
use std::path::Path;
use std::time::Duration;

use super::announcement::{Announcement, Confidential};
use super::place::DEFAULT_FOLDER;
use crate::logging::no_color;

/// The whole text.
pub(super) fn of(announcement: &Announcement, took: Duration) -> String {
    let paint = Paint { is_on: stdout().is_terminal() && !no_color() };
    let mut text = String::new();
    // Writing into a string does not fail.
    let _written = write(&mut text, announcement, took, paint);
    text
}

#[derive(Clone, Copy)]
struct Paint {
    is_on: bool,
}

struct Painted<'a> {
    text: &'a str,
    code: Option<u8>,
}

impl Paint {
    fn bold(self, text: &str) -> Painted<'_> {
        Painted { text, code: self.is_on.then_some(1) }
    }

    fn dim(self, text: &str) -> Painted<'_> {
        Painted { text, code: self.is_on.then_some(2) }
    }
}

impl Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\x1b[{code}m{}\x1b[0m", self.text),
            None => f.write_str(self.text),
        }
    }
}

fn write(
    out: &mut String,
    announcement: &Announcement,
    took: Duration,
    paint: Paint,
) -> fmt::Result {
    let Announcement { issuer, local_issuer, ca, ca_bundle, users, emulator, demo, .. } =
        announcement;
    let ready = format!("Strongroom is ready after {:.1} s.", took.as_secs_f64());
    writeln!(out, "\n{}\n", paint.bold(&ready))?;
    if let Some(demo) = demo {
        writeln!(out, "  Demo      {}", paint.bold(demo))?;
    }
    writeln!(out, "  Issuer    {}", paint.bold(issuer))?;
    if local_issuer != issuer {
        writeln!(out, "            {local_issuer}")?;
    }
    writeln!(out, "  Provider  {} {}", emulator.issuer, paint.dim("(emulated)"))?;
    if !announcement.providers.is_empty() {
        let providers = announcement.providers.join(", ");
        writeln!(out, "            connections to emulated providers: calendar, {providers}")?;
    }

    writeln!(out, "\n{}", paint.bold("People"))?;
    for user in users {
        writeln!(out, "  {:<24}  {}", user.email, user.password.secret().expose())?;
    }
    writeln!(out, "{} {}", paint.bold("The same at the provider"), emulator.issuer)?;
    for user in &emulator.users {
        writeln!(out, "  {:<24}  {}", user.username, user.password.secret().expose())?;
    }
    clients(out, announcement, paint)?;
    if let (Some(ca), Some(bundle)) = (ca, ca_bundle) {
        trust(out, issuer, ca, bundle, paint)?;
    }
    next_steps(out, announcement, paint)
}

fn clients(out: &mut String, announcement: &Announcement, paint: Paint) -> fmt::Result {
    let Announcement { clients, management, resource_server, .. } = announcement;
    writeln!(out, "\n{}", paint.bold("Clients"))?;
    let mut confidential = |name: &str, client: &Confidential| {
        let secret = client.client_secret.secret().expose();
        writeln!(out, "  {name:<10}  {}  {secret}", client.client_id)
    };
    confidential("web", &clients.web)?;
    confidential("api", &clients.api)?;
    confidential("management", &management.client)?;
    writeln!(out, "  {:<10}  {}", "spa", clients.spa.client_id)?;
    writeln!(out, "  {}  {resource_server}", paint.dim("audience  "))
}

fn trust(out: &mut String, issuer: &str, ca: &Path, bundle: &Path, paint: Paint) -> fmt::Result {
    let (ca, bundle) = (ca.display(), bundle.display());
    writeln!(out, "\n{}", paint.bold("Trust in the local CA, which is good for this host alone"))?;
    writeln!(out, "  export NODE_EXTRA_CA_CERTS={ca}")?;
    writeln!(out, "  export SSL_CERT_FILE={bundle}        {}", paint.dim("# Go, Python's httpx"))?;
    writeln!(out, "  export REQUESTS_CA_BUNDLE={bundle}   {}", paint.dim("# Python's requests"))?;
    writeln!(out, "  curl --cacert {ca} {issuer}.well-known/openid-configuration")?;
    let authority = issuer.trim_start_matches("https://").trim_end_matches('/');
    let host = authority.split(':').next().unwrap_or(authority);
    if host != "localhost" && host.parse::<std::net::IpAddr>().is_err() {
        writeln!(out, "{}", paint.bold("The name has to lead here; in /etc/hosts:"))?;
        writeln!(out, "  127.0.0.1 {host}")?;
    }
    Ok(())
}

fn next_steps(out: &mut String, announcement: &Announcement, paint: Paint) -> fmt::Result {
    let Announcement { issuer, users, emulator, demo, management, .. } = announcement;
    writeln!(out, "\n{}", paint.bold("Next"))?;
    if let (Some(demo), Some(user), Some(provider_user)) =
        (demo, users.first(), emulator.users.first())
    {
        writeln!(
            out,
            "  Open {demo}, log in as {}, connect the calendar as {} at the",
            user.email, provider_user.username
        )?;
        writeln!(
            out,
            "  provider, and list the events: the demo's API has exchanged your token for the provider's."
        )?;
    }
    if issuer.starts_with("https://") {
        let domain = issuer.trim_start_matches("https://").trim_end_matches('/');
        let Confidential { client_id, client_secret } = &management.client;
        let secret = client_secret.secret().expose();
        writeln!(
            out,
            "  auth0 login --domain {domain} --client-id {client_id} --client-secret {secret}"
        )?;
    }
    let folder = &announcement.control.folder;
    let data = if folder == Path::new(DEFAULT_FOLDER) {
        String::new()
    } else {
        format!(" --data {}", folder.display())
    };
    writeln!(out, "  In another terminal:")?;
    writeln!(out, "    strongroom dev clock +2h{data}")?;
    writeln!(out, "    strongroom dev fault calendar refresh invalid_grant{data}")?;
    writeln!(out, "  {}", paint.dim("Ctrl-C stops it."))
}
