//! `brig seccomp` from outside. Needs no privileges and makes no container.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where its preparation fails")]

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("brig-seccomp-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Writes a file in it and returns its path.
    fn file(&self, name: &str, content: &Value) -> String {
        let path = self.0.join(name);
        fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or(());
    }
}

/// Exit code, standard output, the message that was logged last.
type Ended = (i32, String, String);

fn ended(output: &Output) -> Ended {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stderr = text(&output.stderr);
    let message = stderr.lines().last().and_then(|line| line.split_once("msg="));
    let message = message.map(|(_, message)| match message.strip_prefix('"') {
        Some(quoted) => quoted.trim_end().strip_suffix('"').unwrap_or(quoted).replace("\\\"", "\""),
        None => message.to_owned(),
    });
    (output.status.code().unwrap(), text(&output.stdout), message.unwrap_or_default())
}

/// `brig seccomp words`, for an x86_64 machine.
fn brig(words: &[&str]) -> Ended {
    let machine = ["seccomp", "--machine", "x86_64"];
    ended(&Command::new(env!("CARGO_BIN_EXE_brig")).args(machine).args(words).output().unwrap())
}

fn profile() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [
            { "names": ["read", "write", "socketcall", "no_such_call"], "action": "SCMP_ACT_ALLOW" },
            { "names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [
                { "index": 0, "value": 0x7e02_0000_u32, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ" }] },
            { "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 },
        ],
    })
}

#[test]
fn compile_writes_what_the_kernel_loads() {
    let folder = Folder::new("compile");
    let file = folder.file("profile.json", &profile());
    let output =
        Command::new(env!("CARGO_BIN_EXE_brig")).args(["seccomp", "compile", &file]).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty() && output.stdout.len().is_multiple_of(8));
    let written = folder.0.join("program");
    assert_eq!(brig(&["compile", "-o", written.to_str().unwrap(), &file]), (0, String::new(), String::new()));
    if cfg!(target_arch = "x86_64") {
        assert_eq!(fs::read(written).unwrap(), output.stdout);
    }
}

#[test]
fn a_program_for_another_machine_has_its_byte_order() {
    let folder = Folder::new("order");
    let mut profile = profile();
    profile["architectures"] = json!([]);
    let file = folder.file("profile.json", &profile);
    for (machine, first) in [("aarch64", [0x20, 0]), ("s390x", [0, 0x20])] {
        let words = ["seccomp", "compile", "--machine", machine, &file];
        let output = Command::new(env!("CARGO_BIN_EXE_brig")).args(words).output().unwrap();
        assert_eq!(output.stdout[..2], first, "{machine}: BPF_LD | BPF_W | BPF_ABS");
    }
}

#[test]
fn show_names_calls_sizes_and_what_was_skipped() {
    let folder = Folder::new("show");
    let (code, text, _) = brig(&["show", &folder.file("profile.json", &profile())]);
    assert_eq!(code, 0);
    for expected in [
        "for SCMP_ARCH_X86_64, with SCMP_ARCH_X86; loaded with flags 0x4\n",
        "no system call is named no_such_call: skipped\n",
        "   0  load arch\n",
        "; clone3\n",
        "return ERRNO 38\n",
        " bytes, deepest path ",
    ] {
        assert!(text.contains(expected), "{expected:?}:\n{text}");
    }
}

