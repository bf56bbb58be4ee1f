// SPDX-License-Identifier: Apache-2.0
//! C interface over regorus; ../rego.h is its contract. No panic crosses it: each entry catches.

use regorus::utils::limits::{ExecutionTimerConfig, LimitError, PolicyLengthConfig};
use regorus::{Engine, Value};
use std::ffi::c_void;
use std::num::{NonZeroU32, NonZeroUsize};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Mutex;
use std::time::Duration;

const MAX_BYTES: NonZeroUsize = NonZeroUsize::new(1 << 20).unwrap();
const MAX_LINES: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();
// Generated policies carry whole container descriptions in a line.
const MAX_COLUMNS: NonZeroU32 = NonZeroU32::new(1 << 20).unwrap();
const TICKS_PER_CLOCK_READ: NonZeroU32 = NonZeroU32::new(64).unwrap();

/// A parsed policy, copied for each evaluation.
pub struct Policy {
    engine: Mutex<Engine>,
}

/// One evaluation: a copy of the policy's engine with its input.
pub struct Evaluation {
    engine: Engine,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    data: *const u8,
    size: usize,
}

#[repr(C)]
pub struct Reply {
    data: *mut u8,
    size: usize,
    code: i32,
}

const OK: i32 = 0;
const UNDEFINED: i32 = 1;
const ERROR: i32 = 2;
const TIME_LIMIT: i32 = 3;

impl Reply {
    fn new(code: i32, text: String) -> Reply {
        let bytes = text.into_bytes().into_boxed_slice();
        let size = bytes.len();
        let data = Box::into_raw(bytes) as *mut u8;
        Reply { data, size, code }
    }
}

/// An engine error as code and text.
struct Error {
    code: i32,
    text: String,
}

fn engine_error<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> Error {
    let error = error.into();
    let text = error.to_string();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(current) = cause {
        if let Some(LimitError::TimeLimitExceeded { .. }) = current.downcast_ref::<LimitError>() {
            return Error { code: TIME_LIMIT, text };
        }
        cause = current.source();
    }
    // Errors of nested evaluations are carried on as text.
    let code = if text.contains("execution exceeded time limit") { TIME_LIMIT } else { ERROR };
    Error { code, text }
}

fn guarded(what: &str, body: impl FnOnce() -> Result<Reply, Error>) -> Reply {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => Reply::new(error.code, error.text),
        Err(_) => Reply::new(ERROR, format!("{what}: the policy engine panicked")),
    }
}

impl Text {
    fn read<'a>(self, what: &str) -> Result<&'a str, Error> {
        let bytes = if self.size == 0 {
            &[]
        } else {
            // SAFETY: the caller gives `size` readable bytes that outlive the call.
            unsafe { std::slice::from_raw_parts(self.data, self.size) }
        };
        std::str::from_utf8(bytes)
            .map_err(|error| Error { code: ERROR, text: format!("{what} is no UTF-8: {error}") })
    }
}

/// Parses a policy; on success `*policy` is owned by the caller.
///
/// # Safety
/// `policy` is writable, the texts are readable.
#[no_mangle]
pub unsafe extern "C" fn cc_rego_compile(name: Text, rego: Text, policy: *mut *mut Policy) -> Reply {
    guarded("compile", || {
        let mut engine = Engine::new();
        engine.set_policy_length_config(PolicyLengthConfig {
            max_col: MAX_COLUMNS,
            max_file_bytes: MAX_BYTES,
            max_lines: MAX_LINES,
        });
        let rego = rego.read("the policy")?;
        if rego.len() > MAX_BYTES.get() {
            return Err(Error { code: ERROR, text: format!("the policy is longer than {MAX_BYTES} bytes") });
        }
        let package = engine
            .add_policy(name.read("the name")?.to_string(), rego.to_string())
            .map_err(engine_error)?;
        let boxed = Box::new(Policy { engine: Mutex::new(engine) });
        // SAFETY: see the function's contract.
        unsafe { *policy = Box::into_raw(boxed) };
        Ok(Reply::new(OK, package))
    })
}

/// # Safety
/// `policy` came from cc_rego_compile and is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn cc_rego_policy_free(policy: *mut Policy) {
    if !policy.is_null() {
        // SAFETY: see the function's contract.
        drop(unsafe { Box::from_raw(policy) });
    }
}

