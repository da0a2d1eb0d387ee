//! A browser without a screen.

use std::sync::{Arc, Mutex};

use engine::clock::Clock;
use form_urlencoded::Serializer;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderValue, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, Request};
use url::Url;

use crate::call::Answer;
use crate::cookies::Cookies;
use crate::emulated::Emulated;
use crate::html::{self, Form, Submit};
use crate::world::World;

const REDIRECTS_MAX: usize = 10;
const PAGES_MAX: usize = 10;

/// A person's browser: cookies, and nothing else that lasts.
pub struct Browser {
    world: Arc<World>,
    cookies: Mutex<Cookies>,
    forwarded_for: Option<HeaderValue>,
}

/// Where a browser has come to.
#[derive(Debug)]
pub struct Page {
    /// The address. After a redirect to an application, that application's.
    pub url: Url,
    /// What was answered. After a redirect to an application, that redirect.
    pub answer: Answer,
    /// Whether the browser has been sent to an application, which these tests play themselves.
    pub is_at_application: bool,
}

/// What a person knows, and how they answer.
#[derive(Clone, Debug)]
pub struct Persona {
    /// E-mail address and password at Strongroom.
    pub login: (String, String),
    /// User name at the provider.
    pub provider_user: String,
    /// Whether they go on when Strongroom asks whether to connect.
    pub accepts: bool,
    /// Whether they allow at the provider.
    pub allows: bool,
}

