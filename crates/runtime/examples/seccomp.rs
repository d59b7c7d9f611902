//! `cargo xtask bench seccomp`: what the seccomp programs of engines' profiles cost to make and to run, beside libseccomp's.
//! Runs on the developer's machine, and needs no privilege.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a developer's tool")]

#[cfg(feature = "oracle")]
#[path = "../../seccomp/tests/oracle/libseccomp.rs"]
#[allow(
    dead_code,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "the benchmark uses a part of it"
)]
mod libseccomp;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use brig_plan::{load, seccomp};
use brig_runtime::seccomp::{Origin, keep, program};
use brig_runtime::store::Store;
use brig_seccomp::interp::{ByteOrder, Data, run};
use brig_seccomp::{Arch, Canonical, Flag, Insn, Profile, compile, shape};

const COMMON: [&str; 20] = [
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
];
const DENIED: [&str; 8] =
    ["unshare", "mount", "umount2", "keyctl", "bpf", "kexec_load", "init_module", "open_by_handle_at"];
/// With what makes a profile look at the arguments.
const CHECKED: [(&str, [u64; 2]); 6] = [
    ("clone", [0x11, 0]),
    ("clone", [0x1000_0000, 0]),
    ("personality", [0, 0]),
    ("personality", [0xffff_ffff, 0]),
    ("personality", [0x1234, 0]),
    ("socket", [2, 1]),
];

/// How often each is done; the median counts.
const ROUNDS: usize = 500;
/// How many processes are started for what is done for the first time in one.
const PROCESSES: usize = 15;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [] => print_all(),
        [first, path, way] if first == "--first" => println!("{}", first_time(Path::new(path), way)),
        _ => println!("usage: cargo xtask bench seccomp"),
    }
}

/// The profiles, by name.
fn paths() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seccomp/profiles/x86_64");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn print_all() {
    println!("Times in microseconds, medians. Cold: the first time in a process.");
    for path in paths() {
        let text = std::fs::read(&path).unwrap();
        let section = load::seccomp(&text).unwrap();
        let profile = seccomp::profile(&section, Flag::SpecAllow.bit()).unwrap();
        println!("\n{}", path.file_stem().unwrap().to_string_lossy());
        print_times(&path, &profile);
        print_instructions(&profile);
    }
    print_where_keeping_pays();
}

fn print_times(path: &Path, profile: &Profile<'_>) {
    let canonical = Canonical::new(profile, Arch::X86_64);
    let nowhere = Store::open("/nonexistent");
    println!("  {:34} {:>9} {:>9}", "to make", "cold", "warm");
    let row = |what: &str, way: &str, warm: f64| println!("  {what:34} {:9.1} {warm:9.1}", cold(path, way));
    row("profile to bytes", "bytes", median(|| drop(Canonical::new(profile, Arch::X86_64))));
    row("found, compiled with brig", "engine", median(|| drop(program(&nowhere, &canonical).unwrap())));
    let scratch = Scratch::new();
    row("found in the store (changed)", "kept", {
        let changed = changed(profile, 7);
        scratch.keep(&changed);
        median(|| assert_eq!(program(&scratch.store, &changed).unwrap().origin, Origin::Kept))
    });
    row("compiled", "compile", median(|| drop(compile(profile, Arch::X86_64).unwrap())));
    #[cfg(feature = "oracle")]
    for (what, way, search) in [
        ("libseccomp, list", "list", libseccomp::Search::Linear),
        ("libseccomp, tree", "tree", libseccomp::Search::Tree),
    ] {
        let times = times(20, || drop(libseccomp::compile(profile, Arch::X86_64, search)));
        row(what, way, times[times.len() / 2]);
    }
}

/// No engine sends that: what it gets by rule `errno`.
fn changed(profile: &Profile<'_>, errno: u32) -> Canonical {
    let mut profile = profile.clone();
    if let Some(rule) = profile.rules.last_mut() {
        rule.errno_ret = Some(errno);
    }
    Canonical::new(&profile, Arch::X86_64)
}

fn print_instructions(profile: &Profile<'_>) {
    let ours = ("brig", compile(profile, Arch::X86_64).unwrap().program);
    let programs: Vec<(&str, Vec<Insn>)> = std::iter::once(ours).chain(theirs(profile)).collect();
    print!("  {:34}", "instructions");
    programs.iter().for_each(|(name, _)| print!(" {name:>9}"));
    println!();
    let row = |what: &str, count: &dyn Fn(&[Insn]) -> String| {
        print!("  {what:34}");
        programs.iter().for_each(|(_, program)| print!(" {:>9}", count(program)));
        println!();
    };
    row("length", &|program| program.len().to_string());
    row("deepest path", &|program| shape(program).deepest.to_string());
    let calls = |names: &[&str]| -> Vec<Data> { names.iter().map(|name| call(name, [1, 2])).collect() };
    let checked: Vec<Data> = CHECKED.iter().map(|(name, args)| call(name, *args)).collect();
    for (what, calls) in [
        ("20 commonest: mean, most", calls(&COMMON)),
        ("denied: mean, most", calls(&DENIED)),
        ("by argument: mean, most", checked),
    ] {
        row(what, &|program| {
            let counts: Vec<u32> = calls.iter().map(|data| executed(program, data)).collect();
            let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
            format!("{mean:.1}, {}", counts.iter().max().unwrap())
        });
    }
}

