//! `spec`: writes a config.json to start from. Runs in: parent.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
};

use super::{Outcome, io_words};
use crate::{
    args::command::SpecArgs,
    exit::{Exit, Failure},
    spec_template::{CgroupLayout, SpecFor, spec_json},
};

pub(super) fn run(args: SpecArgs) -> Outcome {
    let spec_for = if args.rootless {
        SpecFor::Rootless {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        }
    } else {
        SpecFor::Root
    };
    let text = spec_json(spec_for, cgroup_layout()).map_err(|error| Failure::new(error.to_string()))?;
    let path = args.bundle.unwrap_or_default().join("config.json");
    let failed = |error| match error {
        error if ErrorKind::AlreadyExists == std::io::Error::kind(&error) => {
            Failure::new("File config.json exists. Remove it first")
        }
        error => Failure::new(format!("open {}: {}", path.display(), io_words(&error))),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(Exit::Success)
}

/// What is mounted where every program looks for cgroups.
fn cgroup_layout() -> CgroupLayout {
    const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270;
    match rustix::fs::statfs("/sys/fs/cgroup") {
        Ok(found) if u64::try_from(found.f_type) == Ok(CGROUP2_SUPER_MAGIC) => CgroupLayout::V2,
        Ok(_) | Err(_) => CgroupLayout::V1,
    }
}
