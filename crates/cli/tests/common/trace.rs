//! A file of `--trace`, read as strictly as nobody else will.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

/// A complete event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub name: String,
    pub category: String,
    /// Nanoseconds.
    pub began: u64,
    pub ended: u64,
    pub process: (u64, u64),
    pub args: Value,
}

impl Event {
    /// How long it took, in nanoseconds.
    pub(crate) fn took(&self) -> u64 {
        self.ended - self.began
    }

    /// The same in microseconds.
    pub(crate) fn micros(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "no command takes months")]
        let micros = self.took() as f64 / 1000.0;
        micros
    }

    fn contains(&self, other: &Self) -> bool {
        self.began <= other.began && other.ended <= self.ended
    }

    fn is_apart_from(&self, other: &Self) -> bool {
        self.ended <= other.began || other.ended <= self.began
    }
}

/// A trace that keeps the rules of its format: names, times that are not negative, processes that have a name, events of one
/// thread that lie within each other or apart.
#[derive(Debug)]
pub(crate) struct Trace {
    pub events: Vec<Event>,
    /// What it failed with, if it did.
    pub failures: Vec<String>,
    names: Vec<((u64, u64), String)>,
}

impl Trace {
    /// Reads it; whatever is wrong with it fails the test.
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let all: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let mut trace = Self { events: Vec::new(), failures: Vec::new(), names: Vec::new() };
        for event in &all {
            trace.take(event);
        }
        let named: BTreeSet<_> = trace.names.iter().map(|(process, _)| *process).collect();
        for event in &trace.events {
            assert!(named.contains(&event.process), "{event:?}");
            for other in &trace.events {
                let fits = event.contains(other) || other.contains(event) || event.is_apart_from(other);
                assert!(fits || event.process != other.process, "{event:?} and {other:?}");
            }
        }
        trace
    }

    #[track_caller]
    fn take(&mut self, event: &Value) {
        let number =
            |key: &str| event[key].as_u64().filter(|number| *number > 0).unwrap_or_else(|| panic!("{event}"));
        let name = event["name"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned();
        let process = (number("pid"), number("tid"));
        let category = event["cat"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned();
        assert!(event["args"].is_object(), "{event}");
        match event["ph"].as_str() {
            Some("M") if name == "process_name" => {
                self.names.push((process, event["args"]["name"].as_str().unwrap().to_owned()));
            }
            Some("M") => assert!(["thread_name", "process_sort_index"].contains(&name.as_str()), "{event}"),
            Some("X") => {
                let began = nanoseconds(&event["ts"]);
                let ended = began + nanoseconds(&event["dur"]);
                let args = event["args"].clone();
                self.events.push(Event { name, category, began, ended, process, args });
            }
            Some("i") => self.failures.push(event["args"]["message"].as_str().unwrap().to_owned()),
            other => panic!("{other:?}: {event}"),
        }
    }

    /// The process that is called so.
    #[track_caller]
    pub(crate) fn process(&self, name: &str) -> (u64, u64) {
        let found: Vec<_> = self.names.iter().filter(|(_, other)| other == name).collect();
        let [(process, _)] = found.as_slice() else { panic!("{name}: {:?}", self.names) };
        *process
    }

    /// The event around everything of a process.
    #[track_caller]
    pub(crate) fn whole(&self, name: &str) -> &Event {
        let process = self.process(name);
        self.events.iter().find(|event| event.process == process && event.category == "process").unwrap()
    }

    /// The phases of a process: what is below the event around it, and not in the middle of another.
    #[track_caller]
    pub(crate) fn phases(&self, name: &str) -> Vec<&Event> {
        let process = self.process(name);
        let of = self.events.iter().filter(|event| event.process == process && event.category != "process");
        of.filter(|event| !event.name.starts_with("wait for brig: ")).collect()
    }
}

/// Microseconds with three places.
#[track_caller]
fn nanoseconds(value: &Value) -> u64 {
    let micros = value.as_f64().unwrap_or_else(|| panic!("{value}"));
    assert!(micros >= 0.0, "{value}");
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and not centuries"
    )]
    let nanoseconds = (micros * 1000.0).round() as u64;
    nanoseconds
}
