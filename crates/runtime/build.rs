//! Builds `brig-init`, which the library carries inside itself.
//!
//! It is a program without a C library, for the same architecture, and needs flags of its own; so cargo is called once more,
//! for that one package, with a target directory within ours.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// No start files, no libraries, a fixed address, no unwinding.
const FLAGS: [&str; 6] = [
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-static",
    "-Clink-arg=-no-pie",
    "-Crelocation-model=static",
    "-Cpanic=abort",
];

fn main() -> ExitCode {
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return ExitCode::FAILURE };
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../init/Cargo.toml");
    for source in ["init", "handshake", "sys"] {
        println!("cargo::rerun-if-changed=../{source}/src");
        println!("cargo::rerun-if-changed=../{source}/Cargo.toml");
    }
    match build(&manifest, &out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

fn build(manifest: &Path, out: &Path) -> Result<(), String> {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").map_err(|error| error.to_string())?;
    let target = format!("{}-unknown-linux-gnu", if architecture == "riscv64" { "riscv64gc" } else { &architecture });
    let directory = out.join("init");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--profile", "init", "--features", "entry", "--bin", "brig-init", "--target", &target])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&directory)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
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
