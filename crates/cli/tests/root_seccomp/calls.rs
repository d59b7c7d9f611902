//! Calls that a filter refuses, on every way into the kernel, made by a program of a few instructions.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{dockers, filtered};
use crate::common::{self, Brig, Bundle, Ended};
use serde_json::json;

/// How a program enters the kernel.
#[derive(Clone, Copy)]
enum Gate {
    /// As x86_64 and x32 do.
    Syscall,
    /// As i386 does, also from a 64-bit program.
    Int80,
}

/// A program for x86_64 that makes one system call with three arguments, and whose exit code is the errno.
fn caller(gate: Gate, number: u32, args: [u32; 3]) -> Vec<u8> {
    let mut code = vec![0xb8];
    code.extend(number.to_le_bytes());
    // mov edi, esi, edx, or ebx, ecx, edx: each clears the upper half.
    let registers = match gate {
        Gate::Syscall => [0xbf, 0xbe, 0xba],
        Gate::Int80 => [0xbb, 0xb9, 0xba],
    };
    for (register, arg) in registers.into_iter().zip(args) {
        code.push(register);
        code.extend(arg.to_le_bytes());
    }
    code.extend(match gate {
        Gate::Syscall => [0x0f, 0x05],
        Gate::Int80 => [0xcd, 0x80],
    });
    // neg eax; cmp eax, 4095; jbe +2; xor eax, eax; mov edi, eax; mov eax, 231 (exit_group); syscall
    code.extend([0xf7, 0xd8, 0x3d, 0xff, 0x0f, 0x00, 0x00, 0x76, 0x02, 0x31, 0xc0]);
    code.extend([0x89, 0xc7, 0xb8, 231, 0, 0, 0, 0x0f, 0x05]);
    executable(&code)
}

