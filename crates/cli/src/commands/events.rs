//! `events`: what a container has used, and when it ran out of memory. Runs in: parent.
//!
//! Lines are of the two types that callers of runc know. What the library tells beyond that (limits that are met, refused
//! forks) is not printed: a caller that counts lines, or expects `data` of its own form, would take it for one of these.

use std::time::{Duration, Instant};

use brig_runtime::{
    events::{Event, Events, Next},
    stats,
    store::{ContainerId, Store},
};

use super::{Outcome, print, print_and_succeed, store};
use crate::{
    args::{Global, command::EventsArgs},
    exit::{Exit, Failure},
    output::stats::{oom_line, stats_line},
};

pub(super) fn run(global: &Global, args: EventsArgs) -> Outcome {
    let (store, id) = (store::open(global)?, ContainerId::new(&args.id)?);
    if args.stats {
        return print_and_succeed(&used(&store, &id)?);
    }
    let mut events = Events::open(&store, &id).map_err(|error| store::cgroup_failure("events", error))?;
    if !events.tells_memory() {
        log::warn!("no memory controller: nobody tells when the container runs out of memory");
    }
    follow(&mut events, &store, &id, args.interval)
}

/// Until the container ends: statistics after every interval, and what happens in between.
fn follow(events: &mut Events, store: &Store, id: &ContainerId, interval: Duration) -> Outcome {
    let mut due = Instant::now().checked_add(interval);
    loop {
        match events.next(due)? {
            Next::Event(Event::OutOfMemory { .. }) => print(&oom_line(id.as_str()).map_err(in_words)?)?,
            Next::Event(_) | Next::Cancelled => {}
            Next::DeadlinePassed => {
                // One that has just ended says so next.
                match used(store, id) {
                    Ok(line) => print(&line)?,
                    Err(failure) => log::error!("{}", failure.message),
                }
                due = due.and_then(|due| due.checked_add(interval)).map(|due| due.max(Instant::now()));
            }
            Next::Ended => return Ok(Exit::Success),
        }
    }
}

fn used(store: &Store, id: &ContainerId) -> Result<String, Failure> {
    let statistics = stats::stats(store, id).map_err(|error| store::cgroup_failure("events", error))?;
    stats_line(id.as_str(), &statistics).map_err(in_words)
}

fn in_words(error: serde_json::Error) -> Failure {
    Failure::new(error.to_string())
}