#[cfg(feature = "oracle")]
fn theirs(profile: &Profile<'_>) -> Vec<(&'static str, Vec<Insn>)> {
    let ways = [("tree", libseccomp::Search::Tree), ("list", libseccomp::Search::Linear)];
    let made = |(name, search)| match libseccomp::compile(profile, Arch::X86_64, search) {
        libseccomp::Made::Program(program) => Some((name, program)),
        libseccomp::Made::Contradiction | libseccomp::Made::Failed(_) => None,
    };
    ways.into_iter().filter_map(made).collect()
}

#[cfg(not(feature = "oracle"))]
fn theirs(_: &Profile<'_>) -> Vec<(&'static str, Vec<Insn>)> {
    Vec::new()
}

fn call(name: &str, [first, second]: [u64; 2]) -> Data {
    let nr = Arch::X86_64.number(name).unwrap();
    Data { nr, arch: Arch::X86_64.audit(), args: [first, second, 3, 4, 5, 6], ..Data::default() }
}

fn executed(program: &[Insn], data: &Data) -> u32 {
    run(program, data, ByteOrder::Little).unwrap().executed
}

/// Profiles of more and more rules: from which size on a file is read sooner than a program is compiled.
fn print_where_keeping_pays() {
    let path = &paths()[0];
    let text = std::fs::read(path).unwrap();
    let section = load::seccomp(&text).unwrap();
    let whole = seccomp::profile(&section, Flag::SpecAllow.bit()).unwrap();
    let scratch = Scratch::new();
    println!("\nbytes of the profile, compiled warm, found in the store warm, written there");
    for count in [5, 10, 20, 40, 80, 160, 320, 640] {
        let mut profile = whole.clone();
        profile.rules.truncate(1);
        profile.rules[0].names.truncate(count);
        profile.rules[0].errno_ret = Some(9);
        let canonical = Canonical::new(&profile, Arch::X86_64);
        let compiled = median(|| drop(compile(&profile, Arch::X86_64).unwrap()));
        scratch.keep(&canonical);
        let found = median(|| drop(program(&scratch.store, &canonical).unwrap()));
        let fresh = program(&Store::open("/nonexistent"), &canonical).unwrap();
        let written = median(|| keep(&scratch.store, &canonical, &fresh));
        println!("{:6} {compiled:9.1} {found:9.1} {written:9.1}", canonical.bytes().len());
    }
}

/// A store for as long as it is measured.
struct Scratch {
    store: Store,
}

impl Scratch {
    fn new() -> Scratch {
        // as /run, where stores are by default
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let path = folder.join(format!("brig-bench-seccomp-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch { store: Store::open(path) }
    }

    fn keep(&self, profile: &Canonical) {
        let program = program(&self.store, profile).unwrap();
        keep(&self.store, profile, &program);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(self.store.root()).unwrap();
    }
}

fn median(work: impl FnMut()) -> f64 {
    let times = times(ROUNDS, work);
    times[times.len() / 2]
}

/// Microseconds, ascending.
fn times(rounds: usize, mut work: impl FnMut()) -> Vec<f64> {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The median over processes that do it once.
fn cold(path: &Path, way: &str) -> f64 {
    let this = std::env::current_exe().unwrap();
    let once = |_| {
        let output = Command::new(&this).arg("--first").arg(path).arg(way).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    let mut times: Vec<f64> = (0..PROCESSES).map(once).collect();
    times.sort_by(f64::total_cmp);
    times[PROCESSES / 2]
}

/// What [`cold`] starts: one way, once, in microseconds.
fn first_time(path: &Path, way: &str) -> f64 {
    let text = std::fs::read(path).unwrap();
    let section = load::seccomp(&text).unwrap();
    let profile = seccomp::profile(&section, Flag::SpecAllow.bit()).unwrap();
    let once = |work: &mut dyn FnMut()| times(1, work)[0];
    match way {
        "bytes" => once(&mut || drop(Canonical::new(&profile, Arch::X86_64))),
        "engine" => {
            let canonical = Canonical::new(&profile, Arch::X86_64);
            once(&mut || {
                assert_eq!(program(&Store::open("/nonexistent"), &canonical).unwrap().origin, Origin::Engine);
            })
        }
        "kept" => kept_for_the_first_time(path, &changed(&profile, 7)),
        "compile" => once(&mut || drop(compile(&profile, Arch::X86_64).unwrap())),
        #[cfg(feature = "oracle")]
        "list" => once(&mut || drop(libseccomp::compile(&profile, Arch::X86_64, libseccomp::Search::Linear))),
        #[cfg(feature = "oracle")]
        "tree" => once(&mut || drop(libseccomp::compile(&profile, Arch::X86_64, libseccomp::Search::Tree))),
        other => panic!("{other} is no way to make a program"),
    }
}

/// Another process puts it into the store.
fn kept_for_the_first_time(path: &Path, profile: &Canonical) -> f64 {
    let root = std::env::var_os("BRIG_BENCH_STORE").map(PathBuf::from);
    if let Some(root) = root {
        let store = Store::open(root);
        let program = program(&store, profile).unwrap();
        keep(&store, profile, &program);
        return 0.0;
    }
    let scratch = Scratch::new();
    let this = std::env::current_exe().unwrap();
    let mut other = Command::new(this);
    other.arg("--first").arg(path).arg("kept").env("BRIG_BENCH_STORE", scratch.store.root());
    assert!(other.output().unwrap().status.success());
    times(1, || assert_eq!(program(&scratch.store, profile).unwrap().origin, Origin::Kept))[0]
}
