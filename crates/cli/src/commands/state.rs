//! `state`. Runs in: parent.

use brig_runtime::{
    state::{self, OCI_VERSION, State},
    store::ContainerId,
};

use super::{Outcome, print_and_succeed, store};
use crate::{
    args::{Global, command::IdArgs},
    exit::Failure,
    output::state::{StateDocument, state_json},
};

pub(super) fn run(global: &Global, args: IdArgs) -> Outcome {
    let state = state::state(&store::open(global)?, &ContainerId::new(&args.id)?)?;
    let created = state.created.to_string();
    let text =
        state_json(&document(&state, &created, "")).map_err(|error| Failure::new(error.to_string()))?;
    print_and_succeed(&text)
}

/// `state` as it is printed; `created` and `owner` are its time and its owner in words.
pub(super) fn document<'s>(state: &'s State, created: &'s str, owner: &'s str) -> StateDocument<'s> {
    StateDocument {
        oci_version: OCI_VERSION,
        id: &state.id,
        pid: state.pid.cast_signed(),
        status: state.status.as_str(),
        bundle: &state.bundle,
        rootfs: &state.rootfs,
        created,
        annotations: state.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        owner,
    }
}
