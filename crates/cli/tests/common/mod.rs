//! What tests of the whole program share: a bundle made from the machine's busybox, a `brig` with a store of its own, and
//! cleaning up after both, also when a test fails.
//!
//! Only what a test file uses is compiled into it; what one leaves out another needs.
#![allow(
    dead_code,
    unused_imports,
    clippy::print_stdout,
    reason = "each test file uses a part of this, and says what it skips"
)]
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

use std::{
    env, fs,
    fs::File,
    io::{self, PipeReader, PipeWriter, Read as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, mpsc},
    thread,
    time::Instant,
};

use serde_json::{Value, json};
use shared::POLL;
pub(crate) use shared::{DEADLINE, cgroups_named, eventually, patiently, unique};

/// Programs of busybox that are linked in a bundle.
const APPLETS: [&str; 32] = [
    "cat", "chmod", "cut", "dd", "echo", "env", "false", "grep", "hostname", "id", "kill", "ls", "mkdir",
    "mkfifo", "mount", "nproc", "ps", "pwd", "readlink", "rm", "sh", "sleep", "stat", "stty", "test",
    "touch", "tr", "true", "tty", "umount", "uname", "wc",
];

/// True, having said why, where no container can be made: `if common::cannot_run() { return; }`.
pub(crate) fn cannot_run() -> bool {
    let needed = match (rustix::process::geteuid().is_root(), busybox()) {
        (false, _) => "root",
        (true, None) => "busybox-static",
        (true, Some(_)) => return false,
    };
    println!("SKIPPED: needs {needed}");
    true
}

/// The machine's busybox.
pub(crate) fn busybox() -> Option<PathBuf> {
    ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from).into_iter().find(|path| path.exists())
}

/// A folder that goes when the test ends, however it ends.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty folder that everybody may enter.
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(unique(name));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_else(|error| println!("{}: {error}", self.0.display()));
    }
}

/// A bundle: `config.json` and `rootfs`. Make it before the [`Brig`] that uses it, so that it goes after that.
#[derive(Debug)]
pub(crate) struct Bundle(Folder);

impl Bundle {
    /// What `brig spec` writes, without a terminal and with a root that can be written to, around a busybox.
    pub(crate) fn busybox() -> Self {
        let bundle = Self(Folder::new("bundle"));
        let rootfs = bundle.rootfs();
        for directory in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
            fs::create_dir_all(rootfs.join(directory)).unwrap();
        }
        fs::copy(busybox().unwrap(), rootfs.join("bin/busybox")).unwrap();
        for applet in APPLETS {
            symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
        }
        fs::write(rootfs.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        let wrote =
            Command::new(brig_program()).args(["spec", "--bundle"]).arg(bundle.path()).status().unwrap();
        assert!(wrote.success());
        bundle.edit(|config| {
            config["process"]["terminal"] = json!(false);
            config["root"]["readonly"] = json!(false);
        })
    }

    /// The same, whose process is `args`.
    pub(crate) fn with_args(args: &[&str]) -> Self {
        Self::busybox().args(args)
    }

    /// Changes config.json.
    #[must_use]
    pub(crate) fn edit(self, change: impl FnOnce(&mut Value)) -> Self {
        self.change(change);
        self
    }

    /// Changes config.json, of a bundle that is in use.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path().join("config.json");
        let mut config = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut config);
        fs::write(&path, config.to_string()).unwrap();
    }

    /// Sets `process.args`.
    #[must_use]
    pub(crate) fn args(self, args: &[&str]) -> Self {
        self.edit(|config| config["process"]["args"] = json!(args))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Its root file system.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.path().join("rootfs")
    }
}

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
        Ended { code, stdout, stderr }
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

fn wait(mut child: Child, command: &Command) -> ExitStatus {
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

/// The mounts of the caller's mount namespace at one moment. Meaningful where nobody else mounts: in a mount namespace of the
/// tests' own, as `cargo xtask test` makes it.
#[derive(Debug)]
pub(crate) struct HostMounts(Vec<String>);

impl HostMounts {
    /// Now.
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        Self(lines)
    }

    /// Asserts that they are the same as then.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self) {
        let now = Self::now().0;
        let new: Vec<_> = now.iter().filter(|line| !self.0.contains(line)).collect();
        let gone: Vec<_> = self.0.iter().filter(|line| !now.contains(line)).collect();
        assert!(new.is_empty() && gone.is_empty(), "mounts of the host: new {new:#?}, gone {gone:#?}");
    }
}

impl Bundle {
    /// Whose process is a shell that runs `script`.
    pub(crate) fn script(script: &str) -> Self {
        Self::with_args(&["sh", "-c", script])
    }

    /// Whose process has every capability there is.
    #[must_use]
    pub(crate) fn privileged(self) -> Self {
        self.edit(|config| {
            config["process"].as_object_mut().unwrap().remove("capabilities");
            config["process"]["noNewPrivileges"] = json!(false);
        })
    }

    /// In a new user namespace, whose ids start at 100000.
    #[must_use]
    pub(crate) fn in_user_namespace(self) -> Self {
        let map = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
        give_to(&self.rootfs(), 100_000);
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o755)).unwrap();
        self.edit(|config| {
            set_namespace(config, "user", None);
            config["linux"]["uidMappings"] = map.clone();
            config["linux"]["gidMappings"] = map;
        })
    }

    /// With one more mount.
    #[must_use]
    pub(crate) fn mount(self, mount: Value) -> Self {
        self.edit(|config| config["mounts"].as_array_mut().unwrap().push(mount))
    }

    /// Without the mount at `destination`.
    #[must_use]
    pub(crate) fn without_mount(self, destination: &str) -> Self {
        self.edit(|config| {
            config["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != destination);
        })
    }
}

/// Gives a tree to a user and his group.
pub(crate) fn give_to(path: &Path, id: u32) {
    std::os::unix::fs::lchown(path, Some(id), Some(id)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_to(&entry.unwrap().path(), id));
    }
}

/// A new namespace, or the one at `path`.
pub(crate) fn set_namespace(config: &mut Value, kind: &str, path: Option<&str>) {
    drop_namespace(config, kind);
    let entry = match path {
        Some(path) => json!({ "type": kind, "path": path }),
        None => json!({ "type": kind }),
    };
    config["linux"]["namespaces"].as_array_mut().unwrap().push(entry);
}

/// The caller's namespace.
pub(crate) fn drop_namespace(config: &mut Value, kind: &str) {
    config["linux"]["namespaces"].as_array_mut().unwrap().retain(|namespace| namespace["type"] != kind);
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

impl Brig {
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

impl Brig {
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
        Ended { code, stdout, stderr: witness.alone() }
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

pub(crate) mod agent;
pub(crate) mod attack;
pub(crate) mod cgroup;
pub(crate) mod checkpoint;
pub(crate) mod network;
pub(crate) mod shared;
pub(crate) mod terminal;
pub(crate) mod trace;
