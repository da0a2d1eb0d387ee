//! What `dev` tells: one line of JSON for tools, or a [`summary`] for people.

use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::ids::{ClientId, UserId};
use model::resource_server::SystemApi;
use protocol::secret::{Disclosed, kind};
use serde::Serialize;

use super::control::{ControlSecret, Door};
use super::local_ca::CaFiles;
use super::ports::Origins;
use super::provider::Provider;
use super::summary;
use crate::seed::{CALENDAR_CONNECTION, Credentials, DATABASE_CONNECTION, RESOURCE_SERVER, Seeded};

/// Everything that tools may rely on, in the members' published names.
#[derive(Serialize)]
pub(super) struct Announcement {
    pub(super) issuer: String,
    /// The issuer on localhost: the same one, or the one beside https.
    pub(super) local_issuer: String,
    /// The local CA's certificate.
    pub(super) ca: Option<PathBuf>,
    /// That one and the system's.
    #[serde(skip)]
    pub(super) ca_bundle: Option<PathBuf>,
    pub(super) management: Management,
    pub(super) clients: Clients,
    pub(super) resource_server: &'static str,
    pub(super) users: Vec<Person>,
    pub(super) connections: Connections,
    pub(super) emulator: Emulator,
    /// The connections that `--providers` made.
    pub(super) providers: Vec<String>,
    pub(super) control: Control,
    pub(super) demo: Option<String>,
}

/// How the running server is commanded.
#[derive(Serialize)]
pub(super) struct Control {
    /// Where the file with all of this lies.
    pub(super) folder: PathBuf,
    pub(super) url: String,
    pub(super) secret: Disclosed<ControlSecret>,
}

#[derive(Serialize)]
pub(super) struct Management {
    pub(super) audience: String,
    #[serde(flatten)]
    pub(super) client: Confidential,
}

#[derive(Serialize)]
pub(super) struct Clients {
    pub(super) spa: Public,
    pub(super) web: Confidential,
    pub(super) api: Confidential,
}

#[derive(Serialize)]
pub(super) struct Public {
    pub(super) client_id: ClientId,
}

#[derive(Serialize)]
pub(super) struct Confidential {
    pub(super) client_id: ClientId,
    pub(super) client_secret: Disclosed<kind::ClientSecret>,
}

#[derive(Serialize)]
pub(super) struct Person {
    pub(super) user_id: UserId,
    pub(super) email: String,
    pub(super) password: Disclosed<kind::Password>,
}

#[derive(Serialize)]
pub(super) struct Connections {
    database: &'static str,
    calendar: &'static str,
}

#[derive(Serialize)]
pub(super) struct Emulator {
    pub(super) issuer: String,
    pub(super) users: Vec<EmulatorUser>,
}

#[derive(Serialize)]
pub(super) struct EmulatorUser {
    pub(super) username: &'static str,
    pub(super) password: Disclosed<kind::Password>,
}

impl Control {
    /// The door of a folder.
    pub(super) fn of(folder: &Path, door: &Door) -> Self {
        let (folder, url, secret) = (folder.to_owned(), door.url.clone(), door.secret.clone());
        Self { folder, url, secret }
    }
}

impl Announcement {
    /// What stands where.
    pub(super) fn new(
        origins: &Origins,
        ca: Option<CaFiles>,
        seeded: Seeded,
        provider: &Provider,
        control: Control,
    ) -> Self {
        let Seeded { tenant: _, management, spa, web, api, people } = seeded;
        let announced = origins.announced();
        let (ca, ca_bundle) = ca.map(|files| (files.ca, files.bundle)).unzip();
        let emulator_users = provider.users.iter().map(|user| EmulatorUser {
            username: user.username,
            password: user.password.clone().disclose(),
        });
        Self {
            issuer: announced.issuer().to_owned(),
            local_issuer: origins.plain.issuer().to_owned(),
            ca,
            ca_bundle,
            management: Management {
                audience: SystemApi::Management.audience(announced),
                client: management.into(),
            },
            clients: Clients { spa: Public { client_id: spa }, web: web.into(), api: api.into() },
            resource_server: RESOURCE_SERVER,
            users: people
                .into_iter()
                .map(|person| Person {
                    user_id: person.user_id,
                    email: person.email,
                    password: person.password.disclose(),
                })
                .collect(),
            connections: Connections {
                database: DATABASE_CONNECTION,
                calendar: CALENDAR_CONNECTION,
            },
            emulator: Emulator {
                issuer: provider.access.issuer.clone(),
                users: emulator_users.collect(),
            },
            providers: provider
                .flavours
                .keys()
                .filter(|name| *name != CALENDAR_CONNECTION)
                .cloned()
                .collect(),
            control,
            demo: origins.demo.as_ref().map(|demo| demo.issuer().to_owned()),
        }
    }

    /// Prints it, now that everything listens.
    pub(super) fn print(&self, as_json: bool, took: Duration) -> io::Result<()> {
        let text =
            if as_json { serde_json::to_string(self)? + "\n" } else { summary::of(self, took) };
        let mut output = stdout().lock();
        output.write_all(text.as_bytes())?;
        output.flush()
    }
}

impl From<Credentials> for Confidential {
    fn from(credentials: Credentials) -> Self {
        let Credentials { client_id, client_secret } = credentials;
        Self { client_id, client_secret: client_secret.disclose() }
    }
}
