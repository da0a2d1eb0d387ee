//! A browser without a screen: cookies, redirects, and the emulator's forms.

use std::collections::{BTreeMap, HashMap};

use url::Url;

use crate::world::{Answer, CALLBACK, World, encoded, form_body};

pub(crate) struct Browser<'a> {
    world: &'a World,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The pages that were shown, by their titles.
    pub(crate) seen: Vec<String>,
}

/// The parameters that arrived at the client's redirect URI.
#[derive(Debug)]
pub(crate) struct Callback(HashMap<String, String>);

impl Callback {
    fn of(location: &str) -> Self {
        let url = Url::parse(location).unwrap();
        assert!(location.starts_with(CALLBACK), "{location}");
        Self(url.query_pairs().into_owned().collect())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.0))
    }

    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        self.value("code")
    }
}

impl<'a> Browser<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, cookies: BTreeMap::new(), seen: Vec::new() }
    }

    /// Goes to the authorization endpoint and does what every page asks, as
    /// `user`, until the client's redirect URI is reached.
    pub(crate) async fn authorize(
        &mut self,
        path: &str,
        request: &[(&str, String)],
        user: &str,
    ) -> Callback {
        let answer = self.start(path, request).await;
        self.walk(answer, user, &[("decision", "allow")]).await
    }

    /// Goes to the authorization endpoint and follows redirects to a page or to
    /// the client.
    pub(crate) async fn start(&mut self, path: &str, request: &[(&str, String)]) -> Answer {
        let answer = self.get(&format!("{path}?{}", encoded(request))).await;
        self.follow(answer).await
    }

    /// Fills in page after page. `decision` is what the consent form sends; without a word about
    /// scopes, with every box that comes ticked.
    pub(crate) async fn walk(
        &mut self,
        mut answer: Answer,
        user: &str,
        decision: &[(&str, &str)],
    ) -> Callback {
        loop {
            if answer.status == 303 {
                return Callback::of(answer.header("location"));
            }
            assert_eq!(answer.status, 200, "{}", answer.body);
            self.seen.push(title(&answer.body));
            let action = form_action(&answer.body);
            let password = format!("{user}-password");
            let login = [("username", user), ("password", password.as_str())];
            let sent = if action.ends_with("/login") {
                self.post(&action, &login).await
            } else if action.ends_with("/account") {
                let sub = format!("sub-{user}");
                self.post(&action, &[("account", &sub)]).await
            } else {
                let is_said = decision.iter().any(|(name, _)| *name == "scope");
                let boxes = ticked(&answer.body).filter(|_| !is_said).map(|it| ("scope", it));
                let fields: Vec<_> = decision.iter().copied().chain(boxes).collect();
                self.post(&action, &fields).await
            };
            answer = self.follow(sent).await;
        }
    }

    pub(crate) async fn follow(&mut self, mut answer: Answer) -> Answer {
        while answer.status == 303 && answer.header("location").starts_with('/') {
            let location = answer.header("location").to_owned();
            answer = self.get(&location).await;
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.world.http.get(self.world.url(path));
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = form_body(self.world.http.post(self.world.url(path)), fields);
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let pairs: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.world.send(request.header("cookie", pairs.join("; "))).await;
        for line in answer.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

pub(crate) fn form_action(html: &str) -> String {
    between(html, "action=\"", "\"").unwrap_or_else(|| panic!("no form: {html}")).to_owned()
}

fn ticked(html: &str) -> impl Iterator<Item = &str> {
    html.split("name=\"scope\" value=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0))
}

fn title(html: &str) -> String {
    let title = between(html, "<title>", "</title>").unwrap_or_default();
    title.split(" – ").next().unwrap_or_default().to_owned()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}
