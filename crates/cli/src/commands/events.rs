//! `events`: what a container has used, and when it ran out of memory. Runs in: parent.

use brig_runtime::{
    stats,
    store::{ContainerId, Store},
};

use super::{Outcome, print_and_succeed, store};
use crate::{
    args::{Global, command::EventsArgs},
    exit::Failure,
    output::stats::stats_line,
};

pub(super) fn run(global: &Global, args: EventsArgs) -> Outcome {
    let (store, id) = (store::open(global)?, ContainerId::new(&args.id)?);
    if args.stats {
        return print_and_succeed(&used(&store, &id)?);
    }
    Err(Failure::unavailable("events"))
}

fn used(store: &Store, id: &ContainerId) -> Result<String, Failure> {
    let statistics = stats::stats(store, id).map_err(|error| store::cgroup_failure("events", error))?;
    stats_line(id.as_str(), &statistics).map_err(|error| Failure::new(error.to_string()))
}
