//! The workers that are warm, and who may use them.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::event::FetchUserProfile;
use crate::http::{HttpAnswer, HttpRequest};
use crate::limits::{
    ANSWER_BODY_BYTES_MAX, CALLS_MAX, KILLED_AFTER, QUEUE_TIME_MAX, RUN_TIME_MAX, SCRIPT_BYTES_MAX,
    WORKERS_MAX, WORKERS_MIN, WORKERS_PER_CORE,
};
use crate::outcome::{ActionError, ScriptFault, answer_too_long, presentable};
use crate::process::{Program, Worker};
use crate::wire::{Call, FromWorker, ToWorker};

/// Runs scripts, a few at a time. No process is started before the first script.
#[derive(Debug)]
pub struct Pool {
    program: Program,
    workers: Arc<Semaphore>,
    workers_max: usize,
    /// What each tenant may hold of the workers, as long as it does.
    shares: Mutex<HashMap<String, Weak<Semaphore>>>,
    /// The workers that wait, each with its tenant; the longest waiting first.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    tenant: String,
    worker: Worker,
}

/// The right to use one worker.
struct Turn {
    _share: OwnedSemaphorePermit,
    _worker: OwnedSemaphorePermit,
}

impl Pool {
    /// A pool of workers of a program.
    pub fn new(program: Program) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let workers_max = (WORKERS_PER_CORE * cores).clamp(WORKERS_MIN, WORKERS_MAX);
        Self {
            program,
            workers: Arc::new(Semaphore::new(workers_max)),
            workers_max,
            shares: Mutex::default(),
            idle: Mutex::default(),
        }
    }

    /// Whether a script is a function; it is not called.
    pub async fn check(&self, tenant: &str, script: &str) -> Result<(), ActionError> {
        let message = ToWorker::Check { script: bounded_script(script)?.into() };
        let no_calls = async |_| Err("a check makes no requests".to_owned());
        self.work(tenant, message, no_calls).await.map_err(|error| tidied(error, &[]))?;
        Ok(())
    }

    /// Runs a `fetchUserProfile` script of a tenant; `call` makes its HTTP requests.
    pub async fn fetch_user_profile<F, C>(
        &self,
        tenant: &str,
        script: &str,
        event: FetchUserProfile<'_>,
        call: F,
    ) -> Result<Map<String, Value>, ActionError>
    where
        F: Fn(HttpRequest) -> C,
        C: Future<Output = Result<HttpAnswer, String>>,
    {
        let (arguments, secrets) = (event.arguments(), event.secrets());
        let script = bounded_script(script)?.into();
        let message = ToWorker::Run { script, arguments: arguments.as_str().into() };
        let result = self.work(tenant, message, call).await;
        let result = result.map_err(|error| tidied(error, &secrets))?;
        if secrets.iter().any(|secret| result.contains(secret)) {
            return Err(ScriptFault::HoldsToken.into());
        }
        Ok(serde_json::from_str(&result).or(Err(ScriptFault::NotAnObject))?)
    }

    async fn work<F, C>(
        &self,
        tenant: &str,
        message: ToWorker<'_>,
        call: F,
    ) -> Result<String, ActionError>
    where
        F: Fn(HttpRequest) -> C,
        C: Future<Output = Result<HttpAnswer, String>>,
    {
        let queue = self.turn(tenant);
        let _turn = timeout(QUEUE_TIME_MAX, queue).await.or(Err(ActionError::Busy))??;
        let mut worker = match self.waiting_worker(tenant) {
            Some(worker) => worker,
            None => Worker::start(&self.program).await?,
        };
        // Whatever goes wrong from here on, also that nobody waits any more, drops the worker.
        let done = converse(&mut worker, message, call).await?;
        self.keep(tenant, worker);
        Ok(done?)
    }

    /// Waits for a worker to be free, and for this tenant.
    async fn turn(&self, tenant: &str) -> Result<Turn, ActionError> {
        // The share first: who waits for that holds up nobody else. Neither is ever closed.
        let share = self.share(tenant).acquire_owned().await.or(Err(ActionError::Busy))?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.or(Err(ActionError::Busy))?;
        Ok(Turn { _share: share, _worker: worker })
    }

    fn share(&self, tenant: &str) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(tenant).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.workers_max.div_ceil(2)));
        shares.insert(tenant.to_owned(), Arc::downgrade(&share));
        share
    }

    /// A worker that has worked for this tenant, and for no other.
    fn waiting_worker(&self, tenant: &str) -> Option<Worker> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain_mut(|idle| idle.worker.lives());
        if let Some(found) = idle.iter().rposition(|idle| idle.tenant == tenant) {
            return Some(idle.remove(found).worker);
        }
        let busy = self.workers_max.saturating_sub(self.workers.available_permits());
        // The new one takes the place of the one that has waited for longest.
        if idle.len() + busy > self.workers_max {
            idle.remove(0);
        }
        None
    }

    fn keep(&self, tenant: &str, worker: Worker) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle { tenant: tenant.to_owned(), worker });
    }
}

/// Lets a worker do one thing, and answers its calls meanwhile.
async fn converse<F, C>(
    worker: &mut Worker,
    message: ToWorker<'_>,
    call: F,
) -> Result<Result<String, ScriptFault>, ActionError>
where
    F: Fn(HttpRequest) -> C,
    C: Future<Output = Result<HttpAnswer, String>>,
{
    let ends_at = Instant::now() + RUN_TIME_MAX;
    let mut computing: Duration = KILLED_AFTER;
    let mut message = message;
    let (mut calls, mut calls_made) = (FuturesUnordered::new(), 0);
    loop {
        match worker.turn(&message, &mut computing).await? {
            FromWorker::Done(result) => return Ok(result),
            FromWorker::Ready(_) => return Err(ActionError::Broken),
            FromWorker::Calls(new) => {
                calls_made += new.len();
                if calls_made > CALLS_MAX {
                    return Err(ActionError::Broken);
                }
                let made = |Call { id, request }| {
                    let answer = call(request);
                    async move { (id, answer.await.and_then(bounded)) }
                };
                calls.extend(new.into_iter().map(made));
            }
        }
        let answered = timeout_at(ends_at, calls.next()).await.or(Err(ScriptFault::TimedOut))?;
        let (id, outcome) = answered.ok_or(ActionError::Broken)?;
        message = ToWorker::Answer { id, outcome };
    }
}

fn bounded_script(script: &str) -> Result<&str, ScriptFault> {
    if script.len() <= SCRIPT_BYTES_MAX { Ok(script) } else { Err(ScriptFault::ScriptTooLong) }
}

fn bounded(answer: HttpAnswer) -> Result<HttpAnswer, String> {
    let headers = answer.headers.iter().map(|(name, value)| name.len() + value.len());
    let bytes = answer.body.len() + headers.sum::<usize>();
    if bytes <= ANSWER_BODY_BYTES_MAX { Ok(answer) } else { Err(answer_too_long()) }
}

/// What a worker says of its script is not believed to be short, nor to be free of secrets.
fn tidied(error: ActionError, secrets: &[&str]) -> ActionError {
    match error {
        ActionError::Script(ScriptFault::Failed(message)) => {
            ScriptFault::Failed(presentable(&message, secrets)).into()
        }
        ActionError::Script(ScriptFault::Syntax(message)) => {
            ScriptFault::Syntax(presentable(&message, secrets)).into()
        }
        other => other,
    }
}
