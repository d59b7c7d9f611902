//! What the tests of the library share.
#![allow(
    dead_code,
    unused_imports,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test file uses a part of this, and says what it skips"
)]

use brig_runtime::{Builder, Container, Patience};

include!("rootfs.in");

#[path = "../../../cli/tests/common/shared.rs"]
mod shared;

pub(crate) use shared::{DEADLINE, cgroups_named, eventually, patiently, unique};

/// SIGTERM, SIGKILL, SIGUSR1 (signal(7)).
pub(crate) const TERM: i32 = 15;
pub(crate) const KILL: i32 = 9;
pub(crate) const USR1: i32 = 10;

/// A root file system, where root can make containers; else says why not.
pub(crate) fn as_root() -> Option<Rootfs> {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: needs root");
        return None;
    }
    Rootfs::new()
}

/// No test waits longer, unless something hangs.
pub(crate) fn patience() -> Patience {
    Patience::of(*DEADLINE)
}

/// A container that is destroyed with this value, however the test ends.
#[derive(Debug)]
pub(crate) struct Ours(pub(crate) Container);

impl std::ops::Deref for Ours {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.0
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if let Err(error) = self.0.destroy() {
            println!("{}: {error}", self.0.id());
        }
    }
}

impl Rootfs {
    /// A builder of a container whose program is a shell with this script.
    pub(crate) fn script(&self, script: &str) -> Builder {
        Container::builder(self.path()).command(["sh", "-c", script]).patience(patience())
    }

    /// A container that runs and does nothing.
    pub(crate) fn sleeper(&self) -> Ours {
        Ours(self.script("sleep 1000").run(&self.store(), &unique("sleeper")).unwrap())
    }
}

/// Standard output as text, of something that ended well.
#[track_caller]
pub(crate) fn text(output: std::process::Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// True, having said why, where cgroups are of version 2 and have not all of these controllers.
pub(crate) fn lacks(controllers: &[&str]) -> bool {
    let Ok(has) = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers") else { return false };
    let missing =
        controllers.iter().find(|controller| !has.split_whitespace().any(|has| has == **controller));
    if let Some(missing) = missing {
        println!("SKIPPED: needs the controller {missing} of cgroup v2");
    }
    missing.is_some()
}