impl Browser {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), cookies: Mutex::default(), forwarded_for: None }
    }

    /// Behind a proxy that tells so of where it is.
    #[must_use]
    pub fn forwarded_for(self, line: &str) -> Self {
        Self { forwarded_for: Some(HeaderValue::from_str(line).unwrap()), ..self }
    }

    /// Goes to an address, and on to where it leads.
    pub async fn open(&self, url: &str) -> Page {
        let url = Url::parse(url).unwrap();
        let answer = self.get(&url).await;
        self.follow(url, answer).await
    }

    /// Goes to an address and no further.
    pub async fn get(&self, url: &Url) -> Answer {
        self.send(Request::new(Method::GET, url.clone())).await
    }

    /// Presses a button, and goes to where that leads.
    pub async fn submit(&self, form: &Form, button: &Submit) -> Page {
        let answer = self.send_form(form, &form.pressed(button)).await;
        self.follow(form.action.clone(), answer).await
    }

    /// Sends a form with these pairs, whatever its fields are, and goes no further.
    pub async fn send_form(&self, form: &Form, pairs: &[(String, String)]) -> Answer {
        let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
        if !form.is_post {
            let mut url = form.action.clone();
            url.set_query(Some(&body));
            return self.get(&url).await;
        }
        let mut request = Request::new(Method::POST, form.action.clone());
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form_type);
        // Browsers name the page's origin with every POST; ours sends forms from their own origin.
        let origin = form.action.origin().ascii_serialization();
        request.headers_mut().insert(ORIGIN, HeaderValue::from_str(&origin).unwrap());
        *request.body_mut() = Some(body.into());
        self.send(request).await
    }

    /// Answers page after page as a person would, until an application is reached or a page asks
    /// for nothing that the person has an answer to.
    pub async fn walk(&self, mut page: Page, persona: &Persona) -> Page {
        for _ in 0..PAGES_MAX {
            if page.is_at_application || page.answer.status != 200 {
                return page;
            }
            let Some((form, button)) = self.answer_to(&page, persona) else { return page };
            page = self.submit(&form, &button).await;
        }
        panic!("no end of pages: {page:?}")
    }

    /// The same, but that the person does not grant one scope where that can be chosen.
    pub async fn walk_granting(&self, mut page: Page, persona: &Persona, all_but: &str) -> Page {
        for _ in 0..PAGES_MAX {
            if page.is_at_application || page.answer.status != 200 {
                return page;
            }
            let Some((mut form, button)) = self.answer_to(&page, persona) else { return page };
            form.fields.retain(|(name, value)| name != "scope" || value != all_but);
            page = self.submit(&form, &button).await;
        }
        panic!("no end of pages: {page:?}")
    }

    /// Answers page after page as a person would, until a redirect leads to a path of the server:
    /// answers where to, without going there.
    pub async fn walk_until(&self, mut page: Page, persona: &Persona, path: &str) -> Url {
        for _ in 0..PAGES_MAX {
            if page.url.path() == path {
                return page.url;
            }
            let (form, button) = self.answer_to(&page, persona).unwrap();
            let answer = self.send_form(&form, &form.pressed(&button)).await;
            page = self.follow_until(form.action, answer, Some(path)).await;
        }
        panic!("{path} is never reached: {page:?}")
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().value(name).map(str::to_owned)
    }

    /// Forgets a cookie.
    pub fn forget_cookie(&self, name: &str) {
        self.cookies.lock().unwrap().forget(name);
    }

    /// Plants a cookie, as another page of the same host could.
    pub fn plant_cookie(&self, url: &Url, name: &str, value: &str) {
        self.cookies.lock().unwrap().plant(url, name, value);
    }

    /// What the person does on a page.
    fn answer_to(&self, page: &Page, persona: &Persona) -> Option<(Form, Submit)> {
        let answer = |yes: bool, if_yes, if_no| if yes { if_yes } else { if_no };
        let accept = answer(persona.accepts, "accept", "deny");
        let allow = answer(persona.allows, "allow", "deny");
        page.forms().into_iter().find_map(|mut form| {
            let (name, value) = if form.has_field("password") {
                let provider_password = Emulated::password_of(&persona.provider_user);
                let (user, password) = if self.is_provider(&form.action) {
                    (&persona.provider_user, &provider_password)
                } else {
                    (&persona.login.0, &persona.login.1)
                };
                form.fill("username", user);
                form.fill("password", password);
                let button = form.buttons.first()?.clone();
                return Some((form, button));
            } else if form.has_button("action", accept) {
                ("action", accept.to_owned())
            } else if form.has_button("decision", allow) {
                ("decision", allow.to_owned())
            } else {
                let subject = Emulated::subject_of(&persona.provider_user);
                let is_known = form.has_button("account", &subject);
                ("account", if is_known { subject } else { String::new() })
            };
            let button = Submit { name: name.to_owned(), value };
            form.buttons.contains(&button).then_some((form, button))
        })
    }

    fn is_provider(&self, url: &Url) -> bool {
        url.origin() == self.world.emulator.base_url.origin()
    }

    /// Follows redirects within the server and the provider.
    async fn follow(&self, url: Url, answer: Answer) -> Page {
        self.follow_until(url, answer, None).await
    }

    /// The same, and not to a path at which to `stop`.
    async fn follow_until(&self, mut url: Url, mut answer: Answer, stop: Option<&str>) -> Page {
        for _ in 0..REDIRECTS_MAX {
            let Some(location) = answer.header(LOCATION.as_str()) else {
                return Page { url, answer, is_at_application: false };
            };
            url = url.join(location).unwrap();
            if !self.is_provider(&url) && url.port() != Some(self.world.port) {
                return Page { url, answer, is_at_application: true };
            }
            if stop == Some(url.path()) {
                return Page { url, answer, is_at_application: false };
            }
            answer = self.get(&url).await;
        }
        panic!("no end of redirects: {url}")
    }

    async fn send(&self, mut request: Request) -> Answer {
        let url = request.url().clone();
        let now = self.world.clock.now();
        if let Some(cookies) = self.cookies.lock().unwrap().header(&url, now) {
            request.headers_mut().insert(COOKIE, HeaderValue::from_str(&cookies).unwrap());
        }
        if let Some(line) = &self.forwarded_for {
            request.headers_mut().insert("x-forwarded-for", line.clone());
        }
        let answer = Answer::read(self.world.send(request).await).await;
        let mut cookies = self.cookies.lock().unwrap();
        for set_cookie in answer.headers.get_all(SET_COOKIE) {
            cookies.keep(&url, set_cookie.to_str().unwrap(), now);
        }
        drop(cookies);
        answer
    }
}

impl Page {
    /// Its forms.
    pub fn forms(&self) -> Vec<Form> {
        html::forms(self.answer.text(), &self.url)
    }

    /// The one form with a field of this name.
    #[track_caller]
    pub fn form_with(&self, field: &str) -> Form {
        let form = self.forms().into_iter().find(|form| form.has_field(field));
        form.unwrap_or_else(|| panic!("no form with {field}: {self:?}"))
    }

    /// The targets of its links.
    pub fn links(&self) -> Vec<Url> {
        html::links(self.answer.text(), &self.url)
    }

    /// A parameter of its address, from the query or the fragment.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.url.query().unwrap_or_default();
        let fragment = self.url.fragment().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes())
            .chain(form_urlencoded::parse(fragment.as_bytes()));
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// A parameter that has to be there.
    #[track_caller]
    pub fn expect_parameter(&self, name: &str) -> String {
        self.parameter(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}
