//! Builds what the library carries inside itself: `brig-init`, and the programs of the seccomp profiles that engines send.
//!
//! `brig-init` is a program without a C library, for the same architecture, and needs flags of its own; so cargo is called
//! once more, for that one package, with a target directory within ours.

#![forbid(unsafe_code)]

#[path = "build/engines.rs"]
mod engines;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// No start files, no libraries, a fixed address, no unwinding, as few pages as possible.
const FLAGS: [&str; 10] = [
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-static",
    "-Clink-arg=-no-pie",
    "-Crelocation-model=static",
    "-Cpanic=abort",
    "-Cforce-unwind-tables=no",
    "-Clink-arg=-Wl,--no-eh-frame-hdr",
    "-Clink-arg=-Wl,--no-rosegment",
    "-Clink-arg=-Wl,-z,norelro",
];

fn main() -> ExitCode {
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return ExitCode::FAILURE };
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let manifest = here.join("../init/Cargo.toml");
    for source in ["init", "handshake", "sys"] {
        println!("cargo::rerun-if-changed=../{source}/src");
        println!("cargo::rerun-if-changed=../{source}/Cargo.toml");
    }
    println!("cargo::rerun-if-changed=../init/discard.ld");
    match build(&manifest, &out).and_then(|()| engines::compile(&here.join("../seccomp"), &out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

fn build(manifest: &Path, out: &Path) -> Result<(), String> {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").map_err(|error| error.to_string())?;
    let target =
        format!("{}-unknown-linux-gnu", if architecture == "riscv64" { "riscv64gc" } else { &architecture });
    let directory = out.join("init");
    let script = manifest.with_file_name("discard.ld");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--profile",
            "init",
            "--features",
            "entry",
            "--bin",
            "brig-init",
            "--target",
            &target,
        ])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&directory)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!("{}\u{1f}-Clink-arg=-Wl,-T,{}", FLAGS.join("\u{1f}"), script.display()),
        )
        // A linter or a wrapper of the outer build has no business in this one.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTFLAGS")
        .status()
        .map_err(|error| format!("cargo cannot be run to build brig-init: {error}"))?;
    if !status.success() {
        return Err(format!("building brig-init for {target} failed: {status}"));
    }
    let built = directory.join(&target).join("init").join("brig-init");
    std::fs::copy(&built, out.join("brig-init")).map_err(|error| format!("{}: {error}", built.display()))?;
    Ok(())
}
