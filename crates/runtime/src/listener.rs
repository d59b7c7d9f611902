//! The seccomp listener on its way to the agent (`linux.seccomp.listenerPath`).
//! Runs in: the parent.

use std::os::fd::OwnedFd;
use std::path::Path;

use brig_plan::OCI_VERSION;
use brig_plan::plan::ExecTemplate;

use crate::error::{Error, Kind, Result};
use crate::state;
use crate::terminal::send_descriptor;

/// Sends it with the container process state (runtime-spec, config-linux.md, "containerProcessState"). `pid` is the process
/// whose filter it is; `document` the container's state.
///
/// # Errors
/// `Os`: nobody listens there.
pub(crate) fn hand_over(
    listener: OwnedFd,
    pid: u32,
    template: &ExecTemplate<'_>,
    document: &str,
) -> Result<()> {
    let Some(agent) = &template.listener else {
        return Err(Error::new(Kind::Os(rustix::io::Errno::INVAL), "seccomp listenerPath is not set"));
    };
    let mut json =
        format!("{{\"ociVersion\":\"{OCI_VERSION}\",\"fds\":[\"seccompFd\"],\"pid\":{pid},\"metadata\":");
    state::quote(&mut json, &agent.metadata);
    json.push_str(",\"state\":");
    json.push_str(document);
    json.push('}');
    let path = agent.path.to_string_lossy();
    send_descriptor(Path::new(&*path), json.as_bytes(), &listener).map_err(|error| {
        error.within("failed to connect with seccomp agent specified in the seccomp profile")
    })
}
