//! A `brig` with a store of its own, which leaves nothing; and how its commands ended.

use std::{
    env, fs,
    fs::File,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::LazyLock,
    thread,
    time::Instant,
};

use super::shared::{DEADLINE, POLL, cgroups_named, eventually, unique};
use super::{Bundle, Folder, Witness};
use serde_json::Value;

/// What a command ended with and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Exit code, or 128 plus the signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Itself, if the command succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Itself. A test that fails shows what commands said that failed before: it may be why.
    pub(crate) fn told(self) -> Self {
        if self.code != 0 {
            println!("ended with {}: {}", self.code, self.stderr);
        }
        self
    }

    /// What it wrote, if the command succeeded.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        self.ok().stdout
    }

    /// What it wrote as JSON, if the command succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// Asserts that it failed with `code`, and that the error it logged last is `message`, or that with the cause behind it.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, message: &str) {
        assert_eq!(self.code, code, "{self:?}");
        let error = self.error();
        let cause = error.strip_prefix(message).is_some_and(|rest| rest.starts_with("; "));
        assert_eq!(if cause { message } else { &error }, message, "{self:?}");
    }

    /// The error that was logged last, without what quoting adds.
    pub(crate) fn error(&self) -> String {
        let last = self.stderr.lines().rfind(|line| line.contains("level=error")).unwrap_or_default();
        let message = last.split_once("msg=").map_or("", |(_, message)| message);
        match message.strip_prefix('"').and_then(|message| message.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
            None => message.to_owned(),
        }
    }
}

/// A `brig` with a store of its own. Whatever is in the store at the end of the test is deleted by force.
#[derive(Debug)]
pub(crate) struct Brig {
    folder: Folder,
    /// Put before the command.
    global: Vec<String>,
}

impl Default for Brig {
    fn default() -> Self {
        Self::new()
    }
}

impl Brig {
    /// With an empty store.
    pub(crate) fn new() -> Self {
        let folder = Folder::new("store");
        let root = folder.join("root").to_str().unwrap().to_owned();
        Self { folder, global: vec!["--root".to_owned(), root] }
    }

    /// With more options before the command.
    #[must_use]
    pub(crate) fn with(mut self, options: &[&str]) -> Self {
        self.global.extend(options.iter().map(|option| (*option).to_owned()));
        self
    }

    /// Its `--root`.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// A path beside the store that goes with it.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `brig --root … words`, not started yet.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(brig_program());
        command.args(&self.global).args(words).env_remove("NOTIFY_SOCKET").env_remove("LISTEN_FDS");
        command
    }

    /// Runs `brig words` to its end. Its streams are files: what a detached container holds open does not keep anybody waiting.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.finish(self.command(words))
    }

    /// Runs a command to its end.
    pub(crate) fn finish(&self, mut command: Command) -> Ended {
        let streams = [self.folder.join(unique("stdout")), self.folder.join(unique("stderr"))];
        let [stdout, stderr] = streams.each_ref().map(|path| File::create(path).unwrap());
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
        let status = wait(child, &command);
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap();
        let [stdout, stderr] =
            streams.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        Ended { code, stdout, stderr }.told()
    }

    /// `brig create`, of a container with a new name, which comes back.
    pub(crate) fn create(&self, bundle: &Bundle) -> String {
        let id = unique("c");
        self.run(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
        id
    }

    /// The same, and `brig start`.
    pub(crate) fn start(&self, bundle: &Bundle) -> String {
        let id = self.create(bundle);
        self.run(&["start", &id]).ok();
        id
    }

    /// `brig run` in the foreground, of a container with a new name.
    pub(crate) fn run_bundle(&self, bundle: &Bundle) -> Ended {
        self.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")])
    }

    /// `brig state`.
    pub(crate) fn state(&self, id: &str) -> Value {
        self.run(&["state", id]).json()
    }

    /// The word in `brig state`.
    pub(crate) fn status(&self, id: &str) -> String {
        self.state(id)["status"].as_str().unwrap().to_owned()
    }

    /// Waits until a container has this status.
    pub(crate) fn await_status(&self, id: &str, status: &str) {
        eventually(&format!("{id} is {status}"), || self.status(id) == status);
    }

    /// What the process of a container writes that `brig run` runs to its good end.
    #[track_caller]
    pub(crate) fn says(&self, bundle: &Bundle) -> String {
        self.run_bundle(bundle).text()
    }

    /// The same, where `script` has prepared a mount namespace with this propagation before: what it mounts goes by itself.
    pub(crate) fn run_where(&self, propagation: &str, script: &str, bundle: &Bundle) -> Ended {
        let run = self.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", propagation, "sh", "-ec"]);
        command.arg(format!("{script}\nexec \"$@\"")).arg("sh").arg(run.get_program()).args(run.get_args());
        self.finish(command)
    }

    /// Runs a command to its end, and to that of everything that it left running.
    #[track_caller]
    pub(crate) fn finish_alone(&self, mut command: Command) -> Ended {
        let output = self.folder.join(unique("stdout"));
        let (witness, stderr) = Witness::new();
        let stdout = File::create(&output).unwrap();
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
        let status = wait(child, &command);
        // It keeps our copies of the child's ends.
        drop(command);
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap();
        let stdout = String::from_utf8_lossy(&fs::read(output).unwrap()).into_owned();
        Ended { code, stdout, stderr: witness.alone() }.told()
    }

    /// Asserts that there is nothing of the containers whose names hold `id`: no directory, no cgroup.
    #[track_caller]
    pub(crate) fn assert_nothing_of(&self, id: &str) {
        let names = fs::read_dir(self.root()).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let left = names.filter(|name| name.to_string_lossy().contains(id)).collect::<Vec<_>>();
        assert!(left.is_empty(), "{left:?} is left in the store");
        assert_eq!(cgroups_named(id), Vec::<PathBuf>::new());
    }
}

impl Drop for Brig {
    fn drop(&mut self) {
        let Ok(entries) = fs::read_dir(self.root()) else { return };
        for entry in entries.flatten() {
            let id = entry.file_name();
            let deleted = self.finish(self.command(&["delete", "--force", &id.to_string_lossy()]));
            if deleted.code != 0 && !thread::panicking() {
                println!("{id:?} is left behind: {deleted:?}");
            }
        }
    }
}

/// The program under test: brig, or another runtime that `BRIG_TEST_PROGRAM` names, to see what a test says about that.
pub(crate) fn brig_program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        env::var("BRIG_TEST_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_brig").to_owned())
    });
    &PROGRAM
}

/// Waits until it has ended, and ends it where that takes too long.
#[track_caller]
pub(crate) fn wait(mut child: Child, command: &Command) -> ExitStatus {
    let deadline = Instant::now() + *DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("still there after {} s: {command:?}", DEADLINE.as_secs());
        }
        thread::sleep(POLL);
    }
}