#[test]
fn check_says_what_happens_and_which_rule_says_so() {
    let folder = Folder::new("check");
    let file = folder.file("profile.json", &profile());
    let namespaces = "linux.seccomp.syscalls[1] (clone): args[0]";
    for (call, code, text) in [
        (
            &["read"][..],
            0,
            "read() on SCMP_ARCH_X86_64: ALLOW\n  linux.seccomp.syscalls[0] (read)\n".to_owned(),
        ),
        (&["0"], 0, "read() on SCMP_ARCH_X86_64: ALLOW\n  linux.seccomp.syscalls[0] (read)\n".to_owned()),
        (
            &["clone", "0x11"],
            0,
            format!(
                "clone(0x11) on SCMP_ARCH_X86_64: ALLOW\n  {namespaces} holds: argument 0 & 0x7e020000 == 0x0\n"
            ),
        ),
        (
            &["clone", "0x10000000"],
            1,
            format!(
                "clone(0x10000000) on SCMP_ARCH_X86_64: ERRNO 1 (operation not permitted)\n  \
             linux.seccomp.defaultAction: no rule applies\n  \
             not {namespaces} does not hold: argument 0 & 0x7e020000 == 0x0\n"
            ),
        ),
        (
            &["clone3"],
            1,
            "clone3() on SCMP_ARCH_X86_64: ERRNO 38 (function not implemented)\n  \
             linux.seccomp.syscalls[2] (clone3)\n"
                .to_owned(),
        ),
        (
            &["600"],
            1,
            "600() on SCMP_ARCH_X86_64: ERRNO 38 (function not implemented)\n  \
             newer than the profile, whose highest number is 435 (clone3)\n"
                .to_owned(),
        ),
        (
            &["--arch", "386", "socketcall", "1", "2"],
            0,
            "socketcall(0x1, 0x2) on SCMP_ARCH_X86: ALLOW\n  \
             linux.seccomp.syscalls[0] (socketcall)\n"
                .to_owned(),
        ),
        (
            &["--arch", "x32", "read"],
            1,
            "read() on SCMP_ARCH_X32: KILL_THREAD\n  \
             linux.seccomp.architectures: SCMP_ARCH_X32 is not among them\n"
                .to_owned(),
        ),
        (
            &["--arch", "SCMP_ARCH_AARCH64", "read"],
            1,
            "read() on SCMP_ARCH_AARCH64: KILL_THREAD\n  \
             linux.seccomp.architectures: SCMP_ARCH_AARCH64 is not among them\n"
                .to_owned(),
        ),
    ] {
        let words = [&["check", &file], call].concat();
        assert_eq!(brig(&words), (code, text, String::new()), "{call:?}");
    }
}

#[test]
fn a_rule_on_a_call_also_holds_for_the_way_through_socketcall() {
    let folder = Folder::new("socketcall");
    let mut profile = profile();
    profile["syscalls"] = json!([{ "names": ["socket", "accept4"], "action": "SCMP_ACT_ALLOW" }]);
    let file = folder.file("profile.json", &profile);
    let (code, text, _) = brig(&["check", "--arch", "x86", &file, "socketcall", "1"]);
    assert_eq!((code, text.lines().nth(1)), (0, Some("  linux.seccomp.syscalls[0] (socket)")), "{text}");
    assert_eq!(brig(&["check", "--arch", "x86", &file, "socketcall", "2"]).0, 1);
}

#[test]
fn diff_names_the_calls_that_differ_and_an_example() {
    let folder = Folder::new("diff");
    let one = folder.file("one.json", &profile());
    assert_eq!(brig(&["diff", &one, &one]), (0, "no call gets anything else\n".to_owned(), String::new()));
    let mut other = profile();
    other["architectures"] = json!([]);
    other["syscalls"][0]["names"] = json!(["read"]);
    other["syscalls"][1]["args"] = json!([]);
    other["syscalls"][2]["names"] = json!(["clone3", "fchmodat2"]);
    let other = folder.file("other.json", &other);
    let (code, text, _) = brig(&["diff", &one, &other]);
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect())
        .collect();
    let refused = "ERRNO 1 (operation not permitted)";
    assert_eq!((code, lines[0].as_slice()), (1, &["SCMP_ARCH_X86_64"][..]), "{text}");
    assert_eq!(lines[1].join(" "), format!("write ALLOW -> {refused}"), "{text}");
    assert_eq!(lines[2].join(" "), format!("clone(0x20000) {refused} -> ALLOW"), "{text}");
    assert_eq!(lines[3][0], "close_range", "what is newer than the one is not newer than the other: {text}");
    let end = "SCMP_ARCH_X86: for the first only; the second kills what calls in it\n";
    assert!(text.ends_with(end) && !text.contains("fchmodat2"), "{text}");
}

