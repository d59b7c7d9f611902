//! Compile time, length and instructions executed for the profiles in `tests/profiles`.
//!
//! `cargo run --release -p brig-seccomp --example bench`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a developer's tool")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use brig_seccomp::interp::{ByteOrder, Data, run};
use brig_seccomp::{Arch, compile, shape};

/// The commonest, then denied ones, then some whose arguments are looked at.
const SYSCALLS: [&str; 28] = [
    "read",
    "write",
    "close",
    "openat",
    "newfstatat",
    "fstat",
    "mmap",
    "munmap",
    "mprotect",
    "brk",
    "futex",
    "epoll_wait",
    "recvmsg",
    "sendmsg",
    "recvfrom",
    "sendto",
    "poll",
    "ioctl",
    "rt_sigprocmask",
    "clock_gettime",
    "getppid",
    "unshare",
    "mount",
    "keyctl",
    "bpf",
    "clone",
    "personality",
    "socket",
];

fn main() {
    let profiles = [
        ("docker", include_str!("../tests/profiles/docker.json")),
        ("containerd", include_str!("../tests/profiles/containerd.json")),
        ("podman", include_str!("../tests/profiles/podman.json")),
    ];
    for (name, text) in profiles {
        let shipped = support::parse(text);
        let profile = support::resolve(&shipped, Arch::X86_64);
        let compiled = compile(&profile, Arch::X86_64).unwrap();
        let shape = shape(&compiled.program);
        let mut times: Vec<u128> = (0..2000)
            .map(|_| {
                let start = Instant::now();
                black_box(compile(black_box(&profile), Arch::X86_64).unwrap());
                start.elapsed().as_nanos()
            })
            .collect();
        let first = times[0];
        times.sort_unstable();
        println!(
            "{name}: {} ABIs, {} instructions, deepest {}, compiled in {} us (min {}, first {})",
            profile.architectures.len(),
            shape.instructions,
            shape.deepest,
            times[1000] / 1000,
            times[0] / 1000,
            first / 1000,
        );
        for syscall in SYSCALLS {
            let data = Data {
                nr: Arch::X86_64.number(syscall).unwrap(),
                arch: Arch::X86_64.audit(),
                args: [1, 2, 3, 4, 5, 6],
                ..Data::default()
            };
            let outcome = run(&compiled.program, &data, ByteOrder::Little).unwrap();
            println!("  {syscall:16} {:3} instructions, {:#010x}", outcome.executed, outcome.value);
        }
    }
}
