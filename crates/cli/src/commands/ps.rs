//! `ps`: the container's processes, as numbers or as lines of the host's ps(1). Runs in: parent.

use std::{ffi::OsString, io, process::Command};

use brig_runtime::{ps, store::ContainerId};

use super::{Outcome, io_words, print_and_succeed, store};
use crate::{
    args::{
        Global,
        command::{PsArgs, TableFormat},
    },
    exit::Failure,
    output::ps::{ps_json, ps_table},
};

pub(super) fn run(global: &Global, args: PsArgs) -> Outcome {
    let pids = ps::pids(&store::open(global)?, &ContainerId::new(&args.id)?)
        .map_err(|error| store::cgroup_failure("ps", error))?;
    let pids: Vec<i32> = pids.into_iter().map(u32::cast_signed).collect();
    let text = match args.format {
        TableFormat::Json => ps_json(&pids).map_err(|error| Failure::new(error.to_string()))?,
        TableFormat::Table => ps_table(&output_of_ps(&args.ps_args)?, &pids).map_err(Failure::new)?,
    };
    print_and_succeed(&text)
}

/// A failure of ps(1) is told with all that it said.
fn output_of_ps(args: &[OsString]) -> Result<String, Failure> {
    let failed = |error: io::Error| match error.kind() == io::ErrorKind::NotFound {
        true => Failure::new("exec: \"ps\": executable file not found in $PATH"),
        false => Failure::new(format!("exec: \"ps\": {}", io_words(&error))),
    };
    let output = Command::new("ps").args(args).output().map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(said.into_owned());
    }
    let ended = match output.status.code() {
        Some(code) => format!("exit status {code}"),
        None => "ended by a signal".to_owned(),
    };
    let said = said + String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{ended}: {}", said.trim_end())))
}
