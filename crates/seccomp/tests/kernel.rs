//! The interpreter against the kernel: filters loaded in a child, system calls made, answers compared.
//!
//! The calls are such as never fail by themselves, so an errno is the filter's.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod support;

use brig_seccomp::interp::{ByteOrder, Data, run};
use brig_seccomp::{Action, Arch, Condition, Insn, Profile, Rule, compile};
use support::{Random, VALUES, condition_at, engines, read};

/// Calls that do nothing whatever their arguments: they exist to be filtered.
const NAMES: [&str; 6] = ["getppid", "getuid", "geteuid", "getgid", "getegid", "sched_yield"];

/// A number that the kernel does not have.
const NO_SYSCALL: u32 = 600;

/// What a child may need between two of them.
const ALWAYS: [&str; 6] = ["write", "exit_group", "exit", "rt_sigreturn", "munmap", "futex"];

#[test]
fn the_kernel_decides_as_the_interpreter_does() {
    let mut random = Random(11);
    for _ in 0..200 {
        let names: Vec<&str> = NAMES.to_vec();
        let profile = generate(&mut random, &names);
        let program = compile(&profile, Arch::X86_64).unwrap().program;
        let calls: Vec<Data> = (0..100).map(|_| call(&mut random, &profile)).collect();
        let answers = answers_under(&in_c(&program), &calls);
        for (data, answer) in calls.iter().zip(answers) {
            let verdict = run(&program, data, ByteOrder::Little).unwrap().value;
            let expected = match errno_of(verdict) {
                0 if data.nr == NO_SYSCALL => libc::ENOSYS,
                errno => errno,
            };
            assert_eq!(expected, answer, "{data:x?} {verdict:#x}\n{profile:#x?}");
        }
    }
}

#[test]
fn dockers_profile_refuses_in_the_kernel_what_it_should() {
    for (engine, section) in engines() {
        if engine.starts_with("docker") {
            let program = compile(&read(&section, Arch::X86_64), Arch::X86_64).unwrap().program;
            refuses_what_it_should(&program, &engine);
        }
    }
}

fn refuses_what_it_should(program: &[Insn], engine: &str) {
    let new_user = 0x1000_0000;
    let expected = [
        (Arch::X86_64, "getppid", [0, 0], 0),
        (Arch::X86_64, "unshare", [new_user, 0], libc::EPERM),
        (Arch::X86_64, "mount", [0, 0], libc::EPERM),
        (Arch::X86_64, "keyctl", [0, 0], libc::EPERM),
        (Arch::X86_64, "bpf", [0, 0], libc::EPERM),
        (Arch::X86_64, "clone", [new_user, 0], libc::EPERM),
        (Arch::X86_64, "clone3", [0, 0], libc::ENOSYS),
        (Arch::X86_64, "personality", [0x1234, 0], libc::EPERM),
        (Arch::X86_64, "personality", [0xffff_ffff, 0], 0),
        (Arch::X86_64, "socket", [40, 1], libc::EPERM),
        // the filter comes first, whether or not the kernel has x32
        (Arch::X32, "mount", [0, 0], libc::EPERM),
    ];
    let mut calls: Vec<Data> = expected
        .iter()
        .map(|(arch, name, [a, b], _)| Data {
            nr: arch.number(name).unwrap(),
            args: [*a, *b, 0, 0, 0, 0],
            ..Data::default()
        })
        .collect();
    calls.push(Data { nr: 1000, ..Data::default() });
    let answers = answers_under(&in_c(program), &calls);
    // 20.10 let all sockets pass; AF_VSOCK, which is 40, was refused later
    let old = engine == "docker-20.10.24";
    for ((arch, name, args, errno), answer) in expected.iter().zip(&answers) {
        let errno = if old && *name == "socket" { &0 } else { errno };
        assert_eq!(errno, answer, "{engine}: {} {name} {args:x?}", arch.name());
    }
    assert_eq!(answers.last(), Some(&libc::ENOSYS), "a system call from the future");
}

fn in_c(program: &[Insn]) -> Vec<libc::sock_filter> {
    let same = |insn: &Insn| libc::sock_filter { code: insn.code, jt: insn.jt, jf: insn.jf, k: insn.k };
    program.iter().map(same).collect()
}

