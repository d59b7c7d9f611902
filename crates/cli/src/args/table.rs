//! The commands and their flags: one table, from which words are parsed and help is printed.
//! Flags and their names are runc's; `explain`, `doctor`, `stats` and `demo` are brig's own. Runs in: parent.

pub use super::row::{CommandRow, Count, Flag, Kind, WordOrder};
use super::row::{bytes, flag, int, switch, text};
use super::{read, seccomp};

const I32_MAX: i64 = i32::MAX as i64;

/// The flag that every command and brig itself have.
pub const HELP: Flag = switch("help", "show help").short("h");

/// The flags before the command.
#[rustfmt::skip]
pub static GLOBAL: &[Flag] = &[
    switch("debug", "log at level debug, with the place in the source"),
    bytes("log", "append the log to this file").default("/dev/stderr"),
    text("log-format", "format of the log: text or json").default("text"),
    bytes("root", "directory for the state of containers, best on a tmpfs").default("/run/brig"),
    switch("systemd-cgroup", "let systemd make the cgroups; cgroupsPath is then slice:prefix:name"),
    text("rootless", "go on when cgroups are not permitted: true, false or auto").default("auto"),
    bytes("trace", "add to this file what takes how long, for the viewers of browsers and Perfetto"),
    bytes("criu", ""),
    switch("version", "print the version").short("v"),
];

const CONSOLE_SOCKET: Flag =
    bytes("console-socket", "unix socket that receives the master end of the container's terminal");
const PIDFD_SOCKET: Flag = bytes("pidfd-socket", "unix socket that receives a pidfd of the process");
const PID_FILE: Flag = bytes("pid-file", "file to write the pid of the process to");
const BUNDLE: Flag = bytes("bundle", "directory of config.json").short("b").default(".");
const DETACH: Flag = switch("detach", "return when the process runs, do not wait for its end").short("d");
const NO_SUBREAPER: Flag = switch("no-subreaper", "do not become the subreaper of orphaned processes");
const NO_PIVOT: Flag =
    switch("no-pivot", "switch roots by moving a mount instead of pivot_root, for a rootfs on a ramdisk");
const NO_NEW_KEYRING: Flag =
    switch("no-new-keyring", "keep the caller's session keyring instead of making one");
const PRESERVE_FDS: Flag =
    int("preserve-fds", 0, I32_MAX, "pass this many file descriptors behind stdio and $LISTEN_FDS")
        .default("0");
const TIMING: Flag = switch("timing", "print on standard error where the milliseconds went");
const IMAGE_PATH: Flag = bytes("image-path", "directory of the checkpoint's images").default("checkpoint");
const WORK_PATH: Flag = bytes("work-path", "directory of CRIU's work files and logs");
const TCP_ESTABLISHED: Flag = switch("tcp-established", "allow open TCP connections");
const EXT_UNIX_SK: Flag = switch("ext-unix-sk", "allow unix sockets with an end outside the container");
const SHELL_JOB: Flag = switch("shell-job", "allow processes that belong to an outside shell's session");
const LAZY_PAGES: Flag = switch("lazy-pages", "restore memory when it is first touched (userfaultfd)");
const FILE_LOCKS: Flag = switch("file-locks", "handle file locks");
const MANAGE_CGROUPS_MODE: Flag =
    text("manage-cgroups-mode", "what CRIU does with cgroups: soft, full, strict or ignore");
const EMPTY_NS: Flag = text("empty-ns", "do not restore what is in this namespace: network (repeatable)");
const AUTO_DEDUP: Flag = switch("auto-dedup", "drop memory images that are no longer needed");

/// The arguments of a command that takes a container and nothing else.
const ONE_ID: &str = "<container-id>";
const FLAGS_AND_ID: &str = "[command options] <container-id>";

