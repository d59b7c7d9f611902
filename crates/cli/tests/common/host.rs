//! What tests watch of the host, and strangers on it: mounts, processes in other namespaces, streams that somebody holds.

use std::{
    fs,
    io::{self, PipeReader, PipeWriter, Read as _},
    process::{Child, Command},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc},
    thread,
};

use super::shared::{DEADLINE, eventually};

/// The mounts of the caller's mount namespace at one moment. Meaningful where nobody else mounts: in a mount namespace of the
/// tests' own, as `cargo xtask test` makes it, and while no test of the same file has [`HostMounts::change`].
#[derive(Debug)]
pub(crate) struct HostMounts {
    lines: Vec<String>,
    _nobody_mounts: RwLockReadGuard<'static, ()>,
}

static MOUNTS: RwLock<()> = RwLock::new(());

impl HostMounts {
    /// Now.
    pub(crate) fn now() -> Self {
        let nobody_mounts = MOUNTS.read().unwrap_or_else(PoisonError::into_inner);
        Self { lines: Self::lines(), _nobody_mounts: nobody_mounts }
    }

    /// For a test that mounts and unmounts: as long as it has this, no other looks.
    pub(crate) fn change() -> RwLockWriteGuard<'static, ()> {
        MOUNTS.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines() -> Vec<String> {
        let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    /// Asserts that they are the same as then.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self) {
        let now = Self::lines();
        let new: Vec<_> = now.iter().filter(|line| !self.lines.contains(line)).collect();
        let gone: Vec<_> = self.lines.iter().filter(|line| !now.contains(line)).collect();
        assert!(new.is_empty() && gone.is_empty(), "mounts of the host: new {new:#?}, gone {gone:#?}");
    }
}

/// The namespaces of a process, by the names in `/proc/PID/ns`, as the kernel writes them: `net:[4026531840]`.
pub(crate) fn namespace_of(pid: impl std::fmt::Display, name: &str) -> String {
    fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap().to_str().unwrap().to_owned()
}

/// A process in namespaces of its own, made by unshare(1) with `options`, until the test ends.
#[derive(Debug)]
pub(crate) struct Stranger(Child);

impl Stranger {
    /// Starts it, and waits until it is in the namespace `name` (of `/proc/PID/ns`).
    pub(crate) fn new(options: &[&str], name: &str) -> Self {
        let command = Command::new("unshare").args(options).args(["sleep", "1000"]).spawn().unwrap();
        let stranger = Self(command);
        eventually("the stranger sleeps", || {
            let words = fs::read(format!("/proc/{}/cmdline", stranger.pid())).unwrap_or_default();
            words.starts_with(b"sleep") && namespace_of(stranger.pid(), name) != namespace_of("self", name)
        });
        stranger
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The path of one of its namespaces.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("/proc/{}/ns/{name}", self.pid())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        ended.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// A stream that tells when nobody holds it any more. What a command leaves running holds what it inherited.
#[derive(Debug)]
pub(crate) struct Witness(PipeReader);

impl Witness {
    /// The stream, and its end for those who are watched.
    pub(crate) fn new() -> (Self, PipeWriter) {
        let (ours, theirs) = io::pipe().unwrap();
        (Self(ours), theirs)
    }

    /// Waits until nobody holds it, and returns what was written to it.
    #[track_caller]
    pub(crate) fn alone(self) -> String {
        let mut stream = self.0;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            let read = stream.read_to_end(&mut text);
            sender.send(read.map(|_| String::from_utf8_lossy(&text).into_owned())).unwrap();
        });
        match receiver.recv_timeout(*DEADLINE) {
            Ok(text) => text.unwrap(),
            Err(_) => panic!("somebody still holds the stream"),
        }
    }
}
