//! Every kind of mistake in a bundle, on a command line, in the surroundings: one clear line, runc's exit code, and nothing
//! left behind. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

#[path = "../common/mod.rs"]
mod common;

mod mounts;
mod process;

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::Path,
    process::Command,
};

use common::{Brig, Bundle, Ended, HostMounts, set_namespace, unique};
use serde_json::{Value, json};

/// What runc says before everything that goes wrong while there is a process, and while that process is not the user's yet.
const PROCESS: &str = "unable to start container process: ";

const INIT: &str = "unable to start container process: error during container init: ";

/// A bundle whose config.json and image are written anew for each mistake.
struct Bench {
    bundle: Bundle,
    config: String,
    brig: Brig,
    mounts: HostMounts,
}

impl Bench {
    /// `None` where no container can be made.
    fn new() -> Option<Self> {
        if common::cannot_run() {
            return None;
        }
        let bundle = Bundle::with_args(&["true"]);
        let config = fs::read_to_string(bundle.path().join("config.json")).unwrap();
        Some(Self { bundle, config, brig: Brig::new(), mounts: HostMounts::now() })
    }

    fn path(&self) -> &Path {
        self.bundle.path()
    }

    /// A file in the image.
    fn image(&self, name: &str, text: &str, mode: u32) {
        let path = self.bundle.rootfs().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn write(&self, change: impl FnOnce(&mut Value)) {
        fs::write(self.path().join("config.json"), &self.config).unwrap();
        self.bundle.change(change);
    }

    fn attempt(&self, command: &str, id: &str, options: &[&str]) -> Ended {
        let bundle = ["--bundle", self.path().to_str().unwrap(), id];
        self.brig.finish_alone(self.brig.command(&[&[command], options, &bundle].concat()))
    }

    /// `command` fails with one line, which ends in `message`, and leaves nothing.
    #[track_caller]
    fn fails_as(&self, command: &str, options: &[&str], code: i32, message: &str) {
        let id = unique("mistake");
        let ended = self.attempt(command, &id, options);
        let message = message.replace("{bundle}", self.path().to_str().unwrap());
        ended.failed(code, &format!("brig {command} failed: {message}"));
        assert_eq!((ended.stderr.lines().count(), &*ended.stdout), (1, ""), "{ended:?}");
        self.brig.assert_nothing_of(&id);
        self.mounts.assert_unchanged();
    }

    /// `run` gets as far as the program and says in one bare line, as runc does, why that cannot be executed.
    #[track_caller]
    fn is_not_executed(&self, line: &str) {
        let id = unique("mistake");
        let ended = self.attempt("run", &id, &[]);
        // Behind a semicolon is the cause; docs/troubleshooting.md has it.
        let said = ended.stderr.split("; ").next().unwrap().trim_end();
        assert_eq!((ended.code, said, ended.stderr.lines().count(), &*ended.stdout), (255, line, 1, ""));
        self.brig.assert_nothing_of(&id);
        self.mounts.assert_unchanged();
    }

    /// The container that config.json describes is neither created nor run.
    #[track_caller]
    fn fails(&self, message: &str) {
        self.fails_as("create", &[], 1, message);
        self.fails_as("run", &[], 1, message);
    }

    /// With this change of config.json.
    #[track_caller]
    fn fails_with(&self, message: &str, change: impl FnOnce(&mut Value)) {
        self.write(change);
        self.fails(message);
    }

    /// With one more mount.
    #[track_caller]
    fn fails_with_mount(&self, message: &str, mount: &Value) {
        self.fails_with(message, |config| {
            config["mounts"].as_array_mut().unwrap().push(mount.clone());
        });
    }
}

#[test]
fn namespaces_are_known_given_once_and_there() {
    let Some(bench) = Bench::new() else { return };
    let namespaces = |config: &mut Value, entry: Value| {
        config["linux"]["namespaces"].as_array_mut().unwrap().push(entry);
    };
    let fresh = serde_json::from_str::<Value>(&bench.config).unwrap();
    let last = fresh["linux"]["namespaces"].as_array().unwrap().len();
    for (entry, message) in [
        (json!({ "type": "foo" }), "namespace {\"foo\" \"\"} does not exist (linux.namespaces[N].type)"),
        (
            json!({ "type": "pid" }),
            "malformed spec file: duplicated ns {\"pid\" \"\"} (linux.namespaces[N].type)",
        ),
        (json!({ "type": "user" }), "user namespaces enabled, but no uid mappings found (linux.uidMappings)"),
    ] {
        let message = message.replace("[N]", &format!("[{last}]"));
        bench.fails_with(&message, |config| namespaces(config, entry));
    }
    let last = last - 1;
    let join = |path: &str, message: String| {
        bench.fails_with(&message, |config| set_namespace(config, "network", Some(path)));
    };
    let missing = "join namespaces: linux.namespaces[N].path: /nosuch/ns: no such file or directory";
    join("/nosuch/ns", missing.replace("[N]", &format!("[{last}]")));
    for path in ["/proc/self/ns/uts", "/etc/passwd"] {
        join(path, format!("{INIT}setns {path}: invalid argument (linux.namespaces[{last}].path)"));
    }
}

#[test]
fn a_config_that_is_no_json_is_refused_with_its_place() {
    let Some(bench) = Bench::new() else { return };
    for (text, message) in [
        ("null", "config cannot be null"),
        ("", "EOF while parsing a value (line 1 column 0)"),
        ("[]", "invalid type: sequence, expected an object"),
        ("{\"process\": {", "process: EOF while parsing an object (line 1 column 13)"),
        ("{} x", "trailing characters (line 1 column 4)"),
    ] {
        fs::write(bench.path().join("config.json"), text).unwrap();
        bench.fails(message);
    }
    fs::remove_file(bench.path().join("config.json")).unwrap();
    bench.fails("JSON specification file config.json not found: no such file or directory");
}

#[test]
fn wrong_types_and_ids_out_of_range_are_named_by_their_json_path() {
    let Some(bench) = Bench::new() else { return };
    for (path, value, message) in [
        ("/process/args", json!("sh"), "process.args: invalid type: string \"sh\", expected a sequence"),
        (
            "/process/terminal",
            json!("no"),
            "process.terminal: invalid type: string \"no\", expected a boolean",
        ),
        ("/process/user/uid", json!("0"), "process.user.uid: invalid type: string \"0\", expected u32"),
        ("/process/user/uid", json!(-1), "process.user.uid: invalid value: integer `-1`, expected u32"),
        (
            "/process/user/gid",
            json!(1_u64 << 32),
            "process.user.gid: invalid value: integer `4294967296`, expected u32",
        ),
        ("/process/user/uid", json!(u32::MAX), "process.user.uid: 4294967295 is not an id"),
        ("/process/user/gid", json!(u32::MAX), "process.user.gid: 4294967295 is not an id"),
        ("/mounts", json!({}), "mounts: invalid type: map, expected a sequence"),
        (
            "/mounts/1/options/0",
            json!(7),
            "mounts[1].options[0]: invalid type: integer `7`, expected a string",
        ),
        ("/hostname", json!(7), "hostname: invalid type: integer `7`, expected a string"),
    ] {
        bench.write(|config| *config.pointer_mut(path).unwrap() = value);
        let ended = bench.attempt("run", &unique("c"), &[]);
        let error = ended.error();
        // The column depends on what else is in the file.
        let error = error.split(" (line").next().unwrap();
        assert_eq!((ended.code, error), (1, &*format!("brig run failed: {message}")));
    }
}

#[test]
fn hooks_that_fail_are_named_by_list_and_place() {
    let Some(bench) = Bench::new() else { return };
    let script = json!({ "path": "/bin/sh", "args": ["sh", "-c", "echo out; echo err >&2; exit 3"] });
    for (list, hook, message) in [
        ("createRuntime", json!({ "path": "/nosuch" }), "fork/exec /nosuch: no such file or directory"),
        ("prestart", json!({ "path": "/nosuch" }), "fork/exec /nosuch: no such file or directory"),
        ("createContainer", json!({ "path": "/nosuch" }), "fork/exec /nosuch: no such file or directory"),
        ("createRuntime", json!({ "path": "/etc" }), "fork/exec /etc: permission denied"),
        ("createRuntime", script, "exit status 3, stdout: out\\n, stderr: err"),
    ] {
        let message = format!("{INIT}error running {list} hook #0: {message}");
        bench.fails_with(&message, |config| config["hooks"] = json!({ list: [hook] }));
    }
    for (hook, message) in [
        (json!({ "path": "nosuch" }), "path: \"nosuch\" is not absolute"),
        (json!({ "path": "/bin/true", "timeout": 0 }), "timeout: 0 is not greater than 0"),
    ] {
        let message = format!("hooks.createRuntime[0].{message}");
        bench.fails_with(&message, |config| config["hooks"] = json!({ "createRuntime": [hook] }));
    }
    // They run when there is a program: at the end of `run`'s start, and in `start`.
    bench.write(|config| config["hooks"] = json!({ "poststart": [{ "path": "/nosuch" }] }));
    let message = "error running poststart hook #0: fork/exec /nosuch: no such file or directory";
    bench.fails_as("run", &[], 1, message);
}

#[test]
fn settings_that_need_a_namespace_of_their_own_or_are_unknown_are_refused() {
    let Some(bench) = Bench::new() else { return };
    for (path, value, message) in [
        (
            "/linux/rootfsPropagation",
            json!("foo"),
            "rootfsPropagation=foo is not supported (linux.rootfsPropagation)",
        ),
        (
            "/linux/sysctl",
            json!({ "vm.swappiness": "1" }),
            "sysctl \"vm.swappiness\" is not in a separate kernel namespace (linux.sysctl[\"vm.swappiness\"])",
        ),
        (
            "/linux/seccomp",
            json!({ "defaultAction": "SCMP_ACT_FOO" }),
            "string SCMP_ACT_FOO is not a valid action for seccomp (linux.seccomp.defaultAction)",
        ),
        (
            "/linux/personality",
            json!({ "domain": "FOO" }),
            "invalid personality domain FOO (linux.personality.domain)",
        ),
        (
            "/process/ioPriority",
            json!({ "class": "IOPRIO_CLASS_RT", "priority": 9 }),
            "invalid ioPriority.Priority: 9 (process.ioPriority.priority)",
        ),
        ("/process/oomScoreAdj", json!(5000), "process.oomScoreAdj: 5000 is not in -1000..=1000"),
        ("/process/env", json!(["FOO"]), "invalid environment variable: missing '=' (process.env[0])"),
        ("/process", json!(null), "process property must not be empty (process)"),
        ("/hostname", json!("x".repeat(65)), "hostname: 65 bytes, the kernel takes 64"),
    ] {
        let (above, last) = path.rsplit_once('/').unwrap();
        bench.fails_with(message, |config| config.pointer_mut(above).unwrap()[last] = value);
    }
    for (kind, message) in [
        ("uts", "unable to set hostname without a private UTS namespace (hostname)"),
        ("mount", "unable to restrict sys entries without a private MNT namespace (linux.maskedPaths)"),
    ] {
        bench.fails_with(message, |config| common::drop_namespace(config, kind));
    }
    for (name, value, errno) in
        [("net.nosuch", "1", "no such file or directory"), ("kernel.msgmax", "x", "invalid argument")]
    {
        let path = name.replace('.', "/");
        let message =
            format!("{INIT}write sysctl key {name}: /proc/sys/{path}: {errno} (linux.sysctl[\"{name}\"])");
        bench.fails_with(&message, |config| config["linux"]["sysctl"] = json!({ name: value }));
    }
}

#[test]
fn ids_of_two_containers_differ() {
    let Some(bench) = Bench::new() else { return };
    bench.write(|config| config["process"]["args"] = json!(["sleep", "1000"]));
    let id = bench.brig.create(&bench.bundle);
    for command in ["create", "run"] {
        let message = format!("brig {command} failed: container with given ID already exists");
        bench.attempt(command, &id, &[]).failed(1, &message);
    }
    assert_eq!(bench.brig.status(&id), "created");
    for id in ["a/b", "..", ".", "a b", "ü"] {
        bench.attempt("create", id, &[]).failed(1, "brig create failed: invalid container ID format");
    }
    bench.attempt("create", "", &[]).failed(1, "brig create failed: container id cannot be empty");
}

#[test]
fn each_command_says_which_status_it_wants() {
    let Some(bench) = Bench::new() else { return };
    bench.write(|config| config["process"]["args"] = json!(["sleep", "1000"]));
    let id = bench.brig.create(&bench.bundle);
    let id = id.as_str();
    let refused = |words: &[&str], code, message: &str| {
        let ended = bench.brig.run(words);
        ended.failed(code, message);
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    };
    refused(&["resume", id], 1, "container not paused");
    bench.brig.run(&["start", id]).ok();
    refused(&["start", id], 1, "cannot start an already running container");
    refused(&["delete", id], 1, &format!("cannot delete container {id} that is not stopped: running"));
    bench.brig.run(&["kill", id, "KILL"]).ok();
    bench.brig.await_status(id, "stopped");
    refused(&["start", id], 1, "cannot start a container that has stopped");
    refused(&["kill", id], 1, "container not running");
    refused(&["pause", id], 1, "container not running");
    refused(&["exec", id, "true"], 255, "exec failed: cannot exec in a stopped container");
    for command in ["start", "state", "kill", "delete", "pause", "resume", "ps"] {
        refused(&[command, "nobody"], 1, "container does not exist");
    }
    refused(&["exec", "nobody", "true"], 255, "exec failed: container does not exist");
}

#[test]
fn terminals_sockets_and_pid_files_that_cannot_be_had_leave_nothing() {
    let Some(bench) = Bench::new() else { return };
    let gone = bench.path().join("gone");
    // Bound, and nobody listens any more.
    drop(UnixListener::bind(&gone).unwrap());
    let gone = gone.to_str().unwrap();
    let refused = format!("{PROCESS}connect {gone}: connection refused");
    bench.write(|_| {});
    bench.fails_as("create", &["--pidfd-socket", gone], 1, &refused);
    bench.fails_as(
        "create",
        &["--pid-file", "/nosuch/pid"],
        1,
        "open /nosuch/.pid: no such file or directory",
    );
    bench.fails_as(
        "create",
        &["--console-socket", gone],
        1,
        "cannot use console socket if runc will not detach or allocate tty (process.terminal)",
    );
    bench.write(|config| config["process"]["terminal"] = json!(true));
    bench.fails_as("create", &["--console-socket", gone], 1, &refused);
    let missing = format!("{PROCESS}connect /nosuch: no such file or directory");
    bench.fails_as("create", &["--console-socket", "/nosuch"], 1, &missing);
    bench.fails_as(
        "create",
        &[],
        1,
        "cannot allocate tty if runc will detach without setting console socket (process.terminal)",
    );
}

#[test]
fn a_store_that_takes_nothing_is_told_and_left_as_it_was() {
    let Some(bench) = Bench::new() else { return };
    bench.write(|_| {});
    let root = bench.brig.root();
    let root = root.to_str().unwrap();
    fs::create_dir_all(root).unwrap();
    for (options, prepare, message) in [
        ("ro", "", "mkdir {root}/ID: read-only file system"),
        ("nr_inodes=2", "", "write {root}/ID/record: no space left on device"),
        ("size=4k", "head -c 4096 /dev/zero >fill && ", "write {root}/ID/record: no space left on device"),
        ("size=4k", "", "unable to start container process: write {root}/ID/record: no space left on device"),
    ] {
        let id = unique("full");
        let run = bench.brig.command(&["run", "--bundle", bench.path().to_str().unwrap(), &id]);
        let script = format!(
            "mount -t tmpfs -o {options} tmpfs {root} && cd {root} && {prepare} \"$@\"; code=$?; rm -f fill; ls -A; exit $code"
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]).arg(run.get_program()).args(run.get_args());
        let ended = bench.brig.finish_alone(command);
        let message = message.replace("{root}", root).replace("ID", &id);
        ended.failed(1, &format!("brig run failed: {message}"));
        assert_eq!((ended.stderr.lines().count(), &*ended.stdout), (1, ""), "{ended:?}");
        bench.brig.assert_nothing_of(&id);
    }
}
