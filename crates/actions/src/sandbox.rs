//! One script, from its text to its result, in a QuickJS runtime of its own.
//!
//! What a script asks for is collected until it can do nothing more without an answer; then the
//! caller is asked, and one answer lets it go on. The script ends with its first call back, or with
//! the limit of its computing time, which no script can catch.
//!
//! A script sees this machine's clock, in UTC, and `Math.random`; nothing that it decides is
//! decided twice.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Instant;

use rquickjs::context::EvalOptions;
use rquickjs::function::Func;
use rquickjs::{CaughtError, Context, Ctx, Error, Exception, Function, Object, Runtime, Value};

use crate::HttpAnswer;
use crate::limits::{
    CALLS_MAX, COMPUTING_TIME_MAX, HEAP_BYTES_MAX, REQUEST_BODY_BYTES_MAX, RESULT_BYTES_MAX,
    STACK_BYTES_MAX,
};
use crate::outcome::ScriptFault;
use crate::wire::Call;

const PRELUDE: &str = include_str!("prelude.js");
/// What a script is called in its own messages.
const SCRIPT_NAME: &str = "script";

/// Whether a script is a function. It is not called.
pub(crate) fn check(script: &str) -> Result<(), ScriptFault> {
    let engine = Engine::new()?;
    engine.context.with(|ctx| engine.load(&ctx, script).map(drop))
}

/// Runs a script with an array of arguments and a callback. `ask` takes new calls and gives the
/// answer of one.
pub(crate) fn run(
    script: &str,
    arguments: &str,
    mut ask: impl FnMut(Vec<Call>) -> io::Result<(u32, Result<HttpAnswer, String>)>,
) -> io::Result<Result<String, ScriptFault>> {
    let engine = match Engine::new() {
        Ok(engine) => engine,
        Err(fault) => return Ok(Err(fault)),
    };
    engine.context.with(|ctx| {
        let outcome = engine.drive(&ctx, script, arguments, &mut ask)?;
        Ok(outcome.and_then(|()| match engine.progress.result.take() {
            Some(result) => result,
            None => Err(ScriptFault::NoResult),
        }))
    })
}

/// How far a run is; the engine's hooks and the functions of the prelude write here.
struct Progress {
    /// When the script has computed for too long.
    deadline: Cell<Instant>,
    /// Whether it has.
    interrupted: Cell<bool>,
    /// Calls that nobody has been asked yet.
    new_calls: RefCell<Vec<Call>>,
    /// How many calls there have been.
    calls: Cell<u32>,
    /// The first result.
    result: RefCell<Option<Result<String, ScriptFault>>>,
    /// What a promise was last rejected with: if nothing calls back, probably why.
    rejection: RefCell<Option<String>>,
}

struct Engine {
    context: Context,
    progress: Rc<Progress>,
}

impl Engine {
    fn new() -> Result<Self, ScriptFault> {
        let progress = Rc::new(Progress {
            deadline: Cell::new(Instant::now() + COMPUTING_TIME_MAX),
            interrupted: Cell::new(false),
            new_calls: RefCell::default(),
            calls: Cell::new(0),
            result: RefCell::default(),
            rejection: RefCell::default(),
        });
        let runtime = Runtime::new().map_err(|error| out_of_memory(&error))?;
        runtime.set_memory_limit(HEAP_BYTES_MAX);
        runtime.set_max_stack_size(STACK_BYTES_MAX);
        let seen = Rc::clone(&progress);
        runtime.set_interrupt_handler(Some(Box::new(move || seen.must_stop())));
        let seen = Rc::clone(&progress);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |_, _, reason, handled| {
            if !handled {
                *seen.rejection.borrow_mut() = Some(describe(&reason));
            }
        })));
        let context = Context::full(&runtime).map_err(|error| out_of_memory(&error))?;
        Ok(Self { context, progress })
    }

    fn drive(
        &self,
        ctx: &Ctx<'_>,
        script: &str,
        arguments: &str,
        ask: &mut impl FnMut(Vec<Call>) -> io::Result<(u32, Result<HttpAnswer, String>)>,
    ) -> io::Result<Result<(), ScriptFault>> {
        let started = self.prelude(ctx).and_then(|prelude| {
            let script = self.load(ctx, script)?;
            let start: Function<'_> = self.caught(ctx, prelude.get("start"))?;
            self.caught(ctx, start.call::<_, ()>((script, arguments)))?;
            self.caught(ctx, prelude.get::<_, Function<'_>>("settle"))
        });
        let settle = match started {
            Ok(settle) => settle,
            Err(fault) => return Ok(self.unless_done(fault)),
        };
        let mut unanswered = 0;
        loop {
            while self.goes_on() && ctx.execute_pending_job() {}
            if self.progress.interrupted.get() {
                return Ok(Err(ScriptFault::TimedOut));
            }
            let new_calls = self.progress.new_calls.take();
            unanswered += new_calls.len();
            if !self.goes_on() || unanswered == 0 {
                return Ok(self.unless_done(self.progress.stalled()));
            }
            let asked = Instant::now();
            let (id, outcome) = ask(new_calls)?;
            self.progress.deadline.set(self.progress.deadline.get() + asked.elapsed());
            unanswered -= 1;
            let outcome = serde_json::to_string(&outcome)?;
            if let Err(fault) = self.caught(ctx, settle.call::<_, ()>((id, outcome))) {
                return Ok(self.unless_done(fault));
            }
        }
    }

    /// What comes after the result is of no interest.
    fn unless_done(&self, fault: ScriptFault) -> Result<(), ScriptFault> {
        if self.progress.result.borrow().is_some() { Ok(()) } else { Err(fault) }
    }

    fn goes_on(&self) -> bool {
        !self.progress.interrupted.get() && self.progress.result.borrow().is_none()
    }

    /// Evaluates a script. One that is a function does nothing by that.
    fn load<'js>(&self, ctx: &Ctx<'js>, script: &str) -> Result<Function<'js>, ScriptFault> {
        // On the same line, so that lines keep their numbers; the end may be a comment.
        let expression = format!("({}\n)", script.trim_end().trim_end_matches(';'));
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(SCRIPT_NAME.to_owned());
        let value: Value<'js> = match ctx.eval_with_options(expression, options) {
            Ok(value) => value,
            Err(error) => {
                let caught = CaughtError::from_error(ctx, error);
                return Err(if is_syntax_error(&caught) {
                    ScriptFault::Syntax(located(&caught))
                } else {
                    self.fault(&caught)
                });
            }
        };
        value.into_function().ok_or(ScriptFault::NotAFunction)
    }

    fn prelude<'js>(&self, ctx: &Ctx<'js>) -> Result<Object<'js>, ScriptFault> {
        let progress = Rc::clone(&self.progress);
        let send = Func::from(move |ctx: Ctx<'js>, request: String| progress.send(&ctx, &request));
        let progress = Rc::clone(&self.progress);
        let finish = Func::from(move |is_good: bool, text: String| progress.finish(is_good, text));
        let prelude: Function<'js> = self.caught(ctx, ctx.eval(PRELUDE))?;
        self.caught(ctx, prelude.call((send, finish)))
    }

    fn caught<T>(&self, ctx: &Ctx<'_>, outcome: rquickjs::Result<T>) -> Result<T, ScriptFault> {
        outcome.map_err(|error| self.fault(&CaughtError::from_error(ctx, error)))
    }

    fn fault(&self, error: &CaughtError<'_>) -> ScriptFault {
        if self.progress.interrupted.get() {
            return ScriptFault::TimedOut;
        }
        match error {
            CaughtError::Error(error) => out_of_memory(error),
            CaughtError::Exception(exception) => ScriptFault::Failed(described(exception)),
            CaughtError::Value(value) => ScriptFault::Failed(describe(value)),
        }
    }
}

