//! What both test files need: names of our own, processes of our own, and cleaning up after a failed test.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use brig_cgroup::{Cgroup, Denied, Layout, Membership, Paths};
use rustix::process::{Gid, Pid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Says that a test did not run, in the words that `cargo xtask test` counts.
pub(crate) fn skipped(test: &str, why: &str) {
    println!("SKIPPED: {test}: {why}");
}

/// True in a private mount namespace of the test's own, where `script` has been run. Outside it runs the test there, or says
/// that it cannot.
pub(crate) fn inside(test: &str, script: &str) -> bool {
    const MARK: &str = "BRIG_TEST_INSIDE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    if !is_root() {
        skipped(test, "needs root");
        return false;
    }
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &format!("{script} exec \"$@\""), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .unwrap();
    tell(&[output.stdout, output.stderr].concat());
    assert!(output.status.success(), "{test} failed inside the namespace");
    false
}

/// Prints what the test wrote inside, with a bar before all but what it skips: it is one test, whose result counts once.
fn tell(text: &[u8]) {
    for line in String::from_utf8_lossy(text).lines() {
        match line.find("SKIPPED:") {
            Some(at) => println!("{}", &line[at..]),
            None => println!("| {line}"),
        }
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs it as an ordinary user, in a thread whose credentials alone are changed.
pub(crate) fn as_nobody<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    std::thread::scope(|scope| {
        let nobody = scope.spawn(|| {
            set_thread_groups(&[]).unwrap();
            set_thread_res_gid(gid, gid, gid).unwrap();
            set_thread_res_uid(uid, uid, uid).unwrap();
            run()
        });
        nobody.join().unwrap()
    })
}

pub(crate) const NOBODY: u32 = 65534;

pub(crate) fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("brig-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn soon() -> Instant {
    let patience = std::env::var("BRIG_TEST_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    Instant::now() + Duration::from_secs(20) * patience
}

pub(crate) fn paths(name: &str) -> Paths {
    Paths::resolve(&Layout::probe().unwrap(), None, name, Membership::of_self).unwrap()
}

/// A cgroup that is removed even if the test fails.
pub(crate) struct Scratch {
    pub(crate) paths: Paths,
    pub(crate) cgroup: Cgroup,
}

impl Scratch {
    pub(crate) fn new() -> Scratch {
        let paths = paths(&name());
        let cgroup = Cgroup::create(&paths, &[], Denied::Refuse).unwrap();
        Scratch { paths, cgroup }
    }

    pub(crate) fn dir(&self) -> String {
        self.paths.places[0].absolute()
    }
}

impl Scratch {
    /// A cgroup that is there is not taken while it is frozen, or has processes.
    pub(crate) fn is_refused_when_frozen_and_with_processes(&mut self) {
        self.cgroup.freeze(soon()).unwrap();
        let frozen = Cgroup::create(&self.paths, &[], Denied::Refuse).unwrap_err();
        assert_eq!(frozen.to_string(), "container's cgroup unexpectedly frozen");
        self.cgroup.thaw().unwrap();
        let process = Process::sleeping();
        self.cgroup.join(process.pid()).unwrap();
        let taken = Cgroup::create(&self.paths, &[], Denied::Refuse).unwrap_err();
        assert_eq!(taken.to_string(), "container's cgroup is not empty: 1 process(es) found");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let cgroup = Cgroup::open(&self.paths);
        cgroup.thaw().unwrap();
        cgroup.kill(soon()).unwrap();
        cgroup.remove(soon()).unwrap();
    }
}

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(script: &str) -> Process {
        Process(
            Command::new("sh")
                .args(["-c", script])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    pub(crate) fn sleeping() -> Process {
        Process::start("exec sleep 600")
    }

    /// Ends its standard input.
    pub(crate) fn go(&mut self) {
        self.0.stdin.take();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    pub(crate) fn membership(&self) -> Membership {
        Membership::of(self.pid()).unwrap()
    }

    pub(crate) fn signal(mut self) -> Option<i32> {
        std::os::unix::process::ExitStatusExt::signal(&self.0.wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has been waited for.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
