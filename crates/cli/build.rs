//! Tells the binary which commit it was built from; a source tree without git is not an error. Lays out a release so that
//! a start touches little memory, where the linker can.

#![forbid(unsafe_code)]

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Relocations as a bit map: the loader walks 1 kB of them in place of 100.
const PACKED: &str = "-Clink-arg=-Wl,-z,pack-relative-relocs";
/// The smallest program that has relocations.
const TRIAL: &[u8] =
    b"static S: &[&str] = &[\"a\"]; fn main() { assert_eq!(std::hint::black_box(S)[0], \"a\"); }";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BRIG_COMMIT");
    if let Some(git_dir) = git(&["rev-parse", "--absolute-git-dir"]) {
        // The log of HEAD grows with every commit; a watched file that is missing would mean a build every time.
        for watched in ["HEAD", "logs/HEAD"].map(|name| format!("{git_dir}/{name}")) {
            if std::path::Path::new(&watched).exists() {
                println!("cargo::rerun-if-changed={watched}");
            }
        }
    }
    let commit = std::env::var("BRIG_COMMIT").ok().or_else(|| git(&["rev-parse", "HEAD"]));
    println!("cargo::rustc-env=BRIG_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    lay_out();
}

/// See docs/decisions/0022-layout.md. `BRIG_LAYOUT=none` leaves it alone.
fn lay_out() {
    println!("cargo::rerun-if-env-changed=BRIG_LAYOUT");
    println!("cargo::rerun-if-changed=layout.ld");
    let says = |name: &str, value: &str| env::var_os(name).is_some_and(|said| said == value);
    if !says("PROFILE", "release") || says("BRIG_LAYOUT", "none") {
        return;
    }
    let script = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("layout.ld");
    let flags = [format!("-Clink-arg=-Wl,-T,{}", script.display()), PACKED.to_owned()];
    for flag in flags {
        match is_good(&flag) {
            true => println!("cargo::rustc-link-arg-bins={}", flag.trim_start_matches("-Clink-arg=")),
            false => println!(
                "cargo::warning=the linker or the C library does not know {flag}: brig takes more memory"
            ),
        }
    }
}

/// Whether a program that is linked so is made, and works.
fn is_good(flag: &str) -> bool {
    let variable = |name: &str| env::var_os(name).unwrap_or_default();
    let program = PathBuf::from(variable("OUT_DIR")).join("trial");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--crate-type=bin", "--crate-name=trial", flag, "--target"]).arg(variable("TARGET"));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        rustc.arg("-C").arg([OsString::from("linker="), linker].into_iter().collect::<OsString>());
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty())).arg("-o").arg(&program).arg("-");
    let mut built = || {
        let mut rustc = rustc.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        rustc.stdin.take().map_or(Ok(()), |mut source| source.write_all(TRIAL))?;
        rustc.wait()
    };
    built().is_ok_and(|status: std::process::ExitStatus| status.success())
        && (variable("HOST") != variable("TARGET")
            || Command::new(program).status().is_ok_and(|status| status.success()))
}

/// The single line that git prints, if there is a git and it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!line.is_empty()).then_some(line)
}