impl Progress {
    fn must_stop(&self) -> bool {
        if Instant::now() >= self.deadline.get() {
            self.interrupted.set(true);
        }
        // Nothing runs after the result.
        self.interrupted.get() || self.result.borrow().is_some()
    }

    fn send(&self, ctx: &Ctx<'_>, request: &str) -> rquickjs::Result<u32> {
        let refused = |message: &str| Exception::throw_type(ctx, message);
        let request: crate::HttpRequest = serde_json::from_str(request)
            .map_err(|error| refused(&format!("the request cannot be sent: {error}")))?;
        if request.body.as_ref().is_some_and(|body| body.len() > REQUEST_BODY_BYTES_MAX) {
            return Err(refused("the body of the request is too long"));
        }
        let id = self.calls.get();
        if id as usize >= CALLS_MAX {
            return Err(refused("there are too many requests"));
        }
        self.calls.set(id + 1);
        self.new_calls.borrow_mut().push(Call { id, request });
        Ok(id)
    }

    /// The first result counts.
    fn finish(&self, is_good: bool, text: String) {
        let result = match (is_good, text.len() <= RESULT_BYTES_MAX) {
            (true, true) => Ok(text),
            (true, false) => Err(ScriptFault::ResultTooLong),
            (false, _) => Err(ScriptFault::Failed(bounded(text))),
        };
        self.result.borrow_mut().get_or_insert(result);
    }

    fn stalled(&self) -> ScriptFault {
        self.rejection.take().map_or(ScriptFault::NoResult, ScriptFault::Failed)
    }
}

fn is_syntax_error(error: &CaughtError<'_>) -> bool {
    match error {
        CaughtError::Exception(exception) => {
            exception.get::<_, String>("name").is_ok_and(|name| name == "SyntaxError")
        }
        CaughtError::Error(_) | CaughtError::Value(_) => false,
    }
}

/// The message with the line, as the stack has it: `at script:3:7`.
fn located(error: &CaughtError<'_>) -> String {
    let CaughtError::Exception(exception) = error else { return error.to_string() };
    let message = described(exception);
    let stack = exception.stack().unwrap_or_default();
    let place = stack.split_once(&format!("{SCRIPT_NAME}:")).map(|(_, place)| place);
    match place.and_then(|place| place.split(|c: char| !c.is_ascii_digit()).next()) {
        Some(line) if !line.is_empty() => format!("{message} (line {line})"),
        Some(_) | None => message,
    }
}

fn described(exception: &Exception<'_>) -> String {
    let message = exception.message().filter(|message| !message.is_empty());
    bounded(message.unwrap_or_else(|| "an error without a message".to_owned()))
}

/// What was thrown or rejected with.
fn describe(reason: &Value<'_>) -> String {
    if let Some(exception) = reason.as_exception() {
        return described(exception);
    }
    if reason.is_null() {
        return "null was thrown, as the engine does when it has no memory left".to_owned();
    }
    match reason.as_string().map(rquickjs::String::to_string) {
        Some(Ok(text)) => bounded(text),
        Some(Err(_)) | None => "something that is not an error was thrown".to_owned(),
    }
}

/// A long message is not cut here, where nobody knows which parts of it are secret.
fn bounded(message: String) -> String {
    if message.len() <= RESULT_BYTES_MAX { message } else { "its message is too long".to_owned() }
}

/// What the engine itself fails with when it has no memory left.
fn out_of_memory(error: &Error) -> ScriptFault {
    ScriptFault::Failed(format!("the script engine failed: {error}"))
}

#[cfg(test)]
mod tests;