#[test]
fn a_profile_is_a_file_a_configuration_a_bundle_or_standard_input() {
    let folder = Folder::new("sources");
    let config =
        folder.file("config.json", &json!({ "ociVersion": "1.0.0", "linux": { "seccomp": profile() } }));
    for path in [config.as_str(), folder.0.to_str().unwrap()] {
        assert_eq!(brig(&["check", path, "read"]).0, 0, "{path}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_brig"));
    command.args(["seccomp", "--machine", "x86_64", "check", "-", "write"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(profile().to_string().as_bytes()).unwrap();
    assert_eq!(ended(&child.wait_with_output().unwrap()).0, 0);
}

#[test]
fn what_is_no_profile_is_said_and_ends_with_2() {
    let folder = Folder::new("refused");
    let engine = folder
        .file("engine.json", &json!({ "defaultAction": "SCMP_ACT_ERRNO", "archMap": [], "syscalls": [] }));
    let engine_rule = folder.file("rule.json", &json!({ "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{ "names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": { "caps": ["CAP_BPF"] } }] }));
    let bare = folder.file("bare.json", &json!({ "process": {} }));
    let empty = folder.file("empty.json", &json!({}));
    let word = folder.file("word.json", &json!({ "defaultAction": "SCMP_ACT_FOO" }));
    let number = folder
        .file("number.json", &json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": 1 }] }));
    let of_engines = "which is of the format in which Docker, containerd and Podman keep profiles";
    for (file, words) in [
        (&engine, format!("has \"archMap\", {of_engines}")),
        (&engine_rule, format!("has \"includes\", {of_engines}")),
        (&bare, "has no linux.seccomp: nothing is filtered".to_owned()),
        (&empty, "linux.seccomp: filters nothing: neither defaultAction nor syscalls".to_owned()),
        (
            &word,
            "string SCMP_ACT_FOO is not a valid action for seccomp (linux.seccomp.defaultAction)".to_owned(),
        ),
        (&number, "syscalls[0].names: invalid type: integer `1`".to_owned()),
    ] {
        let (code, text, message) = brig(&["show", file]);
        assert_eq!((code, text.as_str()), (2, ""), "{message}");
        assert!(message.starts_with(&format!("seccomp: {file}: {words}")), "{message}");
    }
    let (code, _, message) = brig(&["show", "/nonexistent/x"]);
    assert_eq!((code, message.as_str()), (2, "seccomp: open /nonexistent/x: no such file or directory"));
}

#[test]
fn words_that_make_no_sense_end_with_2() {
    let folder = Folder::new("words");
    let file = folder.file("profile.json", &profile());
    for (words, message) in [
        (&["check", &file][..], "seccomp check wants a profile and a system call"),
        (&["check", &file, "read", "x"], "seccomp check: argument \"x\" is not a number"),
        (
            &["check", &file, "read", "1", "2", "3", "4", "5", "6", "7"],
            "seccomp check: a system call has 6 arguments, 7 are given",
        ),
        (&["check", &file, "nosuch"], "seccomp: no system call is named \"nosuch\""),
        (
            &["check", &file, "riscv_hwprobe"],
            "seccomp: SCMP_ARCH_X86_64 has no system call \"riscv_hwprobe\"; those that have it: SCMP_ARCH_RISCV64",
        ),
        (
            &["check", "--arch", "vax", &file, "read"],
            "seccomp: \"vax\" is not an architecture: want one of x86, x86_64, x32, arm, aarch64, mips, mips64, mips64n32, mipsel, mipsel64, mipsel64n32, ppc, ppc64, ppc64le, riscv64, s390, s390x, loongarch64",
        ),
        (&["diff", &file], "seccomp diff wants two profiles"),
        (&["diff", "-", "-"], "seccomp: standard input can be one of the profiles"),
        (&["show", "--arch", "x86", &file], "seccomp show takes no --arch"),
        (&["list", &file], "seccomp list: want compile, show, check or diff"),
    ] {
        let (code, _, said) = brig(words);
        assert_eq!((code, said.as_str()), (2, message), "{words:?}");
    }
}
