//! Compiles the seccomp profiles that engines send by default (`crates/seccomp/profiles`), for the architecture that is
//! built for. Runs in: the build script.
//!
//! Two files: all bytes one after the other, and a table of places in them, without pointers that would have to be relocated.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use brig_plan::{load, seccomp};
use brig_seccomp::{Arch, Canonical, Flag, hash};

/// Writes `engines.bin` and `engines.rs` to `out`; `sources` is the folder of the seccomp compiler.
pub(crate) fn compile(sources: &Path, out: &Path) -> Result<(), String> {
    let profiles = sources.join("profiles");
    println!("cargo::rerun-if-changed={}", profiles.display());
    println!("cargo::rerun-if-changed={}", sources.join("src").display());
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").map_err(|error| error.to_string())?;
    let width = env::var("CARGO_CFG_TARGET_POINTER_WIDTH").map_err(|error| error.to_string())?;
    // Engines have been captured on these.
    let native = match (architecture.as_str(), width.as_str()) {
        ("x86_64", "64") => Some(Arch::X86_64),
        _ => None,
    };
    let mut bytes = Vec::new();
    let mut rows = Vec::new();
    for path in native.map_or_else(|| Ok(Vec::new()), |_| files(&profiles.join(&architecture)))? {
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let row = native.map(|native| engine(&text, native, &mut bytes));
        rows.extend(row.transpose().map_err(|error| format!("{}: {error}", path.display()))?);
    }
    rows.sort_unstable();
    let table = format!(
        "const COMPILER: u128 = {:#x};\nconst TABLE: [Engine; {}] = [\n{}];\n",
        fingerprint(&sources.join("src"))?,
        rows.len(),
        rows.concat()
    );
    write(&out.join("engines.bin"), &bytes)?;
    write(&out.join("engines.rs"), table.as_bytes())
}

/// One profile, as `plan` reads it on a kernel that knows SPEC_ALLOW (Linux 4.17).
fn engine(text: &[u8], native: Arch, bytes: &mut Vec<u8>) -> Result<String, String> {
    let section = load::seccomp(text).map_err(|error| error.to_string())?;
    let profile = seccomp::profile(&section, Flag::SpecAllow.bit()).map_err(|error| error.to_string())?;
    let compiled = brig_seccomp::compile(&profile, native).map_err(|error| error.to_string())?;
    let canonical = Canonical::new(&profile, native);
    let abridged = canonical.abridged().ok_or_else(|| format!("unknown names: {:?}", compiled.unknown))?;
    let start = bytes.len();
    bytes.extend(abridged);
    let middle = bytes.len();
    bytes.extend(compiled.to_bytes());
    let end = bytes.len();
    let hash = canonical.hash();
    Ok(format!(
        "    Engine {{ hash: {hash:#x}, profile: ({start}, {middle}), program: ({middle}, {end}) }},\n"
    ))
}

/// Of everything that decides what the compiler makes of a profile.
fn fingerprint(sources: &Path) -> Result<u128, String> {
    let mut all = Vec::new();
    for path in files(sources)? {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        all.extend(hash(&bytes).to_le_bytes());
    }
    Ok(hash(&all))
}

/// All files in `folder` and below it, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            paths.extend(files(&path)?);
        } else {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}
