//! The bundles of the bench: Debian's static busybox and the configuration in tests/bench.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Options;
use super::scratch::Scratch;
use crate::command::{succeed, which};

const PROGRAMS: [&str; 3] = ["true", "sleep", "sh"];
/// Longer than any bench.
const FOREVER: &str = "100000";

/// Bundles that differ in one thing, and the root they share.
#[derive(Debug)]
pub(crate) struct Bundles {
    /// The root file system.
    pub(crate) rootfs: PathBuf,
    /// Runs /bin/true.
    pub(crate) short: PathBuf,
    /// Runs until it is killed.
    pub(crate) long: PathBuf,
    /// As `short`, with the caller's seccomp profile.
    pub(crate) seccomp: Option<PathBuf>,
}

/// Makes the bundles.
///
/// # Errors
/// There is no busybox, or the configuration with the seccomp profile cannot be read.
pub(crate) fn build(scratch: &Scratch, options: &Options) -> Result<Bundles, String> {
    let rootfs = scratch.join("rootfs");
    let busybox = which("busybox").ok_or("busybox is missing (package busybox-static)")?;
    fill(&rootfs, &busybox).map_err(|error| format!("{}: {error}", rootfs.display()))?;
    let mut config = parse("tests/bench/config.json", &scratch.source("config.json")?)?;
    config["root"]["path"] = json!(rootfs);
    let short = write(&scratch.join("short"), &config)?;
    let seccomp =
        options.seccomp.as_deref().map(|file| with_profile(scratch, config.clone(), file)).transpose()?;
    config["process"]["args"] = json!(["/bin/sleep", FOREVER]);
    let long = write(&scratch.join("long"), &config)?;
    Ok(Bundles { rootfs, short, long, seccomp })
}

/// A bundle whose process runs out of memory when a line is written to the fifo `go` in its root.
///
/// # Errors
/// There is no C compiler.
pub(super) fn hog(scratch: &Scratch, bundles: &Bundles) -> Result<PathBuf, String> {
    let program = scratch.compile("hog")?;
    let failed = |error| format!("{}: {error}", bundles.rootfs.display());
    fs::copy(program, bundles.rootfs.join("bin/hog")).map_err(failed)?;
    succeed(Command::new("mkfifo").arg(bundles.rootfs.join("go")))?;
    let text = fs::read_to_string(bundles.long.join("config.json"));
    let mut config =
        parse("config.json", &text.map_err(|error| format!("{}: {error}", bundles.long.display()))?)?;
    config["process"]["args"] = json!(["/bin/hog"]);
    config["linux"]["resources"]["memory"] = json!({ "limit": 32 << 20 });
    write(&scratch.join("oom"), &config)
}

/// A bundle under the seccomp profile whose process says how long `call` takes.
///
/// # Errors
/// There is no C compiler, or no profile.
pub(super) fn calling(scratch: &Scratch, bundles: &Bundles, call: &str) -> Result<PathBuf, String> {
    let program = bundles.rootfs.join("bin/calls");
    if !program.exists() {
        let failed = |error| format!("{}: {error}", program.display());
        fs::copy(scratch.compile("calls")?, &program).map_err(failed)?;
    }
    let place = bundles.seccomp.as_ref().ok_or("no seccomp profile")?.join("config.json");
    let text = fs::read_to_string(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let mut config = parse("config.json", &text)?;
    config["process"]["args"] = json!(["/bin/calls", call]);
    write(&scratch.join(call), &config)
}

fn fill(rootfs: &Path, busybox: &Path) -> std::io::Result<()> {
    for folder in ["bin", "dev", "etc", "proc", "sys", "tmp", "root"] {
        fs::create_dir_all(rootfs.join(folder))?;
    }
    fs::write(rootfs.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(rootfs.join("etc/group"), "root:x:0:\n")?;
    fs::copy(busybox, rootfs.join("bin/busybox"))?;
    PROGRAMS.iter().try_for_each(|name| symlink("busybox", rootfs.join("bin").join(name)))
}

fn with_profile(scratch: &Scratch, mut config: Value, file: &Path) -> Result<PathBuf, String> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let mut profile = parse(&name, &text)?;
    if profile["defaultAction"].is_null() {
        profile = profile["linux"]["seccomp"].take();
    }
    if profile.is_null() {
        return Err(format!("{name}: linux.seccomp is missing"));
    }
    config["linux"]["seccomp"] = profile;
    write(&scratch.join("seccomp"), &config)
}

fn parse(name: &str, text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{name}: {error}"))
}

fn write(bundle: &Path, config: &Value) -> Result<PathBuf, String> {
    let written =
        fs::create_dir(bundle).and_then(|()| fs::write(bundle.join("config.json"), config.to_string()));
    written.map_err(|error| format!("{}: {error}", bundle.display()))?;
    Ok(bundle.to_owned())
}
