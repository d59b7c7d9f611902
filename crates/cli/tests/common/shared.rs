//! What the tests of the program and those of the library share: how long they wait, what they call a container, where its cgroups are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// No command of a test takes longer, unless it hangs.
pub(crate) static DEADLINE: LazyLock<Duration> = LazyLock::new(|| patiently(60));
/// How often is looked whether something has happened that cannot be waited for.
pub(crate) const POLL: Duration = Duration::from_millis(5);

/// So many seconds, or several times as many on a slow machine, as `BRIG_TEST_PATIENCE` says: less than once as many where
/// much is refused, and nothing comes that would be waited for.
pub(crate) fn patiently(seconds: u64) -> Duration {
    let patience = env::var("BRIG_TEST_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    Duration::from_secs(seconds).mul_f32(patience)
}

/// Waits until `holds` does; `what` is what is waited for.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + *DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(POLL);
    }
}

/// A name that no other test has, in this process or in another.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("brig-test-{}-{count}-{name}", std::process::id())
}

/// The directories of a container's cgroup that exist, in any hierarchy below `/sys/fs/cgroup`.
pub(crate) fn cgroups_named(id: &str) -> Vec<PathBuf> {
    fn look(directory: &Path, id: &str, depth: u32, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
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
    look(Path::new("/sys/fs/cgroup"), id, 4, &mut found);
    found
}