/// Every command, in the order of help.
#[rustfmt::skip]
pub static COMMANDS: &[CommandRow] = &[
    CommandRow {
        name: "checkpoint", alias: None, summary: "save a running container to disk",
        usage: FLAGS_AND_ID, description: "CRIU does the work; the container ends unless it is told to go on.",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::checkpoint,
        flags: &[
            IMAGE_PATH, WORK_PATH,
            bytes("parent-path", "images of an earlier pre-dump, relative to the image path"),
            switch("leave-running", "let the container go on"),
            TCP_ESTABLISHED,
            switch("tcp-skip-in-flight", "leave out TCP connections that are not yet established"),
            switch("link-remap", "allow files that are open but unlinked"),
            EXT_UNIX_SK, SHELL_JOB, LAZY_PAGES,
            int("status-fd", -1, I32_MAX, "CRIU writes a \\0 to this descriptor when it is ready for lazy pages").default("-1"),
            text("page-server", "ADDRESS:PORT of a page server that takes the memory"),
            FILE_LOCKS,
            switch("pre-dump", "save memory only and let the container go on"),
            MANAGE_CGROUPS_MODE, EMPTY_NS, AUTO_DEDUP,
        ],
    },
    CommandRow {
        name: "create", alias: None, summary: "create a container",
        usage: FLAGS_AND_ID,
        description: "Builds the container that the bundle's config.json describes and leaves its process waiting for\n\
                      `start`. The id must be unique on this host.",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::create,
        flags: &[BUNDLE, CONSOLE_SOCKET, PIDFD_SOCKET, PID_FILE, NO_PIVOT, NO_NEW_KEYRING, PRESERVE_FDS, TIMING],
    },
    CommandRow {
        name: "delete", alias: None, summary: "remove what a stopped container holds",
        usage: FLAGS_AND_ID, description: "",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::delete,
        flags: &[switch("force", "kill the container first (SIGKILL); an unknown id is no error").short("f")],
    },
    CommandRow {
        name: "demo", alias: None, summary: "show what a container made from this host's files can and cannot do",
        usage: "[-- <command> [arguments...]]", description: "With a command: run that in it instead.",
        order: WordOrder::FlagsFirst, count: Count::AtLeast(0), read: read::demo, flags: &[],
    },
    CommandRow {
        name: "doctor", alias: None, summary: "try what this machine lets this user do",
        usage: "[command options] [feature...]",
        description: "Makes a small container for each feature and removes it; nothing is left behind. Exit code 0: an\n\
                      ordinary container runs here; 1: none does. With features: 0 if all of them work, 1 if one is\n\
                      missing. 2: the doctor itself could not work.",
        order: WordOrder::FlagsAnywhere, count: Count::AtLeast(0), read: read::doctor, flags: &[text("format", "text or json").default("text")],
    },
    CommandRow {
        name: "events", alias: None, summary: "print statistics and out-of-memory events of a container",
        usage: FLAGS_AND_ID, description: "One JSON object per line, until the container ends.",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::events,
        flags: &[
            flag("interval", Kind::Duration, "time between statistics").default("5s"),
            switch("stats", "print the statistics once"),
        ],
    },
    CommandRow {
        name: "exec", alias: None, summary: "run another process in a container",
        usage: "[command options] <container-id> <command> [arguments...] || -p process.json <container-id>",
        description: "Options stand before the container id: what follows it belongs to the command.",
        order: WordOrder::FlagsFirst, count: Count::AtLeast(1), read: read::exec,
        flags: &[
            CONSOLE_SOCKET, PIDFD_SOCKET,
            bytes("cwd", "working directory in the container"),
            bytes("env", "set NAME=VALUE in the environment (repeatable)").short("e"),
            switch("tty", "allocate a terminal").short("t"),
            text("user", "run as UID[:GID], numbers only").short("u"),
            flag("additional-gids", Kind::Id, "additional group (repeatable)").short("g"),
            bytes("process", "file with the OCI process object; replaces the options on the process").short("p"),
            DETACH, PID_FILE,
            text("process-label", "SELinux label of the process"),
            text("apparmor", "AppArmor profile of the process"),
            switch("no-new-privs", "set no_new_privs"),
            text("cap", "add a capability (repeatable)").short("c"),
            PRESERVE_FDS,
            text("cgroup", "run in a cgroup below the container's: [<controller>[,<controller>...]:]<path> (repeatable)"),
            switch("ignore-paused", "also run in a paused container"),
            TIMING,
        ],
    },
    CommandRow {
        name: "explain", alias: None, summary: "print what would be done for a bundle, and do nothing",
        usage: "[command options] <bundle>",
        description: "Each step with its reason, and at the end what weakens isolation, with the risk of each.",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::explain,
        flags: &[text("format", "text or json").default("text"),
            bytes("against", "another bundle: print what differs, - before what only the first does, + before what only this does")],
    },
    CommandRow {
        name: "features", alias: None, summary: "print what this runtime supports",
        usage: "", description: "JSON as defined by the OCI runtime specification (features.md).",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(0), read: read::features, flags: &[],
    },
    CommandRow {
        name: "kill", alias: None, summary: "send a signal to a container's first process (default: SIGTERM)",
        usage: "[command options] <container-id> [signal]",
        description: "The signal is a number or a name: 9, KILL, SIGKILL.",
        order: WordOrder::FlagsAnywhere, count: Count::Between(1, 2), read: read::kill,
        flags: &[switch("all", "").short("a")],
    },
    CommandRow {
        name: "list", alias: None, summary: "list the containers below the given root",
        usage: "[command options]", description: "",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(0), read: read::list,
        flags: &[
            text("format", "table or json").short("f").default("table"),
            switch("quiet", "print ids only").short("q"),
        ],
    },
    CommandRow {
        name: "pause", alias: None, summary: "freeze all processes of a container",
        usage: ONE_ID, description: "",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::pause, flags: &[],
    },
    CommandRow {
        name: "ps", alias: None, summary: "list the processes of a container",
        usage: "[command options] <container-id> [ps options]",
        description: "What follows the container id goes to ps(1); without it, -ef does.",
        order: WordOrder::FlagsFirst, count: Count::AtLeast(1), read: read::ps,
        flags: &[text("format", "table or json").short("f").default("table")],
    },
    CommandRow {
        name: "restore", alias: None, summary: "bring a container back from a checkpoint",
        usage: FLAGS_AND_ID, description: "",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::restore,
        flags: &[
            CONSOLE_SOCKET, IMAGE_PATH, WORK_PATH, TCP_ESTABLISHED, EXT_UNIX_SK, SHELL_JOB, FILE_LOCKS,
            MANAGE_CGROUPS_MODE, BUNDLE, DETACH, PID_FILE, NO_SUBREAPER, NO_PIVOT, EMPTY_NS, AUTO_DEDUP, LAZY_PAGES,
            text("lsm-profile", "security profile to restore with, as TYPE:NAME"),
            text("lsm-mount-context", "SELinux mount context to restore with"),
            TIMING,
        ],
    },
    CommandRow {
        name: "resume", alias: None, summary: "thaw the processes of a paused container",
        usage: ONE_ID, description: "",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::resume, flags: &[],
    },
    CommandRow {
        name: "run", alias: None, summary: "create a container and run its process",
        usage: FLAGS_AND_ID, description: "As `create` and `start` in one; the container is deleted when its process ends.",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::run,
        flags: &[
            BUNDLE, CONSOLE_SOCKET, PIDFD_SOCKET, DETACH,
            switch("keep", "do not delete the container when its process ends"),
            PID_FILE, NO_SUBREAPER, NO_PIVOT, NO_NEW_KEYRING, PRESERVE_FDS, TIMING,
        ],
    },
    CommandRow {
        name: "seccomp", alias: None, summary: "compile, show, try out or compare seccomp profiles",
        usage: "compile|show <profile> || check <profile> <syscall> [arguments...] || diff <profile> <profile>",
        description: "compile writes the program (struct sock_filter[]), show prints it for a person, check says what a call\n\
                      gets and which rule says so, diff says for which calls two profiles differ. A profile is a file with\n\
                      the linux.seccomp object, a config.json, a bundle, or - for standard input.\n\
                      Exit code of check: 0 the call is let through, 1 it is not; of diff: 0 they agree, 1 they differ;\n\
                      2 is trouble.",
        order: WordOrder::FlagsAnywhere, count: Count::AtLeast(1), read: seccomp::read,
        flags: &[
            bytes("output", "compile: write the program to this file").short("o"),
            text("arch", "check: architecture of the call, such as x86 (default: the machine's own)"),
            text("machine", "architecture of the machine that the filter is for, such as aarch64 (default: this one)"),
        ],
    },
    CommandRow {
        name: "spec", alias: None, summary: "write a config.json to start from",
        usage: "[command options]", description: "The process is `sh`, the root filesystem is the folder rootfs beside the file.",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(0), read: read::spec,
        flags: &[BUNDLE, switch("rootless", "for a container made without root")],
    },
    CommandRow {
        name: "start", alias: None, summary: "start the process of a created container",
        usage: FLAGS_AND_ID, description: "",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::start, flags: &[TIMING],
    },
    CommandRow {
        name: "state", alias: None, summary: "print the state of a container",
        usage: ONE_ID, description: "JSON as defined by the OCI runtime specification.",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::state, flags: &[],
    },
    CommandRow {
        name: "stats", alias: None, summary: "show what containers use, live on a terminal",
        usage: "[command options] [container-id...]",
        description: "All that run, or those that are named. In a pipe a table, or JSON objects by the line, after every interval.",
        order: WordOrder::FlagsAnywhere, count: Count::AtLeast(0), read: read::stats,
        flags: &[text("format", "table or json").short("f").default("table"), switch("no-stream", "print once"),
            flag("interval", Kind::Duration, "time between two looks").default("1s")],
    },
    CommandRow {
        name: "update", alias: None, summary: "change the resource limits of a container",
        usage: FLAGS_AND_ID,
        description: "Sizes may have units: 512k, 64m, 1g. With --resources the other limits are ignored, except for\n\
                      --l3-cache-schema and --mem-bw-schema.",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(1), read: read::update,
        flags: &[
            bytes("resources", "file with an OCI linux.resources object, - for standard input").short("r"),
            int("blkio-weight", 0, 65535, "block IO weight, 10 to 1000").default("0"),
            text("cpu-period", "CFS period in microseconds"),
            text("cpu-quota", "CFS quota in microseconds for each period"),
            text("cpu-burst", "CFS burst in microseconds beyond the quota"),
            text("cpu-share", "weight against other containers"),
            text("cpu-rt-period", "realtime period in microseconds"),
            text("cpu-rt-runtime", "realtime runtime in microseconds for each period"),
            text("cpuset-cpus", "CPUs to use, such as 0-3,5"),
            text("cpuset-mems", "memory nodes to use"),
            text("cpu-idle", "1 to run only when nothing else wants to"),
            text("kernel-memory", ""),
            text("kernel-memory-tcp", ""),
            text("memory", "memory limit in bytes, -1 for none"),
            text("memory-reservation", "memory reservation in bytes"),
            text("memory-swap", "limit of memory and swap together in bytes, -1 for none"),
            int("pids-limit", i64::MIN, i64::MAX, "number of processes").default("0"),
            text("l3-cache-schema", "Intel RDT schema of the L3 cache"),
            text("mem-bw-schema", "Intel RDT schema of memory bandwidth"),
        ],
    },
    CommandRow {
        name: "version", alias: None, summary: "print the version", usage: "", description: "",
        order: WordOrder::FlagsAnywhere, count: Count::Exactly(0), read: read::version, flags: &[],
    },
    CommandRow {
        name: "help", alias: Some("h"), summary: "list the commands, or explain one of them",
        usage: "[command]", description: "",
        order: WordOrder::FlagsAnywhere, count: Count::AtLeast(0), read: read::help, flags: &[],
    },
];

/// The command that answers to `word`.
#[must_use]
pub fn command(word: &str) -> Option<&'static CommandRow> {
    COMMANDS.iter().find(|row| row.name == word || row.alias == Some(word))
}