/// An ELF file whose one segment is `code` behind the headers.
fn executable(code: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    for word in [BASE + HEADERS, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    // PT_LOAD, readable and executable
    file.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    let size = HEADERS + code.len() as u64;
    for word in [0, BASE, BASE, size, size, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

const NEW_USER: u32 = 0x1000_0000;

const X32: u32 = 0x4000_0000;

const EPERM: i32 = 1;

const ENOSYS: i32 = 38;

/// Name, way into the kernel, number, arguments, errno under Docker's profile.
const CALLS: [(&str, Gate, u32, [u32; 3], i32); 15] = [
    ("getppid", Gate::Syscall, 110, [0; 3], 0),
    ("unshare", Gate::Syscall, 272, [NEW_USER, 0, 0], EPERM),
    ("mount", Gate::Syscall, 165, [0; 3], EPERM),
    ("keyctl", Gate::Syscall, 250, [0, 0xffff_fffd, 0], EPERM),
    ("clone", Gate::Syscall, 56, [NEW_USER | 17, 0, 0], EPERM),
    ("clone3", Gate::Syscall, 435, [0; 3], ENOSYS),
    ("bpf", Gate::Syscall, 321, [0; 3], EPERM),
    ("number 600", Gate::Syscall, 600, [0; 3], ENOSYS),
    ("number 100000", Gate::Syscall, 100_000, [0; 3], ENOSYS),
    ("x32 mount", Gate::Syscall, X32 | 165, [0; 3], EPERM),
    ("x32 number 600", Gate::Syscall, X32 | 600, [0; 3], ENOSYS),
    ("i386 getppid", Gate::Int80, 64, [0; 3], 0),
    ("i386 unshare", Gate::Int80, 310, [NEW_USER, 0, 0], EPERM),
    ("i386 mount", Gate::Int80, 21, [0; 3], EPERM),
    ("i386 number 600", Gate::Int80, 600, [0; 3], ENOSYS),
];

/// A bundle whose process makes all of [`CALLS`], with every capability, so that only a filter refuses anything.
fn calling() -> Bundle {
    let bundle = Bundle::script("for call in /calls/*; do $call; echo $?; done").privileged();
    let folder = bundle.rootfs().join("calls");
    fs::create_dir(&folder).unwrap();
    for (place, (_, gate, number, args, _)) in CALLS.iter().enumerate() {
        let path = folder.join(format!("{place:02}"));
        fs::write(&path, caller(*gate, *number, *args)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    bundle
}

fn cannot_call() -> bool {
    if common::cannot_run() {
        return true;
    }
    if !cfg!(target_arch = "x86_64") {
        println!("SKIPPED: the programs are for x86_64");
        return true;
    }
    false
}

#[track_caller]
fn answers(ended: Ended) -> Vec<i32> {
    ended.text().lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn dockers_profile_refuses_namespaces_mounts_keys_and_what_is_newer_on_every_way_into_the_kernel() {
    if cannot_call() {
        return;
    }
    let bundle = filtered(calling(), &dockers());
    let expected: Vec<i32> = CALLS.iter().map(|(.., errno)| *errno).collect();
    let brig = Brig::new();
    let named = |found: &[i32]| CALLS.iter().map(|call| call.0).zip(found.to_vec()).collect::<Vec<_>>();
    for no_new_privileges in [true, false] {
        bundle.change(|config| config["process"]["noNewPrivileges"] = json!(no_new_privileges));
        let found = answers(brig.run_bundle(&bundle));
        assert_eq!(named(&found), named(&expected), "no_new_privs {no_new_privileges}");
    }
}

#[test]
fn the_same_calls_are_not_refused_without_the_profile() {
    if cannot_call() {
        return;
    }
    let found = answers(Brig::new().run_bundle(&calling()));
    let refused: Vec<_> = CALLS.iter().zip(&found).filter(|(_, errno)| **errno == EPERM).collect();
    assert!(refused.is_empty() && found.len() == CALLS.len(), "{:?}", found);
}

#[test]
fn exec_is_under_the_filter_of_the_container() {
    if cannot_call() {
        return;
    }
    let bundle = filtered(calling(), &dockers());
    let brig = Brig::new();
    let bundle = bundle.args(&["sleep", "1000"]);
    let id = brig.start(&bundle);
    // exec knows the program from the record alone.
    fs::remove_file(bundle.path().join("config.json")).unwrap();
    for options in [&["--no-new-privs"][..], &[]] {
        let words = ["for call in /calls/*; do $call; echo $?; done"];
        let words = [&["exec"], options, &[&id, "sh", "-c"], &words].concat();
        let expected: Vec<i32> = CALLS.iter().map(|(.., errno)| *errno).collect();
        assert_eq!(answers(brig.run(&words)), expected, "{options:?}");
    }
}

#[test]
fn with_no_new_privileges_the_filter_need_not_allow_what_brig_does_before() {
    if cannot_call() {
        return;
    }
    // What the shell and its /calls do, and nothing that only brig-init does.
    let names = [
        "execve",
        "brk",
        "arch_prctl",
        "set_tid_address",
        "set_robust_list",
        "rseq",
        "prlimit64",
        "readlinkat",
        "readlink",
        "getrandom",
        "mprotect",
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "getpid",
        "getppid",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "ioctl",
        "newfstatat",
        "stat",
        "fcntl",
        "fstat",
        "write",
        "writev",
        "exit",
        "exit_group",
        "uname",
        "getcwd",
        "mmap",
        "munmap",
        "prctl",
        "gettid",
        "futex",
    ];
    let profile = json!({
        "defaultAction": "SCMP_ACT_KILL_PROCESS",
        "syscalls": [{ "names": names[..], "action": "SCMP_ACT_ALLOW" }],
    });
    let bundle = filtered(Bundle::with_args(&["echo", "alive"]), &profile);
    bundle.change(|config| config["process"]["noNewPrivileges"] = json!(true));
    assert_eq!(Brig::new().run_bundle(&bundle).text(), "alive\n");
}
