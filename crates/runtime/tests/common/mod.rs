//! What the tests of the library share.
#![allow(
    dead_code,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test file uses a part of this, and says what it skips"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use brig_runtime::{Builder, Container, Patience};

include!("rootfs.in");

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

/// So many seconds, or several times as many on a slow machine, as `BRIG_TEST_PATIENCE` says.
pub(crate) fn patiently(seconds: u64) -> Duration {
    let patience = std::env::var("BRIG_TEST_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    Duration::from_secs(seconds) * patience
}

/// No test waits longer, unless something hangs.
pub(crate) fn patience() -> Patience {
    Patience::of(patiently(60))
}

/// A name that no other test has.
pub(crate) fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("brig-test-{}-{}-{name}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
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

/// Waits until `holds` does; `what` is what is waited for.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patiently(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The directories of a container's cgroup that exist, in any hierarchy below `/sys/fs/cgroup`.
pub(crate) fn cgroups_named(id: &str) -> Vec<PathBuf> {
    fn look(directory: &std::path::Path, id: &str, depth: u32, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.file_name().to_string_lossy().contains(id) {
                found.push(entry.path());
            }
            if depth > 0 {
                look(&entry.path(), id, depth - 1, found);
            }
        }
    }
    let mut found = Vec::new();
    look(std::path::Path::new("/sys/fs/cgroup"), id, 4, &mut found);
    found
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
