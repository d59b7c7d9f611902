//! A timeline as events of Chrome's trace format, which <chrome://tracing>, Perfetto and the Firefox Profiler open. Runs in: parent; pure.
//!
//! The file is an array, of one event to a line. Times are those of the machine (`CLOCK_MONOTONIC`), so that the events of several
//! commands stand in one picture.

use std::time::Duration;

use brig_runtime::timeline::{Actor, Nature, Phase, Spent};
use serde_json::{Map, Value, json};

/// What begins an array, parts two events, and ends it.
pub const BEGIN: &str = "[\n";
/// See [`BEGIN`].
pub const BETWEEN: &str = ",\n";
/// See [`BEGIN`].
pub const END: &str = "\n]\n";

/// The events of one command, without what is around them. `title` is the command and its container; `failure` is what it ended with.
#[must_use]
pub fn events(title: &str, phases: &[Phase], failure: Option<&str>) -> String {
    let mut events = Vec::with_capacity(phases.len() + 8);
    for (pid, thread, actor) in processes(phases) {
        let name = match actor {
            Actor::Parent => format!("brig {title}"),
            Actor::Intermediate | Actor::Init => format!("{} of brig {title}", actor.name()),
        };
        let of = phases.iter().filter(|phase| (phase.pid, phase.thread) == (pid, thread));
        let first = of.clone().map(|phase| phase.began).min().unwrap_or_default();
        events.push(about("process_name", pid, thread, json!({ "name": name })));
        events.push(about("thread_name", pid, thread, json!({ "name": name })));
        // Else tracks stand in the order of their names: `exec` above the `restore` before it.
        let index = u64::try_from(first.as_micros()).unwrap_or_default();
        events.push(about("process_sort_index", pid, thread, json!({ "sort_index": index })));
        events.extend(whole(&name, of));
    }
    events.extend(phases.iter().map(event));
    let last = phases.iter().filter(|phase| phase.actor == Actor::Parent).max_by_key(|phase| end(phase));
    if let (Some(last), Some(failure)) = (last, failure) {
        let (at, args) = (micros(end(last)), json!({ "message": failure }));
        events.push(json!({ "name": "failed", "cat": "failure", "ph": "i", "s": "p", "ts": at, "pid": last.pid, "tid": last.thread, "args": args }));
    }
    events.iter().map(Value::to_string).collect::<Vec<_>>().join(BETWEEN)
}

/// Each process and thread once, in the order in which they are met.
fn processes(phases: &[Phase]) -> Vec<(u32, u32, Actor)> {
    let mut met: Vec<(u32, u32, Actor)> = Vec::new();
    for phase in phases {
        if !met.iter().any(|(pid, thread, _)| (*pid, *thread) == (phase.pid, phase.thread)) {
            met.push((phase.pid, phase.thread, phase.actor));
        }
    }
    met
}

fn about(what: &str, pid: u32, thread: u32, args: Value) -> Value {
    json!({ "name": what, "cat": "__metadata", "ph": "M", "ts": 0, "pid": pid, "tid": thread, "args": args })
}

/// One event around all phases of a thread.
fn whole<'p>(name: &str, phases: impl Iterator<Item = &'p Phase> + Clone) -> Option<Value> {
    let first = phases.clone().min_by_key(|phase| phase.began)?;
    let until = phases.map(end).max()?;
    Some(complete(name, "process", first, until.saturating_sub(first.began), json!({})))
}

fn event(phase: &Phase) -> Value {
    let (category, name) = match (phase.nature, &phase.subject) {
        (Nature::Work, Some(subject)) => ("work", format!("{} {subject}", phase.name)),
        (Nature::Work, None) => ("work", phase.name.to_owned()),
        (Nature::Wait, _) => ("wait", phase.name.to_owned()),
        (Nature::WaitWithin, _) => ("wait", format!("wait for brig: {}", phase.name)),
    };
    let mut args = phase.spent.as_ref().map(spent).unwrap_or_default();
    for (key, text) in [("subject", &phase.subject), ("config", &phase.json_path)] {
        args.extend(text.as_ref().map(|text| (key.to_owned(), text.as_str().into())));
    }
    complete(&name, category, phase, phase.took, Value::Object(args))
}

fn complete(name: &str, category: &str, at: &Phase, took: Duration, args: Value) -> Value {
    let (pid, thread) = (at.pid, at.thread);
    json!({ "name": name, "cat": category, "ph": "X", "ts": micros(at.began), "dur": micros(took), "pid": pid, "tid": thread, "args": args })
}

fn spent(spent: &Spent) -> Map<String, Value> {
    let mut args = Map::new();
    let mut put = |key: &str, value: Value| args.insert(key.to_owned(), value);
    put("cpu_us", micros(spent.cpu));
    put("queued_us", spent.queued.map_or(Value::Null, micros));
    put("blocked_us", micros(spent.blocked));
    put("voluntary_switches", spent.voluntary.into());
    put("involuntary_switches", spent.involuntary.into());
    put("minor_faults", spent.minor.into());
    put("major_faults", spent.major.into());
    args
}

fn end(phase: &Phase) -> Duration {
    phase.began + phase.took
}

/// Microseconds with three places behind the point: a double has them exactly enough for centuries of uptime.
fn micros(duration: Duration) -> Value {
    #[allow(
        clippy::cast_precision_loss,
        reason = "2^53 nanoseconds are 104 days: from then on the last place is rounded"
    )]
    let micros = duration.as_nanos() as f64 / 1000.0;
    micros.into()
}

#[cfg(test)]
pub(crate) mod tests;