/// # Safety
/// `policy` came from cc_rego_compile; `evaluation` is writable.
#[no_mangle]
pub unsafe extern "C" fn cc_rego_start(
    policy: *const Policy,
    input: Text,
    data: Text,
    time_limit_ms: u64,
    evaluation: *mut *mut Evaluation,
) -> Reply {
    guarded("start", || {
        // SAFETY: see the function's contract.
        let policy = unsafe { &*policy };
        let mut engine = match policy.engine.lock() {
            Ok(engine) => engine.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        };
        engine.set_execution_timer_config(ExecutionTimerConfig {
            limit: Duration::from_millis(time_limit_ms),
            check_interval: TICKS_PER_CLOCK_READ,
        });
        if data.size > 0 {
            engine.add_data_json(data.read("data")?).map_err(engine_error)?;
        }
        engine.set_input_json(input.read("input")?).map_err(engine_error)?;
        let boxed = Box::new(Evaluation { engine });
        // SAFETY: see the function's contract.
        unsafe { *evaluation = Box::into_raw(boxed) };
        Ok(Reply::new(OK, String::new()))
    })
}

/// # Safety
/// `evaluation` came from cc_rego_start and is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn cc_rego_finish(evaluation: *mut Evaluation) {
    if !evaluation.is_null() {
        // SAFETY: see the function's contract.
        drop(unsafe { Box::from_raw(evaluation) });
    }
}

type Lookup = unsafe extern "C" fn(*mut c_void, Text, *mut c_void, unsafe extern "C" fn(*mut c_void, Text));

#[derive(Clone, Copy)]
struct Callback {
    context: *mut c_void,
    lookup: Lookup,
}
// SAFETY: the evaluation runs on one thread, the one that gave the callback.
unsafe impl Send for Callback {}
unsafe impl Sync for Callback {}

unsafe extern "C" fn store_reply(slot: *mut c_void, text: Text) {
    // SAFETY: `slot` is the String that Callback::call lent out; `text` is readable.
    let slot = unsafe { &mut *(slot as *mut String) };
    if let Ok(text) = text.read("reply") {
        slot.push_str(text);
    }
}

impl Callback {
    fn call(&self, argument: &str) -> String {
        let mut reply = String::new();
        let text = Text { data: argument.as_ptr(), size: argument.len() };
        // SAFETY: the caller of cc_rego_set_lookup keeps both alive until cc_rego_finish.
        unsafe { (self.lookup)(self.context, text, &mut reply as *mut String as *mut c_void, store_reply) };
        reply
    }
}

/// # Safety
/// `evaluation` came from cc_rego_start; context and lookup live until cc_rego_finish.
#[no_mangle]
pub unsafe extern "C" fn cc_rego_set_lookup(
    evaluation: *mut Evaluation,
    name: Text,
    context: *mut c_void,
    lookup: Lookup,
) -> Reply {
    guarded("set lookup", || {
        // SAFETY: see the function's contract.
        let evaluation = unsafe { &mut *evaluation };
        let callback = Callback { context, lookup };
        let extension = move |arguments: Vec<Value>| {
            let argument = match arguments.first() {
                Some(value) => value.as_string()?.to_string(),
                None => String::new(),
            };
            let reply = callback.call(&argument);
            Value::from_json_str(if reply.is_empty() { "null" } else { &reply })
        };
        evaluation
            .engine
            .add_extension(name.read("the name")?.to_string(), 1, Box::new(extension))
            .map_err(engine_error)?;
        Ok(Reply::new(OK, String::new()))
    })
}

/// # Safety
/// `evaluation` came from cc_rego_start.
#[no_mangle]
pub unsafe extern "C" fn cc_rego_eval(evaluation: *mut Evaluation, rule: Text) -> Reply {
    guarded("evaluate", || {
        // SAFETY: see the function's contract.
        let evaluation = unsafe { &mut *evaluation };
        let rule = rule.read("the rule")?;
        match evaluation.engine.eval_rule(rule.to_string()) {
            Ok(Value::Undefined) => Ok(Reply::new(UNDEFINED, String::new())),
            Ok(value) => Ok(Reply::new(OK, value.to_json_str().map_err(engine_error)?)),
            Err(error) => {
                let error = engine_error(error);
                // The engine's word for a rule that the policy does not have.
                if error.text.contains("not a valid rule path") {
                    return Ok(Reply::new(UNDEFINED, String::new()));
                }
                Err(error)
            }
        }
    })
}

/// # Safety
/// `reply` came from a function of this file and is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn cc_rego_reply_free(reply: Reply) {
    if !reply.data.is_null() {
        // SAFETY: data and size are those of the boxed slice made in Reply::new.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(reply.data, reply.size)) });
    }
}