/// 0 where the call is let through, else the errno.
fn errno_of(verdict: u32) -> i32 {
    match verdict >> 16 {
        0x7fff | 0x7ffc => 0,
        // no tracer
        0x7ff0 => libc::ENOSYS,
        5 => i32::from(u16::try_from(verdict & 0xffff).unwrap()),
        other => panic!("{other:#x} is not generated"),
    }
}

fn generate<'n>(random: &mut Random, names: &[&'n str]) -> Profile<'n> {
    let plain =
        |names: &[&'n str], action| Rule { names: names.to_vec(), action, errno_ret: None, args: vec![] };
    let mut rules = vec![plain(&ALWAYS, Action::Allow)];
    for _ in 0..random.below(8) {
        let errno_ret = Some(1 + u32::try_from(random.below(30)).unwrap());
        let action = random.pick(&[Action::Allow, Action::Errno, Action::Trace]);
        let mut args: Vec<Condition> = Vec::new();
        for index in 0..u32::try_from(random.below(4)).unwrap() {
            args.push(condition_at(random, index));
        }
        rules.push(Rule { errno_ret, args, ..plain(&[random.pick(names)], action) });
    }
    let default_action = random.pick(&[Action::Allow, Action::Errno, Action::Log]);
    let profile =
        Profile { default_action, default_errno_ret: Some(99), architectures: vec![], flags: None, rules };
    match compile(&profile, Arch::X86_64) {
        Ok(_) => profile,
        Err(_) => generate(random, names),
    }
}

fn call(random: &mut Random, profile: &Profile<'_>) -> Data {
    let own: Vec<u64> =
        profile.rules.iter().flat_map(|rule| &rule.args).flat_map(|c| [c.value, c.value_two]).collect();
    let mut argument = |_| match random.below(3) {
        0 => random.pick(&VALUES),
        1 if !own.is_empty() => random.pick(&own),
        _ => random.next() >> random.below(64),
    };
    let args = [0; 6].map(&mut argument);
    let newer = random.one_in(8);
    let nr = if newer { NO_SYSCALL } else { Arch::X86_64.number(random.pick(&NAMES)).unwrap() };
    Data { nr, arch: Arch::X86_64.audit(), args, ..Data::default() }
}

/// Makes `calls` in a child that has loaded `filter`: for each 0 or the errno.
fn answers_under(filter: &[libc::sock_filter], calls: &[Data]) -> Vec<i32> {
    let size = calls.len() * size_of::<i32>();
    let (read, write) = (libc::PROT_READ, libc::PROT_WRITE);
    let shared = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping of our own, of which no one else knows.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), size, read | write, shared, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    // SAFETY: the child below only makes system calls and writes into the mapping.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: the mapping has room for as many, and in this process nothing else knows of it.
        let answers = unsafe { std::slice::from_raw_parts_mut(memory.cast::<i32>(), calls.len()) };
        answer(filter, calls, answers);
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: `status` is ours and lives through the call.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(waited, child);
    assert_eq!(status, 0, "the child was killed or could not load its filter");
    // SAFETY: the mapping has room for as many, the child that wrote them is gone.
    let answers = unsafe { std::slice::from_raw_parts(memory.cast::<i32>(), calls.len()) }.to_vec();
    // SAFETY: mapped above; `answers` is a copy.
    unsafe { libc::munmap(memory, size) };
    answers
}

fn answer(filter: &[libc::sock_filter], calls: &[Data], answers: &mut [i32]) -> ! {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(0),
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: takes numbers.
    let no_new_privileges = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: `program` points at `filter`, and both live through the call.
    let loaded = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if no_new_privileges != 0 || loaded != 0 {
        // SAFETY: ends this process.
        unsafe { libc::_exit(1) };
    }
    for (data, place) in calls.iter().zip(answers) {
        let [a, b, c, d, e, f] = data.args;
        // SAFETY: none of these calls reads or writes memory unless the filter fails to stop it, and then they are
        // given no address.
        let answer = unsafe { libc::syscall(i64::from(data.nr), a, b, c, d, e, f) };
        let errno = std::io::Error::last_os_error().raw_os_error();
        *place = if answer == -1 { errno.unwrap_or(0) } else { 0 };
    }
    // SAFETY: ends this process.
    unsafe { libc::_exit(0) }
}
